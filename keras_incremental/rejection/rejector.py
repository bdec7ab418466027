import math
from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.rejection.intervals import interval_of_exceedance
from keras_incremental.rejection.scores import SCORES
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config

CONFIDENCE = 0.95


@export
class Rejector:
    """Says which samples are unlike everything known, at a stated error rate.

    `calibrate` takes scores of known samples that nothing was trained on,
    and chooses the threshold so that a new known sample is called unknown no
    more often than `false_alarm`, on average over such calibrations: by the
    exact quantile, without any assumption about the scores except that the
    samples are drawn alike. `interval` says how far this one calibration may
    be off. How many of the unknown are found depends on what they are, and
    cannot be known beforehand.

    Reference:
    - [Vovk, 2012](https://arxiv.org/abs/1209.2673), the quantile and how far
      it may be off

    Args:
        score: String: which function of `keras_incremental.rejection` the
            scores come from, `"distance"`, `"relative_distance"`, `"energy"`
            or `"max_softmax"`. Defaults to `"distance"`.
        threshold: Float. Samples with a larger score are unknown. Defaults
            to `None`: `calibrate` finds it.
        false_alarm: Float between 0 and 1. Defaults to `0.05`.
        count: Int. How many samples it was calibrated on. Defaults to `0`.
        alarms: Int. How many of those have a larger score. Defaults to `0`.
        class_alarms: Dict of names and the share of each that has a larger
            score, where names were given. One threshold may cost one class
            more than another. Defaults to `None`.

    Example:

    >>> import numpy as np
    >>> from keras_incremental.rejection import Rejector
    >>> rejector = Rejector("energy").calibrate(np.arange(99), 0.1)
    >>> print(rejector)
    unknown where energy > 89: false alarms 10.0 %, in truth 5.0 to 16.6 %
    (99 known samples)
    >>> rejector.is_unknown([89.0, 89.5]).tolist()
    [False, True]
    """

    def __init__(
        self,
        score: str = "distance",
        threshold: float | None = None,
        false_alarm: float = 0.05,
        count: int = 0,
        alarms: int = 0,
        class_alarms: Mapping[str, float] | None = None,
    ):
        if score not in SCORES:
            raise ValueError(
                f"`score` of Rejector must be one of {sorted(SCORES)}. "
                f"Received: score={score!r}."
            )
        self.score = score
        self.threshold = threshold
        self.false_alarm = _checked_rate(false_alarm)
        self.count = int(count)
        self.alarms = int(alarms)
        self.class_alarms = dict(class_alarms or {})

    def calibrate(
        self,
        scores: ArrayLike,
        false_alarm: float | None = None,
        names: ArrayLike | None = None,
    ) -> Self:
        """Finds the threshold by scores of known samples.

        Args:
            scores: Floats of any shape, of samples of known classes that
                neither the model nor the statistics have learned from.
            false_alarm: Float between 0 and 1, the share of known samples
                that may be called unknown. A smaller value finds fewer of
                the unknown, and needs more samples. Defaults to that of the
                constructor.
            names: Array of strings of the same shape, the classes of the
                samples. Defaults to `None`.

        Returns:
            The rejector itself.

        Raises:
            ValueError: if there are too few scores for that share, or if
                some are not finite. Nothing is changed.
        """
        scores = _checked_scores(scores)
        if false_alarm is None:
            false_alarm = self.false_alarm
        rate = _checked_rate(false_alarm)
        # As many may exceed it that a new one does at this rate, or less.
        above = math.floor(rate * (len(scores) + 1) + 1e-9) - 1
        if above < 0:
            raise ValueError(_too_few(len(scores), rate))
        self.threshold = float(np.sort(scores)[len(scores) - 1 - above])
        self.false_alarm = rate
        self.count = len(scores)
        alarms = scores > self.threshold
        self.alarms = int(alarms.sum())
        self.class_alarms = _shares(alarms, names)
        return self

    @property
    def interval(self) -> tuple[float, float]:
        """Two floats: where the true false-alarm rate lies, by 95 %.

        For scores that repeat this is an upper limit of it.
        """
        self._check_calibrated()
        if not self.count:
            return 0.0, 1.0
        return interval_of_exceedance(self.count, self.alarms, CONFIDENCE)

    def is_unknown(self, scores: ArrayLike) -> np.ndarray:
        """Which scores are of something unknown, bools of the same shape."""
        self._check_calibrated()
        # What is not a number is nothing known.
        return ~(np.asarray(scores) <= self.threshold)

    def get_config(self) -> Config:
        return {
            "score": self.score,
            "threshold": self.threshold,
            "false_alarm": self.false_alarm,
            "count": self.count,
            "alarms": self.alarms,
            "class_alarms": self.class_alarms,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)

    def __str__(self) -> str:
        if self.threshold is None:
            return f"unknown by {self.score}, not calibrated"
        low, high = self.interval
        return (
            f"unknown where {self.score} > {self.threshold:.4g}: false alarms "
            f"{100 * self.false_alarm:.1f} %, in truth {100 * low:.1f} to "
            f"{100 * high:.1f} % ({self.count} known samples)"
        )

    def _check_calibrated(self):
        if self.threshold is None:
            raise ValueError(
                "Rejector has no threshold yet. Call `calibrate(scores)` with "
                "scores of known samples that nothing was trained on."
            )


def _checked_scores(scores):
    scores = np.asarray(scores, "float64").ravel()
    odd = int((~np.isfinite(scores)).sum())
    if odd:
        raise ValueError(
            "`scores` of Rejector must be finite. Received: "
            f"{odd} of {len(scores)} that are not. Look for extreme values "
            "in the pictures, or for weights that diverged."
        )
    return scores


def _shares(alarms, names):
    """The share of alarms among the samples of each name."""
    if names is None:
        return {}
    names = np.ravel(names)
    return {str(n): float(alarms[names == n].mean()) for n in np.unique(names)}


def _checked_rate(value):
    if not (isinstance(value, (int, float)) and 0 < value < 1):
        raise ValueError(
            "`false_alarm` must be between 0 and 1. Received: "
            f"false_alarm={value!r}."
        )
    return float(value)


def _too_few(count, rate):
    needed = math.ceil(1 / rate - 1e-9) - 1
    return (
        f"{count} known samples are too few for false_alarm={rate}: a new one "
        f"exceeds all of them with a chance of 1 in {count + 1}. Pass "
        f"{needed} or more, some hundred for a narrow interval, or a larger "
        "`false_alarm`."
    )
