"""Checks of arguments that are no data, before anything is changed."""

import dataclasses
import numbers

import keras
import numpy as np

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory
from keras_incremental.data.feature_folder import FeatureFolder
from keras_incremental.data.labels import normal
from keras_incremental.memory.reservoir import Reservoir
from keras_incremental.recipes.recipe import Recipe
from keras_incremental.recipes.recipe import is_auto


@dataclasses.dataclass(frozen=True)
class FitOptions:
    """Arguments of `learn` that say how a phase trains, checked.

    Attributes:
        epochs: Int, or `None` for the default of the phase.
        batch_size: Int.
        optimizer: Optimizer, its name, or `None` for the default.
        callbacks: Tuple of Keras callbacks.
        verbose: `0`, `1` or `2`.
    """

    epochs: int | None = None
    batch_size: int = 32
    optimizer: keras.optimizers.Optimizer | str | None = None
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    verbose: int = 0


def fit_options(epochs, batch_size, optimizer, callbacks, verbose):
    """Returns `FitOptions` of checked arguments of `learn`."""
    _check_known("optimizer", optimizer, keras.optimizers)
    return FitOptions(
        epochs=None if epochs is None else whole("epochs", epochs),
        batch_size=whole("batch_size", batch_size),
        optimizer=optimizer,
        callbacks=_callbacks(callbacks),
        verbose=checked_verbose(verbose),
    )


def whole(name, value, least=1):
    """An int of `least` or more."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(
            f"`{name}` must be an int. Received: {name}={value!r}. Pass a "
            f"whole number of {least} or more."
        )
    if value < least:
        raise ValueError(
            f"`{name}` must be {least} or more. Received: {name}={value}."
        )
    return int(value)


def recipe(value, memory):
    """A `Recipe` with parts of its own, and the memory that was given."""
    if value is not None and not isinstance(value, Recipe):
        raise TypeError(
            "`recipe` must be a `Recipe` or `None`. Received: recipe="
            f"{value!r}. Pass one of `keras_incremental.recipes`, as in "
            "`recipe=recipes.bic(budget=2000)`."
        )
    value = (value or Recipe()).copy()
    if memory is None:
        return value
    if not isinstance(memory, (ExemplarMemory, Reservoir)):
        raise TypeError(
            "`memory` must be an `ExemplarMemory`, a `Reservoir` or `None`. "
            f"Received: memory={memory!r}. Pass "
            "`ExemplarMemory(budget=2000)`."
        )
    if value.memory is not None:
        raise ValueError(
            f"The recipe '{value.name}' has a memory of its own. Received: "
            f"memory={memory!r} too. Give one of them: the recipe takes "
            "`budget` or `per_class`."
        )
    if memory.mixing_policy is not None and not is_auto(value.policy):
        raise ValueError(
            f"The recipe '{value.name}' decides how exemplars are mixed. "
            f"Received: share={memory.share} of the memory too. Leave out "
            "`share`, or give the recipe `policy=Interleave(share)`."
        )
    return dataclasses.replace(value, memory=memory)


def learning_rate(value):
    """A learning rate of 0 or more, or `None`."""
    if value is None:
        return None
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not (np.isfinite(value) and value >= 0):
        raise ValueError(
            "`backbone_learning_rate` must be a number of 0 or more. "
            f"Received: backbone_learning_rate={value!r}. Pass 0.0 to keep "
            "the backbone as it is."
        )
    return float(value)


def class_weight(value):
    """A dict of names of classes and their weights, empty for `None`."""
    if not isinstance(value, (dict, type(None))):
        raise TypeError(
            "`class_weight` must be a dict of names of classes and numbers, "
            f"or `None`. Received: class_weight={value!r}. Pass, for example, "
            '{"bird": 10.0}.'
        )
    wrong = {
        name: weight
        for name, weight in (value or {}).items()
        if not isinstance(name, str)
        or not isinstance(weight, numbers.Real)
        or isinstance(weight, bool)
        or not (np.isfinite(weight) and weight > 0)
    }
    if wrong:
        raise ValueError(
            "`class_weight` must have names of classes, and finite numbers "
            f"above 0. Received: {wrong}. Leave out a class that weighs 1; "
            "`remove` one that never occurs."
        )
    return {normal(name): float(w) for name, w in (value or {}).items()}


def _callbacks(value):
    """A tuple of Keras callbacks."""
    if value is None:
        return ()
    given = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    wrong = [callback for callback in given if not _is_callback(callback)]
    if wrong:
        raise TypeError(
            "`callbacks` must be Keras callbacks. Received: callbacks="
            f"{value!r}. Pass a list of instances of "
            "`keras.callbacks.Callback`."
        )
    for callback in given:
        if getattr(callback, "save_weights_only", False):
            raise ValueError(
                "A file of weights does not contain the classes. Received: "
                f"callbacks={value!r} with save_weights_only=True. Pass "
                "`ModelCheckpoint(path)` with a path that ends in `.keras`: "
                "it is loaded as a classifier of all classes."
            )
    return given


def checked_verbose(value):
    """Returns `verbose` as 0, 1 or 2."""
    if value not in ("auto", 0, 1, 2):
        raise ValueError(
            f'`verbose` must be "auto", 0, 1 or 2. Received: verbose={value!r}.'
        )
    return 1 if value == "auto" else int(value)


def feature_cache(value):
    """Returns whether to cache features, or the folder to cache them in."""
    if isinstance(value, (bool, FeatureFolder)):
        return value
    raise TypeError(
        "`cache_features` must be True or False, or a `FeatureFolder`. "
        f"Received: cache_features={value!r}. Pass `data.FeatureFolder(path)` "
        "to keep features in a folder."
    )


def _check_known(name, value, module):
    """What Keras finds under a name; mistakes would show only in training."""
    if value is None:
        return
    try:
        module.get(value)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"`{name}` is not known to Keras. Received: {name}={value!r}. "
            f"Pass an instance, or a name from `{module.__name__}`."
        ) from error


def _is_callback(value):
    return isinstance(value, keras.callbacks.Callback)
