"""What a user hands to a verb, checked and made into arrays and indices."""
