"""Classifiers as files for other runtimes, without this package."""
