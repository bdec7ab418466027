"""New classes for trained Keras classifiers, without losing the old ones."""

from keras_incremental.version import __version__ as __version__
