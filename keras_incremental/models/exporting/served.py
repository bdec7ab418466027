"""What an exported classifier computes: samples in, scores and answers out."""

import keras
import numpy as np
from keras import ops

from keras_incremental.models.inputs.checks import to_input_size
from keras_incremental.models.student import scores_of
from keras_incremental.rejection.scores import BOTH
from keras_incremental.rejection.scores import DISCRIMINANT
from keras_incremental.rejection.scores import DISTANCE
from keras_incremental.rejection.scores import ENERGY
from keras_incremental.rejection.scores import MAX_SOFTMAX
from keras_incremental.rejection.scores import STATISTICAL
from keras_incremental.statistics.left_out import WhitenedMeans
from keras_incremental.utils import probes
from keras_incremental.utils import state

SCORES, NAMES = "scores", "names"
UNKNOWN, UNKNOWN_SCORE = "unknown", "unknown_score"
# Methods of `UnknownScore`, by the score of a `Rejector`.
METHODS = {
    ENERGY: "_of_energy",
    DISTANCE: "_of_distance",
    DISCRIMINANT: "_of_discriminant",
    BOTH: "_of_both",
    STATISTICAL: "_of_statistics",
    MAX_SOFTMAX: "_of_softmax",
}


class UnknownScore:
    """A function of logits and features that a `Rejector` has a threshold for.

    Args:
        calibration: `Calibration`, with the rejector and the statistics.
        review_format: `ReviewFormat`, which knows the energy of logits.
    """

    def __init__(self, calibration, review_format):
        self.rejector = calibration.rejector
        self._energy = review_format.energy_of
        self._score = getattr(self, METHODS[self.rejector.score])
        if calibration.statistics is not None:
            self._keep(calibration.statistics)

    def __call__(self, logits, features):
        """Returns the scores, and which of them are above the threshold."""
        score = self._score(
            ops.cast(logits, "float32"), ops.cast(features, "float32")
        )
        # Written so that NaN is unknown.
        return score, ops.logical_not(score <= self.rejector.threshold)

    def _keep(self, statistics):
        found = WhitenedMeans.of(statistics)
        self._normal = found.normal
        self._arrays = [
            a.astype("float32") for a in (found.center, found.means.T)
        ]

    def _of_energy(self, logits, features):
        return self._energy(logits)

    def _of_distance(self, logits, features):
        return self._parts(features)[0]

    def _of_discriminant(self, logits, features):
        return self._parts(features)[1]

    def _of_statistics(self, logits, features):
        distance, discriminant = self._parts(features)
        return distance + self.rejector.energy_weight * discriminant

    def _parts(self, features):
        """Returns distances and discriminants, as `WhitenedMeans` does."""
        center, means = map(ops.convert_to_tensor, self._arrays)
        rows = self._normal.whitened(features - center, ops, "float32")
        products = ops.matmul(rows, means)
        sizes = ops.sum(ops.square(means), 0)
        lengths = ops.sum(ops.square(rows), -1, keepdims=True)
        squares = lengths + sizes - 2 * products
        nearest = ops.sqrt(ops.maximum(ops.min(squares, -1), 0))
        return nearest, -ops.logsumexp(products - sizes / 2, axis=-1)

    def _of_both(self, logits, features):
        distance = self._of_distance(logits, features)
        return distance + self.rejector.energy_weight * self._energy(logits)

    def _of_softmax(self, logits, features):
        others = logits - ops.max(logits, -1, keepdims=True)
        total = ops.sum(ops.exp(ops.sort(others, -1)[..., :-1]), -1)
        return total / (1 + total)


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
