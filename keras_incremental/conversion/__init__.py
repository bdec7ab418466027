"""Taking over a trained model: its head, and what lies below."""
