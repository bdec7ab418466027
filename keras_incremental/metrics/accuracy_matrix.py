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

    It keeps counts of every class, so phases may differ in their numbers of
    classes and of samples. After phase `k` the groups `0` to `k` are seen;
    counts of later groups are kept, and used by `forward_transfer` alone.
    Phases are indexed as lists are: the default `-1` is the last one.

    Means come in three kinds, which agree only where all groups are of one
    size: `"task"` weighs each group the same, `"class"` each class, and
    `"sample"` each sample.

    Reference:
    - [Lopez-Paz and Ranzato, 2017](https://arxiv.org/abs/1706.08840)
    - [Chaudhry et al., 2018](https://arxiv.org/abs/1801.10112)

    Args:
        group_sizes: Ints: how many classes arrive in each phase.

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
                "`group_sizes` must be one or more ints of 1 or more. "
                f"Received: group_sizes={group_sizes}."
            )
        self.rows: list[PhaseCounts] = []

    def __len__(self) -> int:
        return len(self.rows)

    def append(self, counts: ClassCounts) -> None:
        """Adds what was measured after the next phase.

        Args:
            counts: `ClassCounts` of all classes seen, or of more; with
                `PhaseCounts` there is also `task_aware`.

        Raises:
            ValueError: if there are more rows than phases, or if a seen
                group has no sample.
        """
        if len(self) == len(self.group_sizes):
            raise ValueError(
                f"AccuracyMatrix has a row for each of its {len(self)} "
                "phases already. Name all phases in `group_sizes`."
            )
        row = padded(counts, sum(self.group_sizes))
        totals = self._by_group(row.total)[: len(self) + 1]
        if not totals.all():
            raise ValueError(
                "`counts` must have samples of each group seen after phase "
                f"{len(self)}. Received: samples of groups={totals.tolist()}."
            )
        self.rows.append(row)

    @property
    def accuracies(self) -> np.ndarray:
        """Floats of shape `(phases, groups)`, NaN where nothing was counted."""
        correct = np.array([self._by_group(r.correct) for r in self.rows])
        total = np.array([self._by_group(r.total) for r in self.rows])
        return ratio(correct, total).reshape(len(self), len(self.group_sizes))

    @property
    def task_aware(self) -> "AccuracyMatrix":
        """An `AccuracyMatrix` of answers among the true group alone."""
        matrix = AccuracyMatrix(self.group_sizes)
        for row in self.rows:
            right = _counted(row, "within_group")
            matrix.append(dataclasses.replace(row, correct=right))
        return matrix

    def accuracy(self, phase: int = -1, mean: str = "task") -> float:
        """Accuracy over all classes seen after a phase."""
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
        """Mean of `accuracy` over the phases.

        Args:
            mean: The kind of mean. Defaults to `"task"`.
            with_first: Bool. Some papers leave out the first phase, in which
                nothing can be forgotten. Defaults to `True`.
        """
        phases = range(0 if with_first else 1, len(self))
        return mean_of([self.accuracy(phase, mean) for phase in phases])

    def forgetting(self, phase: int = -1) -> float:
        """How much accuracy was lost since the best it ever was.

        Mean over the groups seen before; 0 after the first phase.
        """
        phase = self._phase(phase)
        lower = _lower(self.accuracies)[: phase + 1, :phase]
        if not phase:
            return 0.0
        return mean_of(np.nanmax(lower[:-1], axis=0) - lower[-1])

    def backward_transfer(self, phase: int = -1) -> float:
        """Change of accuracy since a group was learned; mean over groups."""
        phase = self._phase(phase)
        if not phase:
            return 0.0
        accuracies = self.accuracies
        return mean_of(
            accuracies[phase, :phase] - np.diagonal(accuracies)[:phase]
        )

    def forward_transfer(self, untrained: ArrayLike) -> float:
        """What earlier phases gave to groups that had not been learned yet.

        It needs counts of later groups, which only make sense `task_aware`:
        among all classes, one that has not arrived cannot be predicted.

        Args:
            untrained: Accuracies of each group before anything was learned.
        """
        ahead = np.diagonal(self.accuracies, offset=1)
        missing = np.flatnonzero(np.isnan(ahead)) + 1
        if len(missing) or not len(ahead):
            raise ValueError(
                "`forward_transfer` needs counts of each group before it is "
                f"learned. There are none of groups={missing.tolist()}, after "
                f"{len(self)} phases."
            )
        untrained = np.asarray(untrained, float)
        return mean_of(ahead - untrained[1 : len(ahead) + 1])

    def intransigence(
        self, reference: "AccuracyMatrix | ArrayLike"
    ) -> np.ndarray:
        """What a group lacks, when just learned, to a model of all data.

        Args:
            reference: `AccuracyMatrix` of joint training, or the accuracies
                of each group after the phase in which it arrived.

        Returns:
            Floats of shape `(phases,)`; more than 0 is worse than joint.
        """
        if isinstance(reference, AccuracyMatrix):
            reference = np.diagonal(reference.accuracies)
        own = np.diagonal(self.accuracies)
        return np.asarray(reference, float)[: len(own)] - own

    def decomposition(self, phase: int = -1) -> tuple[float, float]:
        """Where answers go wrong: between groups, or within them.

        Returns:
            Shares: of samples put into the right group, and of these the ones
            put into the right class. Their product is the accuracy over
            samples.
        """
        row = self.rows[self._phase(phase)]
        seen = group_of_each(self.group_sizes) <= self._phase(phase)
        grouped = _counted(row, "right_group")[seen].sum()
        total, correct = row.total[seen].sum(), row.correct[seen].sum()
        return float(grouped / total), float(ratio(correct, grouped))

    def to_dict(self) -> Config:
        """Counts as plain Python values; `from_dict` takes them back."""
        rows = [
            {k: np.asarray(v).tolist() for k, v in vars(row).items()}
            for row in self.rows
        ]
        return {"group_sizes": list(self.group_sizes), "rows": rows}

    @classmethod
    def from_dict(cls, values: Config) -> Self:
        """The matrix that `to_dict` wrote."""
        matrix = cls(values["group_sizes"])
        for row in values["rows"]:
            matrix.append(PhaseCounts(**{k: row.get(k) for k in FIELDS}))
        return matrix

    def to_json(self) -> str:
        """Counts as JSON text."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The matrix that `to_json` wrote."""
        return cls.from_dict(json.loads(text))

    def _phase(self, phase):
        if not -len(self) <= phase < len(self):
            raise IndexError(
                f"AccuracyMatrix has {len(self)} rows. Received: phase={phase}."
            )
        return phase % len(self)

    def _by_group(self, counts):
        return sums(counts, group_of_each(self.group_sizes))


def _counted(row, name):
    counts = getattr(row, name)
    if counts is None:
        raise ValueError(
            f"A row has no `{name}`. Append what `count_phase` returns."
        )
    return counts


def _lower(accuracies):
    phases, groups = np.indices(accuracies.shape)
    return np.where(groups <= phases, accuracies, np.nan)
