"""Learning without phases, one batch after the other."""
