"""What a phase changed, measured and told."""
