"""Classifiers from files, and from those of earlier phases."""

import contextlib
import errno
import os
import pathlib
import re
import shutil
import warnings
import zipfile

import keras
import numpy as np

from keras_incremental.errors import DamagedFileError
from keras_incremental.models.inputs.arguments import whole
from keras_incremental.reporting.record import PhaseRecord
from keras_incremental.utils import archives
from keras_incremental.utils import files
from keras_incremental.utils import state

METADATA, CONFIG = "metadata.json", "config.json"
WEIGHTS, WHOLE = "model.weights.h5", "`.keras` file"
KEY = "class_names"
# Bytes of variables for each byte of weights, for what an optimizer has of
# each weight and copies on the way, and for a small file.
MOST_COPIES, ROOM = 8, 2**20
SKIPPED = "Skipping nested container"
# Errors of the machine, not of the file.
ERRNOS = {
    errno.EACCES,
    errno.EBUSY,
    errno.EDQUOT,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOENT,
    errno.ENOSPC,
    errno.EROFS,
}
FIX = (
    "Use another copy of it; if it has layers or losses of your own, pass "
    "them as `custom_objects`."
)


def load_classifier(
    filepath: str | os.PathLike,
    custom_objects: dict[str, object] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> keras.Model:
    """Loads a classifier from a file, after checking every byte of it.

    `keras.models.load_model` opens the same files. It does not always notice
    a changed bit in the weights, and raises errors of many classes.

    Sizes are read before anything is allocated. Where layers would take a
    multiple of the weights that the file has, the first one too many is not
    created.

    Args:
        filepath: A file that `IncrementalClassifier.save` has written.
        custom_objects: See `keras.models.load_model`.
        compile: Bool. Whether to compile it. Defaults to `True`.
        safe_mode: Bool. Whether functions in the file are refused. Defaults
            to `True`.

    Returns:
        `IncrementalClassifier`.

    Raises:
        OSError: if there is no such file, or it cannot be read.
        DamagedFileError: if it is damaged, or of another kind.
    """
    with _opened(filepath) as archive:
        config = _json(filepath, archive, CONFIG)
        with _part(filepath, CONFIG):
            _check_class(config)
        with _part(filepath, WEIGHTS):
            _check_weights(archive)
            size = archive.getinfo(WEIGHTS).file_size
    with _part(filepath, WHOLE, FIX), _bounded(filepath, size):
        with warnings.catch_warnings():
            # Keras leaves layers that the file lacks as they were initialized.
            warnings.filterwarnings("error", SKIPPED)
            return keras.models.load_model(
                filepath, custom_objects, compile, safe_mode
            )


def read_class_names(filepath: str | os.PathLike) -> list[str]:
    """Returns the class names in a `.keras` file, in order of the outputs.

    Args:
        filepath: A file that `IncrementalClassifier.save` or
            `IncrementalClassifier.to_keras` has written.

    Returns:
        List of strings.

    Raises:
        OSError: if there is no such file, or it cannot be read.
        DamagedFileError: if the file is damaged.
        ValueError: if it names no classes.
    """
    with _opened(filepath) as archive:
        metadata = _json(filepath, archive, METADATA)
        config = _json(filepath, archive, CONFIG)
    with _part(filepath, CONFIG):
        names = metadata.get(KEY) or config["config"].get("classes")
        _check_names(names or [])
    if not names:
        raise ValueError(
            "The file names no classes. Received: filepath="
            f"{str(filepath)!r}. Write it by `IncrementalClassifier.save` or "
            "`to_keras`."
        )
    return names


def read_phases(filepath: str | os.PathLike) -> tuple[PhaseRecord, ...]:
    """Returns the phase records in a `.keras` file, without loading its model.

    Args:
        filepath: A file that `IncrementalClassifier.save` has written.

    Returns:
        Tuple of `PhaseRecord`, the first phase first.

    Raises:
        OSError: if there is no such file, or it cannot be read.
        DamagedFileError: if the file is damaged, or of another kind.
    """
    with _opened(filepath) as archive:
        config = _json(filepath, archive, CONFIG)
    with _part(filepath, CONFIG):
        _check_class(config)
        phases = config["config"].get("phases", ())
        return tuple(map(PhaseRecord.from_config, phases))


@contextlib.contextmanager
def _opened(filepath):
    """Opens an archive whose sizes and checksums are right."""
    with open(filepath, "rb") as file:
        with contextlib.ExitStack() as stack:
            with _part(filepath, WHOLE):
                archive = stack.enter_context(zipfile.ZipFile(file))
                archives.check_sizes(archive, file)
                archives.check_checksums(archive)
            yield archive


@contextlib.contextmanager
def _part(filepath, part, *fix):
    try:
        yield
    except DamagedFileError:
        raise
    except (*archives.DAMAGES, UserWarning) as error:
        if not _is_damage(error):
            raise
        raise DamagedFileError(filepath, part, error, *fix) from error


def _is_damage(error):
    """Whether an error is of the file: no other warning, no full disk."""
    if isinstance(error, UserWarning):
        return str(error).startswith(SKIPPED)
    return getattr(error, "errno", None) not in ERRNOS


def _json(filepath, archive, name):
    with _part(filepath, name):
        value = archives.loads(archive.read(name), finite=False)
        if not isinstance(value, dict):
            raise ValueError(f"a {type(value).__name__} is no dict")
        return value


def _check_class(config):
    if config["registered_name"] != "keras_incremental>IncrementalClassifier":
        raise ValueError(
            f"a {config['registered_name'] or config['class_name']} is no "
            "IncrementalClassifier"
        )


def _check_names(names):
    if not isinstance(names, list) or {type(n) for n in names} - {str}:
        raise ValueError("classes are no list of strings")


def _bounded(filepath, size):
    """Raises if layers take more than a multiple of all that is stored."""

    def check(declared):
        if declared > MOST_COPIES * size + ROOM:
            reason = f"weights of {declared} bytes in a file of {size}"
            raise DamagedFileError(filepath, WEIGHTS, reason)

    return state.watched_variables(check)


def _check_weights(archive):
    """Raises if an array is declared larger than what is stored of it."""
    import h5py

    def check(name, item):
        if not isinstance(item, h5py.Dataset):
            return
        if item.external or item.is_virtual:
            raise ValueError(f"'{name}' lies in another file")
        declared = np.prod(item.shape, dtype=object) * item.dtype.itemsize
        stored = item.id.get_storage_size()
        if declared > stored:
            raise ValueError(
                f"'{name}' has {stored} bytes of data, not {declared}"
            )

    with archive.open(WEIGHTS) as file, h5py.File(file) as weights:
        weights.visititems(check)


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
