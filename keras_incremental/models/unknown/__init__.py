"""From pictures to names: unknowns, proposals and reviews."""
