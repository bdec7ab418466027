import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.rejection.intervals import interval_of_exceedance
from keras_incremental.rejection.scores import BOTH
from keras_incremental.rejection.scores import SCORES
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config

CONFIDENCE = 0.95
SHOWN = 5


@export
class Rejector:
    """Detects samples of unknown classes at a given false alarm rate.

    `calibrate` takes scores of held-out samples of known classes. It chooses
    the threshold so that the probability of a false alarm is at most
    `false_alarm`, on average over calibrations. It uses the exact quantile
    and assumes only that the samples are drawn independently from the same
    distribution. `interval` is a confidence interval for the rate of this
    calibration. The share of unknown samples that are detected depends on the
    unknown classes.

    Reference:
    - [Vovk, 2012](https://arxiv.org/abs/1209.2673), the quantile and its
      confidence interval

    Args:
        score: String. Name of the function of `keras_incremental.rejection`
            that computes the scores: `"distance_and_discriminant"`,
            `"distance_and_energy"`, `"distance"`, `"discriminant"`,
            `"energy"` or `"max_softmax"`. Defaults to
            `"distance_and_energy"`.
        threshold: Float. Samples with a larger score are unknown. Defaults
            to `None`: set by `calibrate`.
        false_alarm: Float between 0 and 1. Defaults to `0.05`.
        count: Int. Number of calibration samples. Defaults to `0`.
        alarms: Int. Number of calibration samples with a larger score.
            Defaults to `0`.
        class_alarms: Dict of class names and floats: the share of false
            alarms of each class. Defaults to `None`.
        energy_weight: Float above 0, the weight of the energy, or of the
            discriminant, beside the distance. Defaults to `1.0`.
        estimated: Bool. Whether the threshold was estimated from statistics,
            see `estimate`. Defaults to `False`.
        unmeasured: List of strings. Classes of which such an estimate knows
            nothing. Defaults to `()`.

    Example:

    >>> import numpy as np
    >>> from keras_incremental.rejection import Rejector
    >>> rejector = Rejector("energy").calibrate(np.arange(99), 0.1)
    >>> print(rejector)
    unknown if energy > 89: false alarms 10.0 %, interval 5.0 to 16.6 %
    (99 known samples)
    >>> rejector.is_unknown([89.0, 89.5]).tolist()
    [False, True]
    """

    def __init__(
        self,
        score: str = BOTH,
        threshold: float | None = None,
        false_alarm: float = 0.05,
        count: int = 0,
        alarms: int = 0,
        class_alarms: Mapping[str, float] | None = None,
        energy_weight: float = 1.0,
        estimated: bool = False,
        unmeasured: Sequence[str] = (),
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
        self.energy_weight = float(energy_weight)
        self.estimated = bool(estimated)
        self.unmeasured = list(unmeasured)

    def calibrate(
        self,
        scores: ArrayLike,
        false_alarm: float | None = None,
        names: ArrayLike | None = None,
    ) -> Self:
        """Sets the threshold from scores of known samples.

        Args:
            scores: Floats of any shape. Scores of samples of known classes
                that were not used to train the model or the statistics.
            false_alarm: Float between 0 and 1. Maximum share of known
                samples that are rejected. A smaller value detects fewer
                unknown samples and needs more scores. Defaults to `None`:
                that of the constructor.
            names: Array of strings of the same shape. Classes of the samples.
                Defaults to `None`.

        Returns:
            The rejector itself.

        Raises:
            ValueError: if there are too few scores for the rate, or if some
                are not finite. The rejector does not change.
        """
        scores = _checked_scores(scores)
        if false_alarm is None:
            false_alarm = self.false_alarm
        rate = _checked_rate(false_alarm)
        above = _number_above(len(scores), rate)
        self.threshold = float(np.sort(scores)[len(scores) - 1 - above])
        self.false_alarm = rate
        self.count = len(scores)
        alarms = scores > self.threshold
        self.alarms = int(alarms.sum())
        self.class_alarms = _shares(alarms, names)
        self.estimated, self.unmeasured = False, []
        return self

    def estimate(
        self,
        scores: ArrayLike,
        weights: ArrayLike,
        count: int,
        names: ArrayLike | None = None,
        unmeasured: Sequence[str] = (),
    ) -> Self:
        """Sets the threshold from what scores of known samples are like.

        The threshold is the same quantile as that of `calibrate` for `count`
        scores. It holds as far as the scores are distributed as those of new
        samples, of which there is no proof, so `interval` says nothing.

        Args:
            scores: Floats of shape `(draws,)`.
            weights: Floats of the same shape, how often each occurs.
            count: Int. The number of samples that they stand for.
            names: Array of strings of the same shape, their classes. Defaults
                to `None`.
            unmeasured: Names of classes that none is of. Defaults to `()`.

        Returns:
            The rejector itself.

        Raises:
            ValueError: if there are too few samples for the rate, or if some
                scores are not finite. The rejector does not change.
        """
        scores = _checked_scores(scores)
        share = _share_above(count, self.false_alarm)
        order = np.argsort(scores, kind="stable")
        weights = np.asarray(weights, "float64")[order]
        above = 1 - np.cumsum(weights) / weights.sum()
        # The first score with no larger a share above it.
        place = np.flatnonzero(above <= share + 1e-9)[0]
        self.threshold = float(scores[order][place])
        self.count = int(count)
        alarms = scores > self.threshold
        self.alarms = int(round(share * count))
        self.class_alarms = _shares(alarms, names)
        self.estimated, self.unmeasured = True, list(unmeasured)
        return self

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the false alarm rate, two floats.

        It is 0 to 1 where the threshold was estimated from statistics. If
        scores have ties, the rate may be below the interval.
        """
        self._check_calibrated()
        if self.estimated or not self.count:
            return 0.0, 1.0
        return interval_of_exceedance(self.count, self.alarms, CONFIDENCE)

    def is_unknown(self, scores: ArrayLike) -> np.ndarray:
        """Returns which scores are those of unknown samples.

        Args:
            scores: Floats of any shape.

        Returns:
            Bools of the same shape; `True` for NaN.
        """
        self._check_calibrated()
        # Written so that NaN is unknown.
        return ~(np.asarray(scores) <= self.threshold)

    def get_config(self) -> Config:
        return {
            "score": self.score,
            "threshold": self.threshold,
            "false_alarm": self.false_alarm,
            "count": self.count,
            "alarms": self.alarms,
            "class_alarms": self.class_alarms,
            "energy_weight": self.energy_weight,
            "estimated": self.estimated,
            "unmeasured": self.unmeasured,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)

    def __str__(self) -> str:
        if self.threshold is None:
            return f"unknown by {self.score}, not calibrated"
        low, high = self.interval
        start = (
            f"unknown if {self.score} > {self.threshold:.4g}: false alarms "
            f"{100 * self.false_alarm:.1f} %, "
        )
        if self.estimated:
            return start + self._estimate_text()
        return (
            f"{start}interval {100 * low:.1f} to "
            f"{100 * high:.1f} % ({self.count} known samples)"
        )

    def _estimate_text(self):
        text = f"estimated from statistics of {self.count} known samples"
        if self.unmeasured:
            shown = [*self.unmeasured[:SHOWN]]
            more = len(self.unmeasured) - len(shown)
            shown = f"{shown} and {more} more" if more else f"{shown}"
            text += f"; how those of {shown} vary is not known"
        return text

    def _check_calibrated(self):
        if self.threshold is None:
            raise ValueError(
                "Rejector has no threshold. Received: threshold=None. Call "
                "`calibrate(scores)` with scores of held-out known samples."
            )


def _checked_scores(scores):
    scores = np.asarray(scores, "float64").ravel()
    odd = int((~np.isfinite(scores)).sum())
    if odd:
        raise ValueError(
            "`scores` of Rejector must be finite. Received: "
            f"{odd} of {len(scores)} that are not. Check the samples for "
            "extreme values, and the weights for NaN."
        )
    return scores


def _number_above(count, rate):
    """Returns how many of some scores are above the threshold for a rate."""
    above = math.floor(rate * (count + 1) + 1e-9) - 1
    if above < 0:
        raise ValueError(_too_few(count, rate))
    return above


def _share_above(count, rate):
    """Returns the share of a distribution above the threshold for a rate.

    Of `count` samples the one with `r - 1` above it is exceeded by a new one
    at the rate `r / (count + 1)`, and lies where `(r - 0.5) / count` of the
    distribution that they stand for is above it.
    """
    _number_above(count, rate)
    return (rate * (count + 1) - 0.5) / count


def _shares(alarms, names):
    """Returns the share of alarms of each class."""
    if names is None:
        return {}
    names = np.ravel(names)
    return {str(n): float(alarms[names == n].mean()) for n in np.unique(names)}


def _checked_rate(value):
    if not (isinstance(value, (int, float)) and 0 < value < 1):
        raise ValueError(
            "`false_alarm` must be between 0 and 1. Received: "
            f"false_alarm={value!r}. Use 0.05."
        )
    return float(value)


def _too_few(count, rate):
    needed = math.ceil(1 / rate - 1e-9) - 1
    return (
        f"`scores` has too few samples for false_alarm={rate}. Received: "
        f"{count} scores. Pass {needed} or more, some hundred for a narrow "
        "interval, or a larger `false_alarm`."
    )
