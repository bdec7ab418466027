"""Detection of unknown samples, and review of predictions."""
