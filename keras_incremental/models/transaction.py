from keras import ops

from keras_incremental.utils import state


class Snapshot:
    """A classifier as it is now, to be brought back exactly.

    Args:
        classifier: `IncrementalClassifier`.
    """

    def __init__(self, classifier):
        self._ontology = classifier.label_space
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
        self._compile_config = state.compile_config(classifier)
        self._slots = _slots(classifier)

    def restore(self, classifier):
        """Brings weights, classes, memory and compile state back."""
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
        classifier.set_knowledge(self._ontology, self._phases, self._statistics)
        state.recompile(classifier, self._compile_config)
        if self._slots:
            classifier.optimizer.build(classifier.trainable_variables)
            for variable, value in zip(
                classifier.optimizer.variables, self._slots, strict=True
            ):
                variable.assign(value)


class Transaction:
    """A block that either finishes or leaves the classifier as it was.

    Any exception, Ctrl-C among them, and `undo` bring everything back.

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
        """Brings everything back as it was before the block."""
        self.snapshot.restore(self._classifier)


def _slots(classifier):
    optimizer = getattr(classifier, "optimizer", None)
    if optimizer is None or not optimizer.built:
        return None
    return [ops.convert_to_numpy(v).copy() for v in optimizer.variables]
