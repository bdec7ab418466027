"""The optimizer of a phase."""

import keras

from keras_incremental.optimizers import LearningRateMultiplier
from keras_incremental.optimizers import paths_of

BACKBONE_FACTOR = 0.01
MAX_RATE = 0.05


def make_optimizer(head, backbone, plan, options, rate=1.0):
    """A fresh optimizer, slower below the head, all of it `rate` times."""
    optimizer = _base_optimizer(head, plan, options)
    factor = _backbone_factor(optimizer, plan, options)
    if rate != 1.0:
        optimizer = _slower(optimizer, rate)
    if backbone.is_trainable:
        optimizer = LearningRateMultiplier(
            optimizer, {paths_of(head): 1.0}, others=factor
        )
    for callback in plan.callbacks:
        wrap = getattr(callback, "wrap_optimizer", None)
        optimizer = optimizer if wrap is None else wrap(optimizer)
    return optimizer


def _base_optimizer(head, plan, options):
    optimizer = options.optimizer
    if optimizer is None:
        return _default_optimizer(head, plan)
    if isinstance(optimizer, keras.optimizers.Optimizer):
        return type(optimizer).from_config(optimizer.get_config())
    return keras.optimizers.get(optimizer)


def _backbone_factor(optimizer, plan, options):
    """How fast what is below the head learns, beside the head."""
    if options.backbone_learning_rate is not None:
        return options.backbone_learning_rate / float(optimizer.learning_rate)
    return 1.0 if plan.recipe.reinitialize else BACKBONE_FACTOR


def _slower(optimizer, rate):
    config = optimizer.get_config()
    config["learning_rate"] = rate * float(optimizer.learning_rate)
    return type(optimizer).from_config(config)


def _default_optimizer(head, plan):
    """Adam whose first steps move a logit by about one.

    A larger epsilon than usual keeps it from turning the rounding of
    features that never vary into steps of full length.
    """
    rate = 1e-3
    if plan.coordinates is not None:
        rate = min(1.0 / head.input_dim, MAX_RATE)
    return keras.optimizers.Adam(rate, epsilon=1e-4)
