"""A phase of learning, from its plan to the trained head."""
