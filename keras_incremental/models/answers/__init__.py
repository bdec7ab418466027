"""From scores to names: hidden classes, unknowns, proposals, reviews."""
