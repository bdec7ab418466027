"""State of a classifier, which any call changes wholly or not at all."""

import contextlib
import copy

import keras
import numpy as np
from keras import ops

from keras_incremental.layers.growth import HeadState
from keras_incremental.utils import devices
from keras_incremental.utils import graph
from keras_incremental.utils import state
from keras_incremental.utils.transactions import Transaction

# Attributes whose values are never changed, only replaced.
REPLACED = (
    "label_space",
    "num_phases",
    "phases",
    "statistics",
    "deviations",
    "_calibration",
    "previous",
)


class Snapshot:
    """State of a classifier, to be restored exactly.

    Args:
        classifier: `IncrementalClassifier`.

    Attributes:
        compilation: `HeadCompilation`, how the classifier is compiled.
    """

    def __init__(self, classifier):
        features, memory = classifier.features, classifier.memory
        self._classifier = classifier
        self._replaced = {name: getattr(classifier, name) for name in REPLACED}
        readout = classifier.readout
        self._readout = None if readout is None else readout.snapshot()
        self._flags = [
            (layer, layer.trainable) for layer in state.flatten_layers(features)
        ]
        self._weights = [
            (v, ops.convert_to_numpy(v).copy(), v.regularizer)
            for v in features.variables
        ]
        self._memory = None
        if memory is not None:
            self._memory = memory.snapshot(), memory.forgotten
        self._callbacks = [
            (callback, {k: _copied(v) for k, v in vars(callback).items()})
            for callback in callbacks_of(classifier.recipe)
        ]
        self._head = HeadState(classifier, classifier.head)
        self.compilation = self._head.compilation

    def restore(self):
        """Restores weights, classes, memory and compile state."""
        classifier = self._classifier
        for layer, flag in self._flags:
            if layer.trainable != flag:
                layer.trainable = flag
        for variable, value, regularizer in self._weights:
            variable.assign(value)
            variable.regularizer = regularizer
        if self._readout is not None:
            classifier.readout.restore(self._readout)
        if self._memory is not None:
            content, classifier.memory.forgotten = self._memory
            classifier.memory.restore(content)
        for callback, attributes in self._callbacks:
            vars(callback).clear()
            vars(callback).update(attributes)
        for name, value in self._replaced.items():
            setattr(classifier, name, value)
        self._head.restore()

    def go_back(self):
        """Restores all of it but the samples that were forgotten since."""
        memory = self._classifier.memory
        forgotten = () if memory is None else sorted(memory.forgotten)
        self.restore()
        if forgotten:
            memory.forget(forgotten)

    def to_go_back_to(self):
        """Returns the snapshot, after which there is none to go back to."""
        self._replaced["previous"] = None
        return state.Untracked(self)


def callbacks_of(recipe):
    """Returns the callbacks of a recipe, with that against the bias."""
    parts = (*recipe.callbacks, recipe.bias_correction)
    return [
        part for part in parts if isinstance(part, keras.callbacks.Callback)
    ]


def _copied(value):
    grows = isinstance(value, (list, dict, set))
    return copy.copy(value) if grows else value


@contextlib.contextmanager
def changing(classifier, num_new_classes=0):
    """Gives a `Transaction`, and keeps other threads out of the block.

    Args:
        classifier: `IncrementalClassifier`.
        num_new_classes: Int. How many classes arrive. Raises before anything
            changes if the compiled loss cannot grow. Defaults to `0`.
    """
    with (
        classifier.guard.value.changing(),
        devices.scope_of(classifier.variables),
    ):
        snapshot = Snapshot(classifier)
        snapshot.compilation.check(num_new_classes)
        with Transaction(snapshot) as transaction:
            yield transaction


def check_finite(classifier):
    """Raises if training has diverged."""
    variables = [*classifier.trainable_variables, *classifier.head.variables]
    if classifier.train_batch_norm:
        for layer in graph.batch_norms(classifier.features):
            variables.extend(layer.variables)
    diverged = {
        variable.path: None
        for variable in variables
        if not np.isfinite(ops.convert_to_numpy(variable)).all()
    }
    if diverged:
        raise RuntimeError(
            f"Training diverged: {list(diverged)} are not finite, so nothing "
            "has been changed. Pass an `optimizer` with a lower learning rate, "
            "or look for extreme values in `x`."
        )
