"""The end of commands that learn: a file, or none where that was refused."""

import pathlib
from collections.abc import Sequence
from typing import Any

from keras_incremental.cli.command import DONE
from keras_incremental.cli.command import REFUSED
from keras_incremental.cli.command import Result


def outcome(
    classifier: Any,
    report: Any,
    target: pathlib.Path,
    keep_snapshots: int | None,
    broken: Sequence[str],
) -> Result:
    """Saves a classifier whose update was accepted, and returns what to say.

    Args:
        classifier: `IncrementalClassifier`.
        report: `PhaseReport` of the update.
        target: Path where it is saved.
        keep_snapshots: Int or `None`, see `IncrementalClassifier.save`.
        broken: Paths of pictures that were skipped.
    """
    saved = None
    if report.accepted:
        classifier.save(target, keep_snapshots=keep_snapshots)
        saved = str(target)
    words = f"saved to {saved!r}" if saved else "nothing was saved"
    return Result(
        f"{report}\n  {words}",
        {**report.to_dict(), "out": saved, "broken": list(broken)},
        DONE if report.accepted else REFUSED,
    )
