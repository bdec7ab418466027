"""What an exported classifier computes: samples in, scores and answers out."""

import keras
import numpy as np
from keras import ops

from keras_incremental.models.exporting.unknown_score import UnknownScore
from keras_incremental.models.inputs.checks import to_input_size
from keras_incremental.models.student import scores_of
from keras_incremental.utils import probes
from keras_incremental.utils import state

SCORES, NAMES = "scores", "names"
UNKNOWN, UNKNOWN_SCORE = "unknown", "unknown_score"


class ServedModel(keras.Model):
    """A classifier with all that runs after it, in one graph.

    Args:
        classifier: `IncrementalClassifier`, of which it shares the layers.
        num_classes: Int. How many classes it answers with, the first ones.

    Output:
        Dict of tensors in the order of their names: `"scores"`, of shape
        `(batch_size, ..., num_classes)`, what `predict` gives; what the
        decoder of the problem answers, such as `"indices"`; where it was
        calibrated, `"unknown"` and `"unknown_score"`; and other outputs of
        its model by their names.
    """

    def __init__(self, classifier, num_classes):
        super().__init__(name=classifier.name)
        # Keras would save a signature of it, which has one input.
        self._classifier = state.Untracked(classifier)
        self.num_classes = num_classes
        self.decoder = classifier.problem.decoder
        self.unknown_score = None
        if classifier.held_calibration is not None:
            self.unknown_score = UnknownScore(
                classifier.held_calibration, self.decoder.review_format
            )
        self.joined = _joined(classifier)
        self.head, self.readout = classifier.head, classifier.readout

    @property
    def classifier(self):
        """`IncrementalClassifier`, of which this has the layers."""
        return self._classifier.value

    def call(self, inputs, training=None):
        features, logits, outputs = self.parts_of(inputs)
        if self.unknown_score is not None:
            score, unknown = self.unknown_score(logits, features)
            outputs |= {UNKNOWN_SCORE: score, UNKNOWN: unknown}
        outputs[SCORES] = self._scores(logits)
        outputs[self.decoder.answer] = self.decoder.decide_in_graph(
            logits[..., : self.num_classes], self.deciding_head
        )
        return {name: outputs[name] for name in self.output_names}

    @property
    def output_names(self):
        """Names of the outputs, in their order."""
        names = [SCORES, self.decoder.answer, *self.other_names]
        if self.unknown_score is not None:
            names += [UNKNOWN, UNKNOWN_SCORE]
        return sorted(names)

    @property
    def other_names(self):
        """Names of the outputs of its model that are no class scores."""
        others = self.classifier.others
        return [] if others is None else list(others.layout.others)

    def parts_of(self, inputs):
        """Returns features, logits of all classes, and other outputs."""
        classifier = self.classifier
        inputs = to_input_size(inputs, classifier.features)
        outputs = self.joined(inputs, training=False)
        features, *others = outputs if self.other_names else [outputs]
        logits = scores_of(classifier.head, classifier.readout, features)
        logits = self.decoder.remap(classifier.label_space, logits)
        named = dict(zip(self.other_names, others, strict=True))
        return features, logits, named

    @property
    def deciding_head(self):
        """The head whose logits they are, `None` where a readout gives them."""
        classifier = self.classifier
        return classifier.head if classifier.readout is None else None

    def _scores(self, logits):
        """Returns what `predict` gives for the first classes."""
        count = self.num_classes
        # Probabilities are those among the classes that are left.
        if not self.classifier.gives_logits:
            logits = logits[..., :count]
        outputs = self.classifier.outputs_of(logits)
        return ops.cast(outputs[..., :count], "float32")


def _joined(classifier):
    """Returns a model of the features, and of the other outputs if any."""
    if classifier.others is None:
        return classifier.features
    return classifier.others.joined_with(classifier.features)


def signature_of(classifier):
    """Returns the `keras.InputSpec`s of what a classifier reads."""
    inputs = state.inputs_of(classifier.features)
    alone = not isinstance(inputs, dict | list | tuple)
    return [
        keras.tree.map_structure(
            lambda tensor: keras.InputSpec(
                tensor.dtype,
                tuple(tensor.shape),
                name="inputs" if alone else tensor.name,
            ),
            inputs,
        )
    ]


def check_same(served):
    """Raises unless a `ServedModel` answers what its classifier does.

    Args:
        served: `ServedModel`.

    Raises:
        ValueError: if an answer on random samples is another one.
    """
    classifier = served.classifier
    _check_decoder(classifier.problem)
    _check_other_names(served)
    samples, _ = probes.probe_of(classifier.features, finite=False)
    tensors = keras.tree.map_structure(ops.convert_to_tensor, samples)
    received = as_arrays(served(tensors))
    features, logits, _ = served.parts_of(tensors)
    features, logits = map(ops.convert_to_numpy, (features, logits))
    expected = {}
    if classifier.others is not None:
        others = keras.tree.flatten(classifier.others(tensors))
        values = map(ops.convert_to_numpy, others)
        expected = dict(zip(served.other_names, values, strict=True))
    if served.unknown_score is not None:
        calibration = classifier.held_calibration
        expected[UNKNOWN_SCORE] = served.decoder.review_format.ood_scores(
            calibration.rejector.score,
            logits,
            features,
            calibration.statistics,
            calibration.rejector.energy_weight,
        )
    if served.num_classes == len(classifier.classes):
        decided = served.decoder.decide(logits, served.deciding_head)
        expected[served.decoder.answer] = np.asarray(decided, int)
        scores = classifier(tensors, training=False)
        expected[SCORES] = ops.convert_to_numpy(scores).astype("float32")
    for name, value in expected.items():
        own = np.asarray(received[name], "float64")
        distance = probes.differ(value, own, classifier.compute_dtype)
        if distance is not None:
            raise ValueError(
                f"The graph of the problem type '{classifier.problem.name}' "
                f"computes other {name} than the classifier. Received: a "
                f"difference of {distance:.2g} on random samples. Keep the "
                "classifier, by `save`."
            )


def _check_other_names(served):
    """Raises if another output has the name of one that is added."""
    known = {SCORES, served.decoder.answer, NAMES, UNKNOWN, UNKNOWN_SCORE}
    taken = sorted(known & set(served.other_names))
    if taken:
        raise ValueError(
            "What is exported has outputs of its own. Received: a model with "
            f"other outputs of the same names, {taken}. Adopt a model whose "
            "outputs have other names, in a dict."
        )


def _check_decoder(problem):
    """Raises if decisions were changed, and not those of the graph."""
    classes = type(problem.decoder).__mro__
    decide, in_graph = (
        next(k for k, owner in enumerate(classes) if name in vars(owner))
        for name in ("decide", "decide_in_graph")
    )
    if decide < in_graph:
        raise ValueError(
            f"The problem type '{problem.name}' decides in a way of its own, "
            "with NumPy, which no other runtime can. Received: decoder="
            f"{classes[0].__name__}. Define its `decide_in_graph`, with "
            "`keras.ops`."
        )


def as_arrays(outputs):
    """Returns a dict of tensors as a dict of arrays."""
    return {k: ops.convert_to_numpy(v) for k, v in outputs.items()}
