"""Callbacks of Keras that were used before, made ready for the next phase."""

import weakref
from collections.abc import Iterable
from collections.abc import Iterator

import keras
from keras.callbacks import Callback

from keras_incremental.utils import state
from keras_incremental.utils.types import Structure

_thresholds: weakref.WeakKeyDictionary[Callback, float | None]
_thresholds = weakref.WeakKeyDictionary()


def begin_phase(callbacks: Iterable[Callback]) -> None:
    """Makes callbacks forget the training that they were last used in.

    What was measured on other classes is no best value for a checkpoint, and a
    new optimizer has no averages that could be in the model.

    Args:
        callbacks: Callbacks of a phase.
    """
    for callback in _flat(callbacks):
        if isinstance(callback, keras.callbacks.ModelCheckpoint):
            is_new = callback.model is None
            threshold = callback.best if is_new else None
            callback.best = _thresholds.setdefault(callback, threshold)
    _forget_averages(callbacks)


def begin_fit(model: keras.Model, callbacks: Structure) -> None:
    """Makes a model, and callbacks of its `fit`, forget what is over.

    Args:
        model: Model, compiled or not.
        callbacks: One callback or several, or `None`.
    """
    state.forget_resumed_epoch(model)
    if not state.variables_built_for(getattr(model, "optimizer", None)):
        _forget_averages(keras.tree.flatten(callbacks or []))


def _forget_averages(callbacks):
    for callback in _flat(callbacks):
        if isinstance(callback, keras.callbacks.SwapEMAWeights):
            state.forget_swap(callback)


def _flat(callbacks: Iterable[Callback]) -> Iterator[Callback]:
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.CallbackList):
            yield from _flat(callback.callbacks)
        else:
            yield callback
