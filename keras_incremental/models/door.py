"""Checks of arguments, before anything is changed."""

import dataclasses

import keras
import numpy as np

from keras_incremental.data import checked
from keras_incremental.data import to_indices
from keras_incremental.models.pictures import resized
from keras_incremental.models.pictures import size_to_resize
from keras_incremental.models.plan import Options


def options(epochs, batch_size, backbone_learning_rate, verbose, **others):
    """`Options` of checked arguments of `learn`."""
    return Options(
        epochs=positive("epochs", epochs),
        batch_size=positive("batch_size", batch_size),
        backbone_learning_rate=_rate(backbone_learning_rate),
        callbacks=_callbacks(others.pop("callbacks")),
        verbose=1 if verbose == "auto" else int(verbose),
        **others,
    )


def fitted(lesson, classifier):
    """A lesson that fits the input of a classifier and its memory."""
    if lesson is None:
        return None
    _check_room(classifier.memory, lesson)
    return dataclasses.replace(
        lesson, pictures=_at_input_size(lesson.pictures, classifier.features)
    )


def positive(name, value):
    """An int of 1 or more, or `None`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"`{name}` must be an int. Received: {name}={value!r}.")
    if value < 1:
        raise ValueError(
            f"`{name}` must be 1 or more. Received: {name}={value}."
        )
    return int(value)


def _rate(value):
    """A learning rate of 0 or more, or `None`."""
    if value is not None and not (np.isfinite(value) and value >= 0):
        raise ValueError(
            "`backbone_learning_rate` must be 0 or more. Received: "
            f"backbone_learning_rate={value}."
        )
    return value


def _callbacks(value):
    """A tuple of Keras callbacks."""
    given = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    wrong = [c for c in given if not isinstance(c, keras.callbacks.Callback)]
    if wrong:
        raise TypeError(
            "`callbacks` must be Keras callbacks. Received: "
            f"{[type(c).__name__ for c in wrong]}."
        )
    return given


def _check_room(memory, lesson):
    """A memory that is too small for the classes is said before training."""
    if memory is None or memory.per_class:
        return
    stored = set(memory.classes) | set(lesson.taught.tolist())
    if memory.budget < len(stored):
        raise ValueError(
            f"A memory of budget={memory.budget} cannot keep one picture of "
            f"each of {len(stored)} classes. Use "
            f"ExemplarMemory({20 * len(stored)}) or more."
        )


def check_gate(gate, lesson, validation):
    """A limit on the drop needs something to measure it on."""
    if gate.is_open:
        return
    known = len(lesson.names) - len(lesson.new_names)
    if validation is None or not np.any(validation.labels < known):
        raise ValueError(
            "`max_drop` and `max_class_drop` compare the accuracy of the old "
            "classes before and after. Received: no validation pictures of "
            f"{list(lesson.names[:known])}. Pass them in `validation_data`."
        )


def _at_input_size(pictures, model):
    """Pictures at the size that the model was made for, or as they are."""
    _check_shape(pictures, model)
    size = size_to_resize(pictures, model)
    return pictures if size is None else resized(pictures, size)


def checked_data(x, y, classes):
    """Data of `fit` whose labels are inside the head, names made indices."""
    if x is None:
        return x, y
    if y is None:
        return checked(x, len(classes), classes), None
    if np.asarray(y).dtype.kind in "OSU":
        return x, to_indices(y, classes, classes)
    checked((x, y), len(classes), classes)
    return x, y


def checked_validation(kwargs, classes):
    """Arguments of `fit`, `validation_data` checked as the data is."""
    data = kwargs.get("validation_data")
    if data is None:
        return kwargs
    if isinstance(data, tuple):
        x, y = checked_data(*data[:2], classes)
        return {**kwargs, "validation_data": (x, y, *data[2:])}
    return {**kwargs, "validation_data": checked(data, len(classes), classes)}


def _check_shape(pictures, model):
    wanted = model.input_shape
    given = np.shape(pictures)
    if not isinstance(wanted, tuple):
        return
    fits = len(given) == len(wanted) and all(
        w in (None, g) for g, w in zip(given[1:], wanted[1:], strict=True)
    )
    if not fits and size_to_resize(pictures, model) is None:
        raise ValueError(
            f"The classifier reads pictures of shape {wanted[1:]}. Received: "
            f"pictures of shape {given[1:]}. Bring them to the same rank and "
            "number of channels; height and width are resized for you."
        )
