"""Problem types: single-label, multi-label, and segmentation."""
