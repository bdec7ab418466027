"""The optimizer of a run."""

import keras

from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.optimizers import LearningRateMultiplier
from keras_incremental.optimizers import paths_of

BACKBONE_FACTOR = 0.01
MAX_RATE = 0.05


def make_optimizer(
    classifier,
    backbone,
    given=None,
    coordinates=None,
    callbacks=(),
    rate=1.0,
    head=None,
):
    """Returns a fresh optimizer, slower below the head.

    Args:
        classifier: `IncrementalClassifier`.
        backbone: Its `Backbone`.
        given: Optimizer of the user, its name, or `None`.
        coordinates: `Coordinates` that the head is trained in, or `None`.
        callbacks: Callbacks, of which a `PhaseCallback` may wrap it.
        rate: Float, what all learning rates are multiplied by. Defaults to
            `1.0`.
        head: Head that trains. Defaults to `None`, that of the classifier.
    """
    head = classifier.head if head is None else head
    optimizer = _base_optimizer(head, given, coordinates)
    factor = _backbone_factor(classifier, optimizer)
    if rate != 1.0:
        optimizer = _slower(optimizer, rate)
    if backbone.is_trainable:
        optimizer = LearningRateMultiplier(
            optimizer, {paths_of(head): 1.0}, others=factor
        )
    for callback in callbacks:
        if isinstance(callback, PhaseCallback):
            optimizer = callback.wrap_optimizer(optimizer)
    return optimizer


def _base_optimizer(head, given, coordinates):
    if given is None:
        return _default_optimizer(head, coordinates)
    if isinstance(given, keras.optimizers.Optimizer):
        return type(given).from_config(given.get_config())
    return keras.optimizers.get(given)


def _backbone_factor(classifier, optimizer):
    """Returns the learning rate below the head, as part of the head's."""
    rate = classifier.backbone_learning_rate
    if rate is not None:
        return rate / float(optimizer.learning_rate)
    return 1.0 if classifier.recipe.reinitialize else BACKBONE_FACTOR


def _slower(optimizer, rate):
    config = optimizer.get_config()
    config["learning_rate"] = rate * float(optimizer.learning_rate)
    return type(optimizer).from_config(config)


def _default_optimizer(head, coordinates):
    """Returns Adam whose first steps move a logit by about one.

    A larger epsilon than usual keeps it from turning the rounding of
    features that never vary into steps of full length.
    """
    rate = 1e-3
    if coordinates is not None:
        rate = min(1.0 / head.input_dim, MAX_RATE)
    return keras.optimizers.Adam(rate, epsilon=1e-4)
