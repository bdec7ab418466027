"""The score of unknown samples, computed with tensors."""

from keras import ops

from keras_incremental.rejection.scores import BOTH
from keras_incremental.rejection.scores import DISCRIMINANT
from keras_incremental.rejection.scores import DISTANCE
from keras_incremental.rejection.scores import ENERGY
from keras_incremental.rejection.scores import MAX_SOFTMAX
from keras_incremental.rejection.scores import STATISTICAL
from keras_incremental.statistics.left_out import WhitenedMeans


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


SCORES = {
    ENERGY: "_of_energy",
    DISTANCE: "_of_distance",
    DISCRIMINANT: "_of_discriminant",
    BOTH: "_of_both",
    STATISTICAL: "_of_statistics",
    MAX_SOFTMAX: "_of_softmax",
}
