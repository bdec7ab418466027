"""What a classifier answers: a class, a map of classes, or several."""
