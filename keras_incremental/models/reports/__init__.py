"""Reports of what a phase changed."""
