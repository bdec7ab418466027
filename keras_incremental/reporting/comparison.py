import dataclasses
import functools
import os

from keras_incremental.metrics.drop import Drop
from keras_incremental.metrics.paired_tests import drop_interval
from keras_incremental.metrics.paired_tests import mcnemar_p_value
from keras_incremental.metrics.paired_tests import samples_to_decide
from keras_incremental.reporting import report as reports
from keras_incremental.reporting import serialization
from keras_incremental.reporting.report import PhaseReport
from keras_incremental.utils import files

ACCEPTED, REFUSED, UNDECIDED = "accepted", "refused", "undecided"
VERDICTS = {REFUSED: "REFUSED", UNDECIDED: "not enough samples to tell"}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Comparison of two models: what changed, and the decision between them.

    Made by `compare`. `str(comparison)` is a table, `to_json` the same for
    programs, `to_html` a page with figures.

    Attributes:
        report: `PhaseReport` of the change: accuracies, confusions, drops by
            class, and the samples that went from right to wrong. Old classes
            are those of the old model.
        drop: `Drop` of the accuracy of the old classes.
        max_drop: Float, the most that the old classes may lose, or `None`.
        level: Float, the confidence level of `interval`.
    """

    report: PhaseReport
    drop: Drop
    max_drop: float | None = None
    level: float = 0.95

    @functools.cached_property
    def interval(self) -> tuple[float, float]:
        """Floats, the limits of the drop, see `metrics.drop_interval`."""
        drop = self.drop
        return drop_interval(drop.lost, drop.gained, drop.count, self.level)

    @functools.cached_property
    def p_value(self) -> float:
        """Float, of McNemar's exact test that nothing has changed."""
        return mcnemar_p_value(self.drop.lost, self.drop.gained)

    @property
    def decision(self) -> str:
        """`"accepted"`, `"refused"` or `"undecided"`.

        Accepted where all of `interval` is within `max_drop`, or where there
        is none; refused where none of it is.
        """
        low, high = self.interval
        if self.max_drop is None or high <= self.max_drop:
            return ACCEPTED
        return REFUSED if low > self.max_drop else UNDECIDED

    @property
    def samples_needed(self) -> int | None:
        """Int, the samples of old classes that would tell, or `None`.

        With so many, the decision falls four times in five, if predictions
        change as often as here; see `metrics.samples_to_decide`. `None` where
        it has fallen, or where no number would do.
        """
        if self.max_drop is None or self.decision != UNDECIDED:
            return None
        drop, limit = self.drop, self.max_drop
        return samples_to_decide(
            drop.lost, drop.gained, drop.count, limit, self.level
        )

    @property
    def reason(self) -> str:
        """String, the decision in words."""
        return _reason(self)

    def to_dict(self) -> dict[str, object]:
        """Returns all figures as plain Python values."""
        return {
            **self.report.to_dict(),
            "decision": self.decision,
            "max_drop": self.max_drop,
            "level": self.level,
            "interval": list(self.interval),
            "p_value": self.p_value,
            "samples_needed": self.samples_needed,
        }

    def to_json(self, path: str | os.PathLike | None = None) -> str:
        """Returns the comparison as JSON text, and writes it to a path."""
        text = serialization.dumps(self.to_dict())
        if path is not None:
            files.write_text(path, text + "\n")
        return text

    def to_html(self, path: str | os.PathLike | None = None) -> str:
        """Returns an HTML page with figures, see `PhaseReport.to_html`."""
        return self.report.to_html(path)

    def __str__(self) -> str:
        verdict = VERDICTS.get(self.decision, self.decision)
        return "\n".join(
            [
                reports.headline(self.report, verdict),
                *reports.class_lines(self.report),
                reports.flips_line(self.report),
                f"  McNemar's exact test: p = {self.p_value:.2g}",
                f"  {self.reason}",
            ]
        )


def decided(report, max_drop, level):
    """Returns the `Comparison` of a report, which says what was decided.

    Args:
        report: `PhaseReport` of validation data with old classes.
        max_drop: See `Comparison`.
        level: See `Comparison`.
    """
    comparison = Comparison(report, report.drop, max_drop, level)
    accepted = comparison.decision == ACCEPTED
    report = dataclasses.replace(
        report, accepted=accepted, reason=comparison.reason
    )
    return dataclasses.replace(comparison, report=report)


def _reason(comparison):
    change = f"the old classes {comparison.drop.in_words(comparison.level)}"
    if comparison.max_drop is None:
        return f"accepted: {change}; no `max_drop` was given"
    limit = f"{100 * comparison.max_drop:.1f}"
    if comparison.decision == ACCEPTED:
        return f"accepted: {change}, at most the {limit} allowed"
    if comparison.decision == REFUSED:
        return f"refused: {change}, more than the {limit} allowed"
    return (
        f"undecided: {change}, and {limit} are allowed; {_needed(comparison)}"
    )


def _needed(comparison):
    needed = comparison.samples_needed
    if needed is None:
        return "no number of samples would tell, so near to it is the drop"
    return (
        f"about {needed} samples of the old classes would tell, if "
        "predictions change as often as here"
    )
