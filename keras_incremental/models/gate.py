"""Whether an update is good enough to keep."""

import dataclasses
import math
import numbers

from keras_incremental.metrics.paired_tests import drop_interval


@dataclasses.dataclass(frozen=True)
class Gate:
    """Limits to what an update may lose, as shares from 0 to 1.

    Attributes:
        max_drop: The accuracy over all old classes may fall by this much;
            `None` for any.
        max_class_drop: The accuracy of any single old class may; `None` for
            any.
    """

    max_drop: float | None = None
    max_class_drop: float | None = None

    def __post_init__(self):
        for name, value in dataclasses.asdict(self).items():
            if value is None:
                continue
            number = isinstance(value, numbers.Real) and value is not True
            if not number or not 0 <= value <= 1:
                raise ValueError(
                    f"`{name}` is a share of the samples, from 0 to 1. "
                    f"Received: {name}={value!r}. Two points are 0.02."
                )

    @property
    def is_open(self):
        return self.max_drop is None and self.max_class_drop is None

    def judge(self, drop, class_drops):
        """Judges a measured update.

        Returns:
            `(accepted, reason)`, the reason in words, with the uncertainty
            that comes from the number of validation samples, as `compare`
            tells it.
        """
        if self.is_open:
            return True, "accepted: no `max_drop` was given"
        refusals = [
            reason
            for name, limit, measured in self._limits(drop, class_drops)
            if (reason := _over(name, limit, measured))
        ]
        if refusals:
            return False, "refused: " + "; ".join(refusals)
        return True, "accepted: " + _within(drop, self._tightest())

    def _limits(self, drop, class_drops):
        if self.max_drop is not None:
            yield "the old classes", self.max_drop, drop
        if self.max_class_drop is not None:
            for name, measured in class_drops.items():
                yield f"'{name}'", self.max_class_drop, measured

    def _tightest(self):
        limits = (self.max_drop, self.max_class_drop)
        return min(limit for limit in limits if limit is not None)


def _over(name, limit, drop):
    if math.isnan(drop.value) or drop.value <= limit:
        return None
    sure = drop_interval(drop.lost, drop.gained, drop.count)[0] > limit
    doubt = "" if sure else ", though so few samples cannot prove it"
    return (
        f"{name} {drop.in_words()}, more than the {100 * limit:.1f} "
        f"allowed{doubt}"
    )


def _within(drop, limit):
    doubt = (
        ""
        if _excludes_more(drop, limit)
        else ", though so few samples cannot exclude more"
    )
    return f"the old classes {drop.in_words()}{doubt}"


def _excludes_more(drop, limit):
    if not drop.count:
        return False
    return drop_interval(drop.lost, drop.gained, drop.count)[1] <= limit
