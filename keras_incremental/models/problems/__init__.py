"""What labels and answers mean: a class, a map of classes, or several."""
