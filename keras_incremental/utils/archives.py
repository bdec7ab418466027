"""Zip archives and JSON that may be damaged, or made by strangers."""

import json
import math
import os
import struct
import zipfile
import zlib
from typing import IO
from typing import Any

import numpy as np

# What zip archives, arrays, JSON and HDF5 raise where they are damaged.
DAMAGES = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
MAX_DEPTH = 200
# The last bytes of a zip archive that has no comment.
END = struct.Struct("<4s4H2LH")


def check_sizes(archive: zipfile.ZipFile, file: IO[bytes]) -> None:
    """Raises if an archive lacks a member, or could take too much memory.

    What is read of it takes no more memory than the file has bytes.

    Args:
        archive: Archive whose members are stored without compression.
        file: The file that it was opened from.

    Raises:
        ValueError: if members are compressed, overlap, repeat a name, or are
            not as many as the file says.
    """
    members = archive.infolist()
    names = [item.filename for item in members]
    if len(set(names)) != len(names):
        raise ValueError("several parts have one name")
    for item in members:
        if item.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"'{item.filename}' is compressed")
        if item.file_size != item.compress_size:
            raise ValueError(f"the size of '{item.filename}' is wrong")
    size = file.seek(0, os.SEEK_END)
    total = sum(item.file_size for item in members)
    if total > size:
        raise ValueError(f"{total} bytes in a file of {size} bytes")
    file.seek(size - END.size)
    signature, *_, count, _, _, comment = END.unpack(file.read())
    # The largest count stands for a larger one.
    if signature != b"PK\5\6" or comment or count not in (len(names), 0xFFFF):
        raise ValueError(f"{len(names)} parts, where the file says {count}")


def check_checksums(archive: zipfile.ZipFile) -> None:
    """Raises if a member is not what its checksum says."""
    wrong = archive.testzip()
    if wrong is not None:
        raise ValueError(f"the checksum of '{wrong}' is wrong")


def read_arrays(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """Returns the arrays of an `.npz` file, by name.

    Raises:
        ValueError: if one is declared larger than it is, or holds objects.
    """
    return {
        item.filename.removesuffix(".npy"): _read_array(archive, item)
        for item in archive.infolist()
    }


def loads(text: str | bytes, finite: bool = True) -> Any:
    """Returns the value of JSON text of bounded depth.

    Args:
        text: String or bytes.
        finite: Bool. Whether NaN and infinity are refused. Defaults to
            `True`.

    Raises:
        ValueError: if it is none.
    """
    try:
        refuse: dict[str, Any] = {}
        if finite:
            refuse["parse_constant"] = _refuse_constant
        value = json.loads(text, **refuse)
        _check_depth(value, MAX_DEPTH)
    except RecursionError as error:
        raise ValueError("JSON is nested too deeply") from error
    return value


def check_whole(
    name: str, value: Any, least: int = 0, most: int = 2**62
) -> int:
    """Returns an int that was read, if it is one, in a range.

    Raises:
        ValueError: if it is not.
    """
    is_int = isinstance(value, (int, np.integer))
    if not is_int or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(
            f"`{name}` is {value!r}, not an int of {least} or more"
        )
    return int(value)


def _read_array(archive, item):
    with archive.open(item) as file:
        shape, dtype = _read_header(file)
        declared = math.prod(shape) * dtype.itemsize
        left = item.file_size - file.tell()
        if dtype.hasobject or declared != left:
            raise ValueError(
                f"'{item.filename}' has {left} bytes of data, not {declared}"
            )
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)


def _read_header(file: IO):
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, dtype = read(file)
    if any(size < 0 for size in shape):
        raise ValueError(f"an array has the shape {shape}")
    return shape, dtype


def _refuse_constant(name):
    raise ValueError(f"JSON has a {name}")


def _check_depth(value, left):
    if not left:
        raise RecursionError
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return
    for item in value:
        _check_depth(item, left - 1)
