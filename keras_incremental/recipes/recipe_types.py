"""Types of the parts of a `Recipe`, checked when it is made or loaded."""

import numbers

import keras

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory
from keras_incremental.layers import column_initializers
from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.memory.policies import MixingPolicy
from keras_incremental.memory.reservoir import Reservoir
from keras_incremental.recipes.balanced_stage import BalancedStage

# Which needs the features of a phase, so it is no initializer yet.
IMPRINTING = "imprinting"


def check(recipe):
    """Raises if a part of a recipe is of a type that cannot be used.

    Raises:
        TypeError: if one is.
    """
    for name, (what, fits) in TYPES.items():
        value = getattr(recipe, name)
        if not fits(value):
            raise TypeError(
                f"`{name}` of Recipe must be {what}. Received: "
                f"{name}={value!r}."
            )


def _is_bool(value):
    return isinstance(value, bool)


def _is_bool_or_auto(value):
    return isinstance(value, bool) or value == "auto"


def _is_policy_or_auto(value):
    is_auto = isinstance(value, str) and value == "auto"
    return is_auto or value is None or isinstance(value, MixingPolicy)


def _is_count_or_none(value):
    is_int = isinstance(value, numbers.Integral) and not _is_bool(value)
    return value is None or (is_int and value >= 1)


def _is_share(value):
    is_number = isinstance(value, numbers.Real) and not _is_bool(value)
    return is_number and 0 < value <= 1


def _none_or(*kinds):
    return lambda value: value is None or isinstance(value, kinds)


def _are_callbacks(value):
    return isinstance(value, tuple) and all(
        isinstance(item, keras.callbacks.Callback) for item in value
    )


def _is_initializer(value):
    if isinstance(value, str) and value == IMPRINTING:
        return True
    try:
        column_initializers.get(value)
    except (ValueError, TypeError):
        return False
    # Keras makes an initializer of a config, which then is none in `learn`.
    return not isinstance(value, (dict, list, numbers.Number))


TYPES = {
    "name": ("a string", lambda value: isinstance(value, str)),
    "memory": (
        "an `ExemplarMemory`, a `Reservoir` or `None`",
        _none_or(ExemplarMemory, Reservoir),
    ),
    "head": ("an `ExpandableHead` or `None`", _none_or(ExpandableHead)),
    "readout": ("a layer or `None`", _none_or(keras.layers.Layer)),
    "policy": (
        'a `memory.policies.MixingPolicy`, `None` or "auto"',
        _is_policy_or_auto,
    ),
    "callbacks": ("a tuple of Keras callbacks", _are_callbacks),
    "stage": ("a `BalancedStage` or `None`", _none_or(BalancedStage)),
    "initializer": ("an initializer, or its name", _is_initializer),
    "statistics": ('True, False or "auto"', _is_bool_or_auto),
    "freeze_old": ('True, False or "auto"', _is_bool_or_auto),
    "freeze_backbone": ("True or False", _is_bool),
    "low_rank": ("an int of 1 or more, or `None`", _is_count_or_none),
    "center_features": ("True or False", _is_bool),
    "reinitialize": ("True or False", _is_bool),
    "recall": ("a number above 0, and up to 1", _is_share),
    "epochs": ("an int of 1 or more, or `None`", _is_count_or_none),
}
