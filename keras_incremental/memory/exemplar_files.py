"""One `.npz` file for the content of a memory, without pickle."""

import json
import os
import zipfile
import zlib

import numpy as np

from keras_incremental.memory.exemplars import COLUMNS
from keras_incremental.memory.exemplars import Exemplars
from keras_incremental.utils import files
from keras_incremental.utils.types import Config

FORMAT = 1


def write(
    path: str | os.PathLike, content: Exemplars, stream: Config | None = None
) -> None:
    """Writes a content; a file of that name is replaced only at the end.

    Args:
        path: String or path.
        content: `Exemplars`.
        stream: What JSON can hold, to be read by `read_stream`, or `None`.
    """
    header = {
        "format": FORMAT,
        "dtype": None if content.dtype is None else content.dtype.str,
        "next_id": content.next_id,
        "next_phase": content.next_phase,
        "stream": stream,
    }
    x = np.zeros(0) if content.x is None else content.x
    columns = {name: getattr(content, name) for name in COLUMNS}
    if content.logits is not None:
        columns["logits"] = content.logits
    with files.replacing(path) as part, open(part, "wb") as file:
        np.savez(file, header=json.dumps(header), x=x, **columns)


def read(path: str | os.PathLike) -> Exemplars:
    """Reads a content, all of it or nothing."""
    return _read(path, _parse)


def read_stream(path: str | os.PathLike) -> tuple[Exemplars, Config]:
    """Reads a content and what was written beside it."""
    return _read(path, _parse_stream)


def _read(path, parse):
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as saved:
                return parse({name: saved[name] for name in saved.files})
        except (
            ValueError,
            KeyError,
            TypeError,
            EOFError,
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            raise ValueError(
                "The file of exemplars is damaged or of another kind. "
                f"Received: path='{path}' ({error}). Use another copy of the "
                "file; the memory has not been changed."
            ) from error


def _parse(saved):
    header = json.loads(saved["header"].item())
    if header["format"] != FORMAT:
        raise ValueError(f"format {header['format']} instead of {FORMAT}")
    columns = {name: saved[name].astype("int64") for name in COLUMNS}
    x = saved["x"]
    logits = saved.get("logits")
    held = [x if logits is None else logits, *columns.values()]
    if {len(column) for column in held} != {len(x)}:
        raise ValueError("arrays of different lengths")
    return Exemplars(
        x=None if header["dtype"] is None else x,
        dtype=None if header["dtype"] is None else np.dtype(header["dtype"]),
        next_id=header["next_id"],
        next_phase=header["next_phase"],
        logits=logits,
        **columns,
    )


def _parse_stream(saved):
    stream = json.loads(saved["header"].item()).get("stream")
    if stream is None:
        raise ValueError("not a file of a stream")
    return _parse(saved), stream
