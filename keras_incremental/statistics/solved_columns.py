"""A linear head from statistics and new samples: scores and a temperature."""

import dataclasses

import numpy as np

from keras_incremental.statistics.linear_columns import LinearColumns
from keras_incremental.statistics.ridge_solution import Statistics
from keras_incremental.statistics.ridge_solution import solved
from keras_incremental.statistics.temperature import best_factor
from keras_incremental.utils import large_arrays
from keras_incremental.utils import long_progress

# Bytes of features, or of scores, that are left out in turn at a time: 4 MiB.
AT_ONCE = 2**22


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """Samples, with their logits of a head that was solved without each.

    Attributes:
        features: Array of shape `(samples, features)`.
        labels: Ints of shape `(samples,)`.
        logits: Array of shape `(samples, classes)`.
    """

    features: np.ndarray
    labels: np.ndarray
    logits: np.ndarray

    def only(self, chosen: np.ndarray) -> "LeftOut":
        """Returns some of the samples.

        Args:
            chosen: Bools of shape `(samples,)`.
        """
        return LeftOut(
            *(getattr(self, f.name)[chosen] for f in dataclasses.fields(self))
        )


def solve_columns(
    statistics: Statistics, features: np.ndarray, labels: np.ndarray
) -> tuple[LinearColumns, LeftOut]:
    """Returns the head solved from statistics, at its best temperature.

    Ridge regression on one-hot labels, its penalty the most probable one;
    one temperature, of least crossentropy on samples that are left out in
    turn, makes logits of the scores.

    Args:
        statistics: `FeatureStatistics` or `RowStatistics`, with samples of
            each class.
        features: Array of shape `(samples, features)`, samples that are in
            the statistics.
        labels: Ints of shape `(samples,)`.
    """
    solution = solved(statistics)
    # Without the only sample of its class there is no solution.
    rows = statistics.counts[labels] > 1
    if not rows.all():
        features, labels = features[rows], labels[rows]
    scores = np.zeros((len(labels), len(statistics.counts)))
    # Of thousands of classes scores take more room than features.
    wider = max(scores.nbytes / max(features.nbytes, 1), 1)
    parts = large_arrays.slices(features, int(AT_ONCE / wider))
    name = "leaving samples out in turn"
    for part in long_progress.steps_of(parts, name, len(features), "sample"):
        exact = features[part].astype("float64")
        scores[part] = solution.left_out(exact, labels[part])
    factor = best_factor(scores, labels)
    columns = LinearColumns(factor * solution.kernel, factor * solution.bias)
    return columns, LeftOut(features, labels, factor * scores)


def is_worse(solved: np.ndarray, old: np.ndarray, surely: bool) -> bool:
    """Returns whether a solved head loses more samples than it wins.

    Args:
        solved: Bools, which samples the solved head has right.
        old: The same of the old head.
        surely: Bool. Whether by more than the standard error.
    """
    lost = np.count_nonzero(old & ~solved)
    won = np.count_nonzero(solved & ~old)
    return bool(lost - won > (np.sqrt(lost + won) if surely else 0))
