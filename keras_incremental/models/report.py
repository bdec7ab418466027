import dataclasses
import json
import math

import numpy as np

from keras_incremental.metrics.class_counts import ClassCounts
from keras_incremental.metrics.class_counts import Drop


@dataclasses.dataclass(frozen=True)
class PhaseReport:
    """What one `learn` kept, lost and used.

    `str(report)` is a table to read or to paste into an issue, `to_json` the
    same for programs. Accuracies are shares from 0 to 1, measured on
    `validation_data`; where it has no pictures of a class they are `None`.

    Attributes:
        classes: Names of all classes after the phase, in order of index.
        new_classes: Names of the classes that arrived.
        taught_classes: Names of the classes that the data had pictures of.
        before: `ClassCounts` before the phase, or `None` without validation.
        after: `ClassCounts` after it, or `None`.
        drop: `Drop` over the classes that were known before, or `None`.
        class_drops: `Drop` of each of them, by name.
        flips: Indices of the validation pictures that went from right to
            wrong.
        used: What was used, by name: the method in words, the number of new
            pictures and of exemplars, the road, the epochs.
        seconds: Float. Wall time of the phase.
        accepted: Bool. Whether the classifier kept the update.
        reason: Why it was accepted or refused.
        history: Dict of lists, of `model.fit`.
    """

    classes: tuple[str, ...]
    new_classes: tuple[str, ...]
    taught_classes: tuple[str, ...]
    before: ClassCounts | None
    after: ClassCounts | None
    drop: Drop | None
    class_drops: dict[str, Drop]
    flips: np.ndarray
    used: dict[str, object]
    seconds: float
    accepted: bool
    reason: str
    history: dict[str, list] = dataclasses.field(default_factory=dict)

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

    def to_dict(self):
        """All figures, as plain Python values."""
        return {
            "accepted": self.accepted,
            "reason": self.reason,
            "classes": list(self.classes),
            "new_classes": list(self.new_classes),
            "old_accuracy_before": self.old_accuracy_before,
            "old_accuracy": self.old_accuracy,
            "new_accuracy": self.new_accuracy,
            "accuracy": self.accuracy,
            "drop": self.drop and dataclasses.asdict(self.drop),
            "per_class": {
                name: {
                    "before": self.class_accuracy(name, before=True),
                    "after": self.class_accuracy(name),
                    "pictures": self._pictures(name),
                }
                for name in self.classes
            },
            "flips": [int(index) for index in self.flips],
            "used": dict(self.used),
            "seconds": round(self.seconds, 3),
        }

    def to_json(self, path=None):
        """The report as JSON text, written to `path` where one is given."""
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False)
        if path is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text + "\n")
        return text

    def __str__(self):
        return "\n".join(
            [self._headline(), *self._class_lines(), *self._footnotes()]
        )

    def _headline(self):
        parts = [f"old {_change(self.old_accuracy_before, self.old_accuracy)}"]
        parts += [
            f"{name} {_percent(self.class_accuracy(name))}"
            for name in self.new_classes
        ]
        parts.append("accepted" if self.accepted else "REFUSED")
        return "  ".join(parts)

    def _class_lines(self):
        width = max(len(name) for name in self.classes)
        for name in self.classes:
            change = _change(
                self.class_accuracy(name, before=True),
                self.class_accuracy(name),
            )
            mark = "new" if name in self.new_classes else "old"
            count = f"{self._pictures(name)} validation pictures"
            yield f"  {mark}  {name:<{width}}  {change}  ({count})"

    def _footnotes(self):
        yield f"  {self.reason}"
        if self.drop is not None and self.drop.count:
            yield (
                f"  {self.drop.lost} of {self.drop.count} old pictures went "
                f"from right to wrong, {self.drop.gained} from wrong to right"
            )
        yield "  " + ", ".join(f"{k}: {v}" for k, v in self.used.items())
        yield f"  {self.seconds:.1f} seconds"

    def _pictures(self, name):
        if self.after is None:
            return 0
        return int(self.after.total[self.classes.index(name)])

    def _accuracy(self, counts, names):
        if counts is None:
            return None
        indices = [self.classes.index(name) for name in names]
        known = [i for i in indices if i < len(counts.total)]
        value = counts.accuracy(known)
        return None if math.isnan(value) else value


def _percent(value):
    return "not measured" if value is None else f"{100 * value:.1f}"


def _change(before, after):
    if before is None or after is None:
        return _percent(after)
    difference = 100 * (after - before)
    return f"{_percent(before)} -> {_percent(after)} ({difference:+.1f})"
