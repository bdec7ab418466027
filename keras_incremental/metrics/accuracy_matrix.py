import dataclasses
import json
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.metrics.class_counts import ClassCounts
from keras_incremental.metrics.group_means import MEANS
from keras_incremental.metrics.group_means import mean_of
from keras_incremental.metrics.group_means import ratio
from keras_incremental.metrics.group_means import sums
from keras_incremental.metrics.phase_counts import FIELDS
from keras_incremental.metrics.phase_counts import PhaseCounts
from keras_incremental.metrics.phase_counts import group_of_each
from keras_incremental.metrics.phase_counts import padded
from keras_incremental.utils.types import Config


class AccuracyMatrix:
    """Accuracy on the classes of each phase, after each phase.

    The matrix stores counts of every class, so phases may have different
    numbers of classes and samples. After phase `k`, the groups `0` to `k` are
    seen. Counts of later groups are used by `forward_transfer` only. Phases
    are indexed like lists: the default `-1` is the last one.

    There are three means: `"task"` gives each group the same weight,
    `"class"` each class, and `"sample"` each sample. They agree only if all
    groups have the same size.

    Reference:
    - [Lopez-Paz and Ranzato, 2017](https://arxiv.org/abs/1706.08840)
    - [Chaudhry et al., 2018](https://arxiv.org/abs/1801.10112)

    Args:
        group_sizes: Ints. Number of new classes in each phase.

    Example:

    >>> from keras_incremental.metrics import AccuracyMatrix
    >>> from keras_incremental.metrics import ClassCounts
    >>> matrix = AccuracyMatrix([2, 1])
    >>> matrix.append(ClassCounts([9, 7], [10, 10]))
    >>> matrix.append(ClassCounts([6, 4, 9], [10, 10, 10]))
    >>> round(matrix.accuracy(), 2), round(matrix.forgetting(), 2)
    (0.7, 0.3)
    """

    def __init__(self, group_sizes: Sequence[int]):
        self.group_sizes = tuple(int(size) for size in group_sizes)
        if not self.group_sizes or min(self.group_sizes) < 1:
            raise ValueError(
                "`group_sizes` must hold at least one int of 1 or more. "
                f"Received: group_sizes={group_sizes}. Pass the number of "
                "new classes in each phase."
            )
        self.rows: list[PhaseCounts] = []

    def __len__(self) -> int:
        return len(self.rows)

    def append(self, counts: ClassCounts) -> None:
        """Adds the counts after the next phase.

        Args:
            counts: `ClassCounts` of at least all seen classes. `PhaseCounts`
                also enable `task_aware`.

        Raises:
            ValueError: if there are more rows than phases, or if a seen
                group has no samples.
        """
        if len(self) == len(self.group_sizes):
            raise ValueError(
                f"AccuracyMatrix has {len(self)} phases. Received: counts of "
                "another phase. Include all phases in `group_sizes`."
            )
        row = padded(counts, sum(self.group_sizes))
        totals = self._by_group(row.total)[: len(self) + 1]
        if not totals.all():
            raise ValueError(
                "`counts` must have samples of each group seen after phase "
                f"{len(self)}. Received: samples of groups={totals.tolist()}. "
                "Evaluate on all classes."
            )
        self.rows.append(row)

    @property
    def accuracies(self) -> np.ndarray:
        """Floats of shape `(phases, groups)`; NaN without samples."""
        correct = np.array([self._by_group(r.correct) for r in self.rows])
        total = np.array([self._by_group(r.total) for r in self.rows])
        return ratio(correct, total).reshape(len(self), len(self.group_sizes))

    @property
    def task_aware(self) -> "AccuracyMatrix":
        """`AccuracyMatrix` of predictions restricted to the true group."""
        matrix = AccuracyMatrix(self.group_sizes)
        for row in self.rows:
            right = _counted(row, "within_group")
            matrix.append(dataclasses.replace(row, correct=right))
        return matrix

    def accuracy(self, phase: int = -1, mean: str = "task") -> float:
        """Returns the accuracy over all classes seen after a phase.

        Args:
            phase: Int. Index of the phase. Defaults to `-1`, the last one.
            mean: `"task"`, `"class"` or `"sample"`. Defaults to `"task"`.

        Returns:
            Float.
        """
        if mean not in MEANS:
            raise ValueError(
                f"`mean` must be one of {sorted(MEANS)}. Received: "
                f"mean={mean!r}."
            )
        phase = self._phase(phase)
        seen = group_of_each(self.group_sizes) <= phase
        row, groups = self.rows[phase], group_of_each(self.group_sizes)[seen]
        return MEANS[mean](row.correct[seen], row.total[seen], groups)

    def average_incremental(
        self, mean: str = "task", with_first: bool = True
    ) -> float:
        """Returns the mean of `accuracy` over the phases.

        Args:
            mean: `"task"`, `"class"` or `"sample"`. Defaults to `"task"`.
            with_first: Boolean. Whether to include the first phase. Some
                papers omit it, because nothing can be forgotten there.
                Defaults to `True`.

        Returns:
            Float.
        """
        phases = range(0 if with_first else 1, len(self))
        return mean_of([self.accuracy(phase, mean) for phase in phases])

    def forgetting(self, phase: int = -1) -> float:
        """Returns the mean drop from the best earlier accuracy of old groups.

        Args:
            phase: Int. Index of the phase. Defaults to `-1`, the last one.

        Returns:
            Float; 0 after the first phase.
        """
        phase = self._phase(phase)
        lower = _lower(self.accuracies)[: phase + 1, :phase]
        if not phase:
            return 0.0
        return mean_of(np.nanmax(lower[:-1], axis=0) - lower[-1])

    def backward_transfer(self, phase: int = -1) -> float:
        """Returns the mean change of accuracy since a group was learned.

        Args:
            phase: Int. Index of the phase. Defaults to `-1`, the last one.

        Returns:
            Float; 0 after the first phase.
        """
        phase = self._phase(phase)
        if not phase:
            return 0.0
        accuracies = self.accuracies
        return mean_of(
            accuracies[phase, :phase] - np.diagonal(accuracies)[:phase]
        )

    def forward_transfer(self, untrained: ArrayLike) -> float:
        """Returns the mean gain on groups that are not learned yet.

        It needs counts of later groups. They are only useful for
        `task_aware`, because a model cannot predict a class before it is
        added.

        Args:
            untrained: Floats. Accuracy of each group before the first phase.

        Returns:
            Float.
        """
        ahead = np.diagonal(self.accuracies, offset=1)
        missing = np.flatnonzero(np.isnan(ahead)) + 1
        if len(missing) or not len(ahead):
            raise ValueError(
                "`forward_transfer` needs counts of each group before it is "
                f"learned. Received: no counts of groups={missing.tolist()}, "
                f"after {len(self)} phases. Append counts of all groups."
            )
        untrained = np.asarray(untrained, float)
        return mean_of(ahead - untrained[1 : len(ahead) + 1])

    def intransigence(
        self, reference: "AccuracyMatrix | ArrayLike"
    ) -> np.ndarray:
        """Returns the drop of each new group from the accuracy of a reference.

        Args:
            reference: `AccuracyMatrix` of joint training, or floats: the
                accuracy of each group after the phase in which it was added.

        Returns:
            Floats of shape `(phases,)`; positive if worse than the reference.
        """
        if isinstance(reference, AccuracyMatrix):
            reference = np.diagonal(reference.accuracies)
        own = np.diagonal(self.accuracies)
        return np.asarray(reference, float)[: len(own)] - own

    def decomposition(self, phase: int = -1) -> tuple[float, float]:
        """Splits the accuracy into that between and that within groups.

        Args:
            phase: Int. Index of the phase. Defaults to `-1`, the last one.

        Returns:
            Two floats: the share of samples that are predicted in the right
            group, and the share of these with the right class. Their product
            is the accuracy over samples.
        """
        row = self.rows[self._phase(phase)]
        seen = group_of_each(self.group_sizes) <= self._phase(phase)
        grouped = _counted(row, "right_group")[seen].sum()
        total, correct = row.total[seen].sum(), row.correct[seen].sum()
        return float(grouped / total), float(ratio(correct, grouped))

    def to_dict(self) -> Config:
        """Returns the counts as plain Python values. See `from_dict`."""
        rows = [
            {k: np.asarray(v).tolist() for k, v in vars(row).items()}
            for row in self.rows
        ]
        return {"group_sizes": list(self.group_sizes), "rows": rows}

    @classmethod
    def from_dict(cls, values: Config) -> Self:
        """Creates a matrix from the result of `to_dict`."""
        matrix = cls(values["group_sizes"])
        for row in values["rows"]:
            matrix.append(PhaseCounts(**{k: row.get(k) for k in FIELDS}))
        return matrix

    def to_json(self) -> str:
        """Returns the counts as a JSON string."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Creates a matrix from the result of `to_json`."""
        return cls.from_dict(json.loads(text))

    def _phase(self, phase):
        if not -len(self) <= phase < len(self):
            raise IndexError(
                f"`phase` must be one of {len(self)} phases. Received: "
                f"phase={phase}."
            )
        return phase % len(self)

    def _by_group(self, counts):
        return sums(counts, group_of_each(self.group_sizes))


def _counted(row, name):
    counts = getattr(row, name)
    if counts is None:
        raise ValueError(
            f"The counts have no `{name}`. Received: counts without it. "
            "Append the result of `count_phase`."
        )
    return counts


def _lower(accuracies):
    phases, groups = np.indices(accuracies.shape)
    return np.where(groups <= phases, accuracies, np.nan)
