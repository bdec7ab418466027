"""Names of models and layers that the backend refuses, but only in use."""

import re

import keras

from keras_incremental.utils import state

# Of `tf.name_scope`, within another scope and outside of all.
INNER = re.compile(r"[A-Za-z0-9_.\\/>-]*")
OUTER = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")


def check_scope_names(classifier):
    """Raises if TensorFlow would refuse a name when the classifier runs.

    Args:
        classifier: `IncrementalClassifier`. Its features run by themselves too.
    """
    if keras.config.backend() != "tensorflow":
        return
    for part in (classifier, classifier.features):
        _check(part, OUTER)
    for layer in state.flatten_layers(classifier):
        if not isinstance(layer, keras.layers.InputLayer):
            _check(layer, INNER)


def _check(layer, pattern):
    if not pattern.fullmatch(layer.name):
        raise ValueError(
            "Names of models and layers must be letters, digits and any of "
            "`_.\\/>-` on TensorFlow; the name of a model begins with a "
            "letter, a digit or `.`. Received: "
            f"{type(layer).__name__} with name={layer.name!r}. Give it "
            'another one, as in `layer.name = "dense"`.'
        )
