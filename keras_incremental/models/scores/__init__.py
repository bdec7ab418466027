"""What scores say: decisions, doubt, and classes that are hidden."""
