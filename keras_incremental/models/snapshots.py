"""Files of earlier phases, kept beside the file of a classifier."""

import os
import pathlib
import re
import shutil

from keras_incremental.models.inputs.arguments import whole
from keras_incremental.models.loading import read_phases
from keras_incremental.utils import files


def rollback_file(filepath: str | os.PathLike, phase: int | None = None) -> int:
    """Restores the file of a classifier as it was after an earlier phase.

    It needs a snapshot, see `keep_snapshots` of `IncrementalClassifier.save`.
    The file stays until the other one is in its place. Snapshots of later
    phases are deleted.

    Args:
        filepath: String or path of the file.
        phase: Int. The number of the phase after which it was saved, 0 for
            before the first. Defaults to `None`: the last one before the
            present.

    Returns:
        Int, the number of the phase.

    Raises:
        OSError: if there is no such file.
        ValueError: if there is no such snapshot, or it is damaged.
    """
    path, present = pathlib.Path(filepath), phase_of(filepath)
    kept = snapshots_of(path)
    earlier = [number for number in sorted(kept) if number < present]
    chosen = phase if phase is not None or not earlier else earlier[-1]
    if chosen is None or chosen not in kept:
        raise ValueError(
            f"There is no snapshot to go back to. Received: phase={phase} of "
            f"'{path}', which is of phase {present}; there are snapshots of "
            f"the phases {sorted(kept)}. Keep them by `save(path, "
            "keep_snapshots=3)`, or `learn --keep-snapshots 3`."
        )
    # Reads every byte.
    read_phases(kept[chosen])
    with files.replacing(path) as part:
        shutil.copyfile(kept[chosen], part)
    for number in [number for number in kept if number >= chosen]:
        kept[number].unlink()
    return chosen


def keep_snapshot(
    filepath: str | os.PathLike, phase: int, count: int | None
) -> None:
    """Keeps the old file before a later phase is saved in its place.

    Args:
        filepath: String or path of the file.
        phase: Int. The number of the phase that will be saved.
        count: Int. How many snapshots to keep; `None` for none, and those
            that there are stay.
    """
    if count is None:
        return
    whole("keep_snapshots", count)
    path = pathlib.Path(filepath)
    if not path.is_file() or (old := phase_of(path)) >= phase:
        return
    with files.replacing(_place(path, old)) as part:
        shutil.copyfile(path, part)
    kept = snapshots_of(path)
    for number in sorted(kept)[:-count]:
        kept[number].unlink()


def snapshots_of(path: pathlib.Path) -> dict[int, pathlib.Path]:
    """Returns the paths of all snapshots of a file, by phase."""
    pattern = re.compile(re.escape(path.stem) + r"\.phase-(\d+)\.keras")
    found = {
        other: pattern.fullmatch(other.name) for other in path.parent.iterdir()
    }
    return {int(match[1]): other for other, match in found.items() if match}


def phase_of(filepath: str | os.PathLike) -> int:
    """Returns the number of the last phase that a file has a record of."""
    return max((record.phase for record in read_phases(filepath)), default=0)


def _place(path, phase):
    return path.with_name(f"{path.stem}.phase-{phase}.keras")
