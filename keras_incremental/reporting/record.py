import dataclasses
import numbers
from typing import Any
from typing import Self

from keras_incremental.errors import DamagedFileError
from keras_incremental.utils.types import Config

SCORES = ("old_score_before", "old_score", "new_score")


@dataclasses.dataclass(frozen=True)
class PhaseRecord:
    """Short form of a `PhaseReport`, saved with the classifier.

    Attributes:
        phase: Int. The number of the phase, 1 for the first.
        date: String. When it ended, in ISO format, UTC.
        new_classes: Tuple of the names of the classes that arrived, as they
            were called then.
        samples: Int. Number of new samples.
        old_score_before: Float from 0 to 1, the score of the old classes
            before the phase, or `None` without validation.
        old_score: Float, the same after it, or `None`.
        new_score: Float, the score of the new classes, or `None`.
        versions: Dict of packages, and their versions.
    """

    phase: int
    date: str
    new_classes: tuple[str, ...]
    samples: int
    old_score_before: float | None
    old_score: float | None
    new_score: float | None
    versions: dict[str, str]

    @classmethod
    def of(cls, report: Any) -> Self:
        """Returns the record of a `PhaseReport`."""
        return cls(
            phase=report.phase,
            date=report.date,
            new_classes=tuple(report.new_classes),
            samples=int(report.used["new samples"]),
            versions=dict(report.versions),
            **{name: getattr(report, name) for name in SCORES},
        )

    def get_config(self) -> Config:
        """Returns plain values, see `from_config`."""
        values = dataclasses.asdict(self)
        return {**values, "new_classes": list(self.new_classes)}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Returns the record of what `get_config` gave.

        Raises:
            DamagedFileError: if it is something else.
        """
        if not _is_record(config):
            raise DamagedFileError(
                None, "`phases` of the config", f"a phase of {config!r:.200}"
            )
        names = tuple(config["new_classes"])
        return cls(**{**config, "new_classes": names})


def _is_record(config):
    fields = {field.name for field in dataclasses.fields(PhaseRecord)}
    if not isinstance(config, dict) or set(config) != fields:
        return False
    counts = (config["phase"], config["samples"])
    names, packages = config["new_classes"], config["versions"]
    return (
        all(type(count) is int and count >= 0 for count in counts)
        and isinstance(names, (list, tuple))
        and isinstance(packages, dict)
        and all(_is_score(config[name]) for name in SCORES)
        and _are_strings(
            [config["date"], *names, *packages, *packages.values()]
        )
    )


def _is_score(value):
    if value is None:
        return True
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return number and 0 <= value <= 1


def _are_strings(values):
    return all(isinstance(value, str) for value in values)
