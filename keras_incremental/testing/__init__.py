"""Checks that every head, loss, term and callback must pass."""
