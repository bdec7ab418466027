"""One `.npz` file for the content of a memory, without pickle."""

import json
import os
import zipfile
from typing import Any

import numpy as np

from keras_incremental.data import arrays
from keras_incremental.errors import DamagedFileError
from keras_incremental.memory.exemplars import COLUMNS
from keras_incremental.memory.exemplars import Exemplars
from keras_incremental.memory.sample_store import layout_from
from keras_incremental.memory.sample_store import layout_text
from keras_incremental.memory.stored_samples import Reference
from keras_incremental.memory.stored_samples import is_stored
from keras_incremental.memory.stream_state import Stream
from keras_incremental.utils import archives
from keras_incremental.utils import files
from keras_incremental.utils.types import Config
from keras_incremental.utils.varying import VaryingSamples
from keras_incremental.utils.varying import is_varying

# A file that refers to samples in another one has the second format, one with
# samples that differ in shape the third.
FORMAT, REFERENCE_FORMAT, VARYING_FORMAT = 1, 2, 3
# Samples whose values are looked at together.
ROWS = 256


def write(
    path: str | os.PathLike, content: Exemplars, stream: Config | None = None
) -> None:
    """Writes a content; a file of that name is replaced only at the end.

    Args:
        path: String or path.
        content: `Exemplars`.
        stream: What JSON can hold, to be read by `read_stream`, or `None`.
    """
    x: Any = content.x
    columns = {name: getattr(content, name) for name in COLUMNS}
    reference = None
    if is_stored(x):
        reference = {
            "path": x.store.path,
            "uuid": x.store.uuid,
            "layout": layout_text(x.dtype, x.shape[1:]),
        }
        columns.update(rows=x.rows, keys=content.keys)
    header = {
        "format": REFERENCE_FORMAT if reference else FORMAT,
        "store": reference,
        "dtype": _described(content.dtype),
        "next_id": content.next_id,
        "next_phase": content.next_phase,
        "stream": stream,
    }
    if is_varying(x):
        header.update(format=VARYING_FORMAT, shape=x.sample_shape)
        columns["shapes"] = x.shapes
        x = x.flat()
    x = np.zeros(0) if x is None or reference else x
    if content.logits is not None:
        columns["logits"] = content.logits
    with files.replacing(path) as part, open(part, "wb") as file:
        np.savez(file, header=json.dumps(header), x=x, **columns)


def _described(dtype):
    """Returns the name of a dtype, or a list of its fields."""
    return None if dtype is None else np.lib.format.dtype_to_descr(dtype)


def read(path: str | os.PathLike) -> Exemplars:
    """Reads a content, all of it or nothing."""
    return _read(path, _parse)


def read_stream(
    path: str | os.PathLike,
) -> tuple[Exemplars, Config, Stream]:
    """Reads a content, what was written beside it, and its `Stream`."""
    return _read(path, _parse_stream)


def _read(path, parse):
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                archives.check_sizes(archive, file)
                archives.check_checksums(archive)
                return parse(archives.read_arrays(archive))
        except archives.DAMAGES as error:
            raise DamagedFileError(
                path,
                "file of exemplars",
                error,
                "Use another copy of the file; the memory has not been "
                "changed.",
            ) from error


def _parse(saved):
    header = archives.loads(saved["header"].item())
    archives.check_whole("format", header["format"], 1, VARYING_FORMAT)
    if header["format"] == REFERENCE_FORMAT:
        return _parse_reference(saved, header)
    columns = {name: _column(name, saved[name]) for name in COLUMNS}
    x, logits = saved["x"], saved.get("logits")
    if header["format"] == VARYING_FORMAT:
        x = _varying(x, saved["shapes"], header["shape"])
    _check_lengths(len(x), logits, columns)
    dtype = _dtype(header["dtype"], x)
    for rows in range(0, len(x), ROWS):
        arrays.check_finite(x[rows : rows + ROWS], "x", rows)
    if logits is not None:
        _check_logits(logits)
    return _exemplars(
        header, columns, logits, None if dtype is None else x, dtype
    )


def _varying(values, shapes, sample_shape):
    """Returns `VaryingSamples` of their values and shapes."""
    if shapes.ndim != 2 or shapes.dtype != "int64":
        raise ValueError("`shapes` is no table of ints")
    if values.dtype.kind not in "biuf" or None not in sample_shape:
        raise ValueError(f"samples of {values.dtype} and {sample_shape}")
    shape = tuple(
        None if size is None else archives.check_whole("shape", size)
        for size in sample_shape
    )
    return VaryingSamples.of_flat(values, shapes, shape)


def _parse_reference(saved, header):
    """Returns `Exemplars` whose samples are a `Reference`."""
    columns = {name: _column(name, saved[name]) for name in COLUMNS}
    rows, keys, logits = saved["rows"], saved["keys"], saved.get("logits")
    _check_lengths(len(rows), logits, {**columns, "keys": keys})
    if keys.ndim != 1 or keys.dtype != "int64":
        raise ValueError("`keys` is no list of ints")
    if logits is not None:
        _check_logits(logits)
    store = header["store"]
    path, uuid, layout = (store[k] for k in ("path", "uuid", "layout"))
    if not all(isinstance(text, str) for text in (path, uuid, layout)):
        raise ValueError("no file of samples is named")
    held_dtype, shape = layout_from(layout)
    dtype = _dtype(header["dtype"], np.empty(0, held_dtype))
    x = Reference(path, uuid, _column("rows", rows), held_dtype, shape)
    return _exemplars(header, columns, logits, x, dtype, keys)


def _exemplars(header, columns, logits, x, dtype, keys=None):
    return Exemplars(
        x=x,
        dtype=dtype,
        next_id=_after(columns["ids"], "next_id", header),
        next_phase=_after(columns["phases"], "next_phase", header),
        logits=logits,
        keys=keys,
        **columns,
    )


def _check_lengths(size, logits, columns):
    held = [*columns.values()] + ([] if logits is None else [logits])
    if {len(column) for column in held} != {size}:
        raise ValueError("arrays of different lengths")


def _check_logits(logits):
    if logits.ndim != 2 or logits.dtype.kind != "f":
        raise ValueError("logits are not rows of floats")
    # Logits that are not known are NaN.
    arrays.check_finite(
        np.nan_to_num(logits, posinf=np.inf, neginf=-np.inf), "logits"
    )


def _column(name, array):
    if array.ndim != 1 or array.dtype != "int64":
        raise ValueError(f"`{name}` is no list of ints")
    # Labels of all time have the version -1.
    if len(array) and array.min() < (-1 if name == "label_versions" else 0):
        raise ValueError(f"`{name}` has {array.min()}")
    if name == "ids" and len(np.unique(array)) != len(array):
        raise ValueError("two exemplars have one identity")
    return array


def _dtype(name, x):
    if name is None and not len(x):
        return None
    if isinstance(name, list):
        return _dtype_of_records(name, x)
    dtype = np.dtype(name) if isinstance(name, str) else None
    if dtype is None or {dtype.kind, x.dtype.kind} - set("biufU"):
        raise ValueError(f"samples are of type {name!r}")
    if (dtype.kind == "U") != (x.dtype.kind == "U"):
        raise ValueError(f"samples of {x.dtype} are of type {name!r}")
    return dtype


def _dtype_of_records(fields, x):
    names = [name for name, *_ in fields]
    if x.dtype.names != tuple(names) or len(set(names)) != len(names):
        raise ValueError(f"samples of {x.dtype} have fields {names}")
    return np.dtype(
        [
            (name, _dtype(kind, x[name]), x.dtype[name].shape)
            for name, kind, *_ in fields
        ]
    )


def _after(column, name, header):
    return archives.check_whole(name, header[name], column.max(initial=-1) + 1)


def _parse_stream(saved):
    stream = archives.loads(saved["header"].item()).get("stream")
    if not isinstance(stream, dict):
        raise ValueError("not a file of a stream")
    content = _parse(saved)
    if len(content) > archives.check_whole("budget", stream["budget"], 1):
        raise ValueError(
            f"{len(content)} exemplars in a budget of {stream['budget']}"
        )
    return content, stream, Stream.from_json(stream)
