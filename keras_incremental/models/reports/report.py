import dataclasses
import datetime
import json
import math

import numpy as np

from keras_incremental.metrics.class_counts import ClassCounts
from keras_incremental.metrics.class_counts import Drop
from keras_incremental.metrics.label_counts import LabelCounts
from keras_incremental.metrics.pixel_counts import PixelCounts
from keras_incremental.models.reports import serialization as report_json
from keras_incremental.models.reports import text as report_text
from keras_incremental.reporting.page import to_html
from keras_incremental.utils.versions import versions

SAMPLES, PIXELS, LABELS = "samples", "pixels", "labels"


_SCORES = {SAMPLES: "accuracy", PIXELS: "mean_iou", LABELS: "mean_f1"}


def _nothing():
    return np.zeros(0, int)


def _now():
    moment = datetime.datetime.now(datetime.UTC)
    return moment.isoformat(timespec="seconds")


@dataclasses.dataclass(frozen=True)
class PhaseReport:
    """What one `learn` kept, lost and used.

    `str(report)` is a table to read or to paste into an issue, `to_json` the
    same for programs, `to_html` a page with figures. Accuracies are shares
    from 0 to 1, measured on `validation_data`; where it has no pictures of a
    class they are `None`.
    Where pixels are classified, they are the intersection over union, and
    its mean over classes. Where classes do not exclude each other, they are
    F1 at a probability of 0.5, the harmonic mean of precision and recall,
    and its mean over classes: it means the same for rare labels as for
    common ones. The drops are of the share of right labels, yes or no, among
    those that are known.

    Attributes:
        classes: Names of all classes after the phase, in order of index.
        new_classes: Names of the classes that arrived.
        phase_classes: Names of the classes that the data had pictures of.
        confusion_before: Ints of shape `(classes, old classes)`: how many
            validation pictures of each class were taken for each, before the
            phase; or `None` without validation.
        confusion_after: Ints of shape `(classes, classes)`, after it, or
            `None`.
        drop: `Drop` over the classes that were known before, or `None`.
        class_drops: `Drop` of each of them, by name.
        flips: Indices of the validation pictures that went from right to
            wrong.
        flipped_from: Ints, the true classes of these pictures.
        flipped_to: Ints, the classes predicted of them now.
        used: What was used, by name: the method in words, the number of new
            pictures and of exemplars, the road, the epochs.
        seconds: Float. Wall time of the phase.
        accepted: Bool. Whether the classifier kept the update.
        reason: Why it was accepted or refused.
        history: Dict of lists, of `model.fit`.
        phase: Int. The number of the phase, 1 for the first `learn`.
        exemplars: Dict of class names, how many exemplars of each are kept.
        nbytes: Dict of what is kept (`weights`, `exemplars`, `statistics`),
            and the bytes it takes.
        stages: Dict of the stages of the phase, and seconds.
        versions: Dict of packages, and the versions that learned.
        date: When it ended, in ISO format, UTC.
        unit: `"samples"`, `"pixels"` or `"labels"`, what is counted.
        labels_before: Ints of shape `(old classes, 2, 2)`, where classes do
            not exclude each other: how many pictures without and with each
            class were said not to have it and to have it. Else `None`.
        labels_after: The same of all classes, after the phase.
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
    history: dict[str, list] = dataclasses.field(default_factory=dict)
    phase: int = 1
    exemplars: dict[str, int] = dataclasses.field(default_factory=dict)
    nbytes: dict[str, int] = dataclasses.field(default_factory=dict)
    stages: dict[str, float] = dataclasses.field(default_factory=dict)
    versions: dict[str, str] = dataclasses.field(default_factory=versions)
    date: str = dataclasses.field(default_factory=_now)
    unit: str = SAMPLES
    labels_before: np.ndarray | None = None
    labels_after: np.ndarray | None = None

    @property
    def before(self):
        """`ClassCounts` of the old classes before the phase, or `None`."""
        return _counts(self.confusion_before, self.labels_before, self.unit)

    @property
    def after(self):
        """`ClassCounts` of all classes after the phase, or `None`."""
        return _counts(self.confusion_after, self.labels_after, self.unit)

    @property
    def old_classes(self):
        """Names of the classes that were known before the phase."""
        return tuple(c for c in self.classes if c not in self.new_classes)

    @property
    def old_accuracy_before(self):
        """Accuracy over the old classes before the phase, or `None`."""
        return self._accuracy(self.before, self.old_classes)

    @property
    def old_accuracy(self):
        """Accuracy over the old classes after the phase, or `None`."""
        return self._accuracy(self.after, self.old_classes)

    @property
    def new_accuracy(self):
        """Accuracy over the new classes, or `None`."""
        return self._accuracy(self.after, self.new_classes)

    @property
    def accuracy(self):
        """Accuracy over all classes after the phase, or `None`."""
        return self._accuracy(self.after, self.classes)

    def class_accuracy(self, name, before=False):
        """Accuracy of one class, or `None` where it was not measured."""
        return self._accuracy(self.before if before else self.after, (name,))

    def num_pictures(self, name):
        """How many validation pictures of a class there were."""
        if self.after is None:
            return 0
        return int(self.after.total[self.classes.index(name)])

    def to_dict(self):
        """All figures, as plain Python values; `from_dict` takes them back."""
        return report_json.to_dict(self)

    @classmethod
    def from_dict(cls, values):
        """The report that `to_dict` wrote."""
        return cls(**report_json.fields_of(values))

    def to_json(self, path=None):
        """The report as JSON text, written to `path` where one is given."""
        text = report_json.dumps(self.to_dict())
        if path is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text + "\n")
        return text

    @classmethod
    def from_json(cls, text):
        """The report that `to_json` wrote, of its text."""
        return cls.from_dict(json.loads(text))

    def to_html(self, path=None, pictures=None, memory=None):
        """The report as an HTML page with figures, see `reporting.to_html`."""
        return to_html(self, path, pictures, memory)

    def __str__(self):
        return report_text.text_of(self)

    def _accuracy(self, counts, names):
        if counts is None:
            return None
        indices = [self.classes.index(name) for name in names]
        known = [i for i in indices if i < len(counts.total)]
        value = getattr(counts, _SCORES[self.unit])(known)
        return None if math.isnan(value) else value


def _counts(confusion, labels, unit):
    """Right answers and pictures, of the classes that could be predicted."""
    if labels is not None:
        return LabelCounts(labels)
    if confusion is None:
        return None
    count, known = confusion.shape
    if unit == PIXELS:
        return PixelCounts(np.pad(confusion, ((0, 0), (0, count - known))))
    return ClassCounts(np.diagonal(confusion), confusion[:known].sum(1))
