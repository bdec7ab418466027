import numpy as np
from keras import ops

from keras_incremental.layers.growth import HeadCompilation
from keras_incremental.utils import state


class Snapshot:
    """State of a classifier, to be restored exactly.

    Args:
        classifier: `IncrementalClassifier`.
    """

    def __init__(self, classifier):
        self._label_space = classifier.label_space
        self._num_phases = classifier.num_phases
        self._phases = classifier.phases
        self._statistics = classifier.statistics
        self._head = classifier.head.snapshot()
        readout = classifier.readout
        self._readout = None if readout is None else readout.snapshot()
        self._flags = [
            (layer, layer.trainable)
            for layer in state.flatten_layers(classifier.features)
        ]
        self._weights = [
            (variable, ops.convert_to_numpy(variable).copy())
            for variable in classifier.features.variables
        ]
        self._penalties = [
            (variable, variable.regularizer)
            for variable in classifier.features.trainable_variables
        ]
        memory = classifier.memory
        self._memory = None if memory is None else memory.snapshot()
        self._compilation = HeadCompilation(classifier, classifier.head)
        self._slots = _slots(classifier)

    def restore(self, classifier):
        """Restores weights, classes, memory and compile state."""
        classifier.head.restore(self._head)
        if self._readout is not None:
            classifier.readout.restore(self._readout)
        for layer, flag in self._flags:
            if layer.trainable != flag:
                layer.trainable = flag
        for variable, value in self._weights:
            variable.assign(value)
        for variable, regularizer in self._penalties:
            variable.regularizer = regularizer
        if self._memory is not None:
            classifier.memory.restore(self._memory)
        classifier.label_space = self._label_space
        classifier.num_phases = self._num_phases
        classifier.phases = self._phases
        classifier.statistics = self._statistics
        self._compilation.apply()
        if self._slots:
            classifier.optimizer.build(classifier.trainable_variables)
            for variable, value in zip(
                classifier.optimizer.variables, self._slots, strict=True
            ):
                variable.assign(value)


class Transaction:
    """Block that either finishes or leaves the classifier as it was.

    Any exception, Ctrl-C among them, and `undo` restore everything.

    Args:
        classifier: `IncrementalClassifier`.
    """

    def __init__(self, classifier):
        self._classifier = classifier

    def __enter__(self):
        self.snapshot = Snapshot(self._classifier)
        return self

    def __exit__(self, kind, value, traceback):
        if kind is not None:
            self.undo()

    def undo(self):
        """Restores everything as it was before the block."""
        self.snapshot.restore(self._classifier)


def check_finite(variables):
    """Raises if training has diverged."""
    diverged = [
        variable.path
        for variable in variables
        if not np.isfinite(ops.convert_to_numpy(variable)).all()
    ]
    if diverged:
        raise RuntimeError(
            f"Training diverged: {diverged} are not finite, so nothing "
            "has been changed. Pass an `optimizer` with a lower learning rate, "
            "or look for extreme values in `x`."
        )


def _slots(classifier):
    optimizer = getattr(classifier, "optimizer", None)
    if optimizer is None or not optimizer.built:
        return None
    return [ops.convert_to_numpy(v).copy() for v in optimizer.variables]
