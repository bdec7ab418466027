"""The score of unknown samples, computed with tensors."""

from keras import ops

from keras_incremental.rejection.scores import BOTH
from keras_incremental.rejection.scores import DISTANCE
from keras_incremental.rejection.scores import ENERGY
from keras_incremental.rejection.scores import MAX_SOFTMAX
from keras_incremental.statistics.shrinkage import OAS


class UnknownScore:
    """A function of logits and features that a `Rejector` has a threshold for.

    Args:
        calibration: `Calibration`, with the rejector and the statistics.
        review_format: `ReviewFormat`, which knows the energy of logits.
    """

    def __init__(self, calibration, review_format):
        self.rejector = calibration.rejector
        self._energy = review_format.energy_of
        self._score = getattr(self, SCORES[self.rejector.score])
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
        center, self._normal = statistics.mean, statistics.normal(OAS)
        means = statistics.means[statistics.counts > 0]
        means = self._normal.whitened(means - center)
        self._arrays = [a.astype("float32") for a in (center, means.T)]

    def _of_energy(self, logits, features):
        return self._energy(logits)

    def _of_distance(self, logits, features):
        center, means = map(ops.convert_to_tensor, self._arrays)
        rows = self._normal.whitened(features - center, ops, "float32")
        lengths = ops.sum(ops.square(rows), -1, keepdims=True)
        squares = lengths - 2 * ops.matmul(rows, means)
        squares = squares + ops.sum(ops.square(means), 0)
        return ops.sqrt(ops.maximum(ops.min(squares, -1), 0))

    def _of_both(self, logits, features):
        distance = self._of_distance(logits, features)
        return distance + self.rejector.energy_weight * self._energy(logits)

    def _of_softmax(self, logits, features):
        others = logits - ops.max(logits, -1, keepdims=True)
        total = ops.sum(ops.exp(ops.sort(others, -1)[..., :-1]), -1)
        return total / (1 + total)


SCORES = {
    ENERGY: "_of_energy",
    DISTANCE: "_of_distance",
    BOTH: "_of_both",
    MAX_SOFTMAX: "_of_softmax",
}
