import dataclasses
import datetime
import functools
import math
import os
import platform
import sys
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_incremental.metrics.class_counts import ClassCounts
from keras_incremental.metrics.confusion import keep_compact
from keras_incremental.metrics.drop import Drop
from keras_incremental.problems.problem import SINGLE_LABEL
from keras_incremental.problems.problem import get_problem
from keras_incremental.problems.scorers import Scorer
from keras_incremental.reporting import serialization as report_json
from keras_incremental.reporting.page import to_html
from keras_incremental.reporting.value_checks import CONFUSIONS
from keras_incremental.utils import files
from keras_incremental.utils.formatting import megabytes
from keras_incremental.utils.formatting import one_line
from keras_incremental.version import __version__

# Classes that a line for each, or a name in one line, is readable of.
MOST_LINES, MOST_NAMED = 100, 10


def _nothing():
    return np.zeros(0, int)


def versions() -> dict[str, str]:
    """Returns the versions of this package, Keras, its backend and Python."""
    backend = keras.config.backend()
    module = sys.modules.get(backend)
    return {
        "keras_incremental": __version__,
        "keras": keras.__version__,
        backend: str(getattr(module, "__version__", "unknown")),
        "python": platform.python_version(),
    }


def _now():
    moment = datetime.datetime.now(datetime.UTC)
    return moment.isoformat(timespec="seconds")


@keep_compact(*CONFUSIONS)
@dataclasses.dataclass(frozen=True)
class PhaseReport:
    """Report of one `learn`: what changed, and what was used.

    `str(report)` is a table to read or to paste into an issue, `to_json` the
    same for programs, `to_html` a page with figures.

    Scores are from 0 to 1, measured on `validation_data`, and `None` where it
    has no sample of a class. What they are depends on the problem type, see
    `scorer.metric`: accuracy where a sample has one class; intersection over
    union of pixels, and its mean over classes; and where several classes may
    apply F1 at a probability of 0.5, the harmonic mean of precision and
    recall, and its mean over classes, which compares rare and common labels.
    Drops are always of the share of correct predictions, of labels that are
    known.

    Attributes:
        classes: Names of all classes after the phase, in order of index.
        new_classes: Names of the classes that arrived.
        phase_classes: Names of the classes that the data showed.
        confusion_before: Ints of shape `(classes, old classes)`: how many
            validation samples (or pixels) of each class were predicted as
            each class before the phase. Where several classes may apply, of
            shape `(old classes, 2, 2)`: how many samples without and with
            each class were predicted without and with it. `None` without
            validation.
        confusion_after: The same after the phase, for all classes.
        drop: `Drop` over the classes that were known before, or `None`.
        class_drops: `Drop` of each of them, by name.
        flips: Indices of the validation samples that went from right to
            wrong, where a sample has one class.
        flipped_from: Ints, the true classes of these samples.
        flipped_to: Ints, the classes that are predicted of them now.
        calibration: Dict of `"old"`, `"new"` and `"all"`, and the expected
            calibration error of such validation samples after the phase, see
            `metrics.calibration_error`; empty where it is not measured.
        used: What was used, by name: the method, the number of new samples
            and of exemplars, the training mode, the epochs.
        seconds: Float. Wall time of the phase.
        accepted: Bool. Whether the classifier kept the update.
        reason: Why it was accepted or refused.
        history: Dict of lists, see `model.fit`.
        phase: Int. The number of the phase, 1 for the first `learn`.
        exemplars: Dict of class names and the number of exemplars kept.
        nbytes: Dict of what is kept (`weights`, `exemplars`, `statistics`),
            and the bytes it takes.
        stages: Dict of the stages of the phase, and seconds.
        versions: Dict of packages, and their versions.
        date: When it ended, in ISO format, UTC.
        problem: String. The name of the problem type, see `Problem`.
    """

    classes: tuple[str, ...]
    new_classes: tuple[str, ...]
    phase_classes: tuple[str, ...]
    confusion_before: np.ndarray | None
    confusion_after: np.ndarray | None
    drop: Drop | None
    class_drops: dict[str, Drop]
    used: dict[str, object]
    seconds: float
    accepted: bool
    reason: str
    flips: np.ndarray = dataclasses.field(default_factory=_nothing)
    flipped_from: np.ndarray = dataclasses.field(default_factory=_nothing)
    flipped_to: np.ndarray = dataclasses.field(default_factory=_nothing)
    calibration: dict[str, float] = dataclasses.field(default_factory=dict)
    history: dict[str, list] = dataclasses.field(default_factory=dict)
    phase: int = 1
    exemplars: dict[str, int] = dataclasses.field(default_factory=dict)
    nbytes: dict[str, int] = dataclasses.field(default_factory=dict)
    stages: dict[str, float] = dataclasses.field(default_factory=dict)
    versions: dict[str, str] = dataclasses.field(default_factory=versions)
    date: str = dataclasses.field(default_factory=_now)
    problem: str = SINGLE_LABEL.name

    @functools.cached_property
    def scorer(self) -> Scorer:
        """The `Scorer` of the problem type: what was counted, and its names."""
        return get_problem(self.problem).scorer

    # Of thousands of classes, their matrix is summed once.
    @functools.cached_property
    def before(self) -> ClassCounts | None:
        """`ClassCounts` of the old classes before the phase, or `None`."""
        return self.scorer.counts(self.confusion_before)

    @functools.cached_property
    def after(self) -> ClassCounts | None:
        """`ClassCounts` of all classes after the phase, or `None`."""
        return self.scorer.counts(self.confusion_after)

    @property
    def old_classes(self) -> tuple[str, ...]:
        """Names of the classes that were known before the phase."""
        new = set(self.new_classes)
        return tuple(name for name in self.classes if name not in new)

    @property
    def old_score_before(self) -> float | None:
        """Score of the old classes before the phase, or `None`."""
        return self._score(self.before, self.old_classes)

    @property
    def old_score(self) -> float | None:
        """Score of the old classes after the phase, or `None`."""
        return self._score(self.after, self.old_classes)

    @property
    def new_score(self) -> float | None:
        """Score of the new classes, or `None`."""
        return self._score(self.after, self.new_classes)

    @property
    def score(self) -> float | None:
        """Score of all classes after the phase, or `None`."""
        return self._score(self.after, self.classes)

    def class_score(self, name: str, before: bool = False) -> float | None:
        """Returns the score of one class, or `None` if it was not measured.

        Args:
            name: String.
            before: Bool. Whether it is the score before the phase. Defaults
                to `False`.
        """
        return self._score(self.before if before else self.after, (name,))

    def support(self, name: str) -> int:
        """Returns the number of validation samples (or pixels) of a class.

        Args:
            name: String.
        """
        if self.after is None:
            return 0
        return int(self.after.total[self._index[name]])

    def to_dict(self) -> dict[str, object]:
        """Returns all figures as plain Python values, see `from_dict`."""
        return report_json.to_dict(self)

    @classmethod
    def from_dict(cls, values: dict[str, object]) -> "PhaseReport":
        """Returns the report that `to_dict` wrote."""
        return cls(**report_json.fields_of(values))

    def to_json(self, path: str | os.PathLike | None = None) -> str:
        """Returns the report as JSON text, and writes it to a path if given."""
        text = report_json.dumps(self.to_dict())
        if path is not None:
            files.write_text(path, text + "\n")
        return text

    @classmethod
    def from_json(cls, text: str) -> "PhaseReport":
        """Returns the report that `to_json` wrote.

        Raises:
            DamagedFileError: if the text is not as it was written.
        """
        return cls(**report_json.read(text))

    def to_html(
        self,
        path: str | os.PathLike | None = None,
        pictures: Any = None,
        memory: Any = None,
    ) -> str:
        """Returns an HTML page with figures, see `reporting.to_html`."""
        return to_html(self, path, pictures, memory)

    def __str__(self) -> str:
        return text_of(self)

    @functools.cached_property
    def _index(self):
        return {name: index for index, name in enumerate(self.classes)}

    def _score(self, counts: ClassCounts | None, names: Sequence[str]):
        if counts is None:
            return None
        indices = [self._index[name] for name in names]
        known = [i for i in indices if i < len(counts.total)]
        value = self.scorer.score(counts, known)
        return None if math.isnan(value) else value


def text_of(report):
    """Returns the table that `str` of a report gives."""
    return "\n".join(
        [
            headline(report, "accepted" if report.accepted else "REFUSED"),
            *class_lines(report),
            *_footnotes(report),
        ]
    )


def headline(report, verdict):
    """Returns the scores of old and of new classes, and a verdict."""
    change = _change(report.old_score_before, report.old_score)
    new = [
        f"{one_line(name)} {_percent(report.class_score(name))}"
        for name in report.new_classes
    ]
    if len(new) > MOST_NAMED:
        new = [f"{len(new)} new classes {_percent(report.new_score)}"]
    return "  ".join([f"old {change}", *new, verdict])


def class_lines(report):
    """Yields a line for each class, and one for those that are left out.

    Of more than 100 classes it shows 100: those that arrived, 50 at most, and
    the old ones that lost most.
    """
    names = _shown(report)
    width = max(len(one_line(name)) for name in names)
    new = set(report.new_classes)
    for name in names:
        change = _change(
            report.class_score(name, before=True),
            report.class_score(name),
        )
        mark = "new" if name in new else "old"
        count = f"{report.support(name)} validation {report.scorer.unit}"
        yield f"  {mark}  {one_line(name):<{width}}  {change}  ({count})"
    left = len(report.classes) - len(names)
    if left:
        yield (
            f"  and {left} classes that lost less or score higher: "
            "`class_score(name)`"
        )


def _shown(report):
    """Returns the names of the classes that have a line."""
    if len(report.classes) <= MOST_LINES:
        return report.classes
    new = sorted(report.new_classes, key=lambda name: _rank(report, name))
    old = sorted(report.old_classes, key=lambda name: _rank(report, name))
    new = new[: MOST_LINES // 2]
    shown = {*new, *old[: MOST_LINES - len(new)]}
    return tuple(name for name in report.classes if name in shown)


def _rank(report, name):
    """Returns the change of a score, then the score; unmeasured is last."""
    before, after = (report.class_score(name, b) for b in (True, False))
    if after is None:
        return math.inf, math.inf
    return after - (after if before is None else before), after


def _footnotes(report):
    yield f"  {report.reason}"
    if report.drop is not None and report.drop.count:
        yield flips_line(report)
    if report.calibration:
        yield calibration_line(report)
    yield "  " + ", ".join(f"{k}: {v}" for k, v in report.used.items())
    sizes = [f"{k} {megabytes(size)}" for k, size in report.nbytes.items()]
    yield "  " + ", ".join([f"{report.seconds:.1f} seconds", *sizes])


def flips_line(report):
    """Returns how many samples went from right to wrong and back."""
    drop = report.drop
    return (
        f"  {drop.lost} of {drop.count} old {report.scorer.unit} went from "
        f"right to wrong, {drop.gained} from wrong to right"
    )


def calibration_line(report):
    """Returns how far the probabilities are from the share that is right."""
    errors = [f"{k} {100 * v:.1f} %" for k, v in report.calibration.items()]
    return f"  expected calibration error: {', '.join(errors)}"


def _percent(value):
    return "not measured" if value is None else f"{100 * value:.1f}"


def _change(before, after):
    if before is None or after is None:
        return _percent(after)
    difference = 100 * (after - before)
    return f"{_percent(before)} -> {_percent(after)} ({difference:+.1f})"
