"""Files of `SiteStatistics`."""

import os
import pathlib
import zipfile
from typing import Any

import numpy as np

from keras_incremental.errors import DamagedFileError
from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.statistics.kept_rows import KeptRows
from keras_incremental.statistics.low_rank import load_statistics
from keras_incremental.utils import archives

FORMAT = 1
# The array that no other file of this package has.
MARK = "site_format"


def write(site: Any, path: pathlib.Path) -> None:
    """Writes `SiteStatistics` into a file.

    Args:
        site: `SiteStatistics`.
        path: Path.
    """
    arrays = {
        MARK: np.asarray(FORMAT),
        "classes": np.asarray(site.classes, str),
        "sites": np.asarray(site.sites, str),
        "most": np.asarray(site.kept.most),
        "labels": site.kept.labels,
        "keys": site.kept.keys,
        "features": np.zeros((0, 0), "float32"),
    }
    if site.kept.features is not None:
        arrays["features"] = site.kept.features
    if site.probe is not None:
        arrays["probe"] = site.probe
    site.statistics.save_to(arrays)
    with open(path, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read(kind: type, path: str | os.PathLike) -> Any:
    """Returns the `SiteStatistics` of a file.

    Args:
        kind: `SiteStatistics`.
        path: String or path.
    """
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                archives.check_sizes(archive, file)
                archives.check_checksums(archive)
                arrays = archives.read_arrays(archive)
            number = archives.check_whole("format", arrays[MARK].item(), 1)
            if number == FORMAT:
                return _site_of(kind, arrays)
        except archives.DAMAGES as error:
            part = "file of statistics"
            raise DamagedFileError(path, part, error) from error
    raise ValueError(
        "A later version of this package wrote this file of statistics. "
        f"Received: path='{os.fspath(path)}' of format {number}, where this "
        f"version reads {FORMAT}. Update the package."
    )


def is_site_file(path: str | os.PathLike) -> bool:
    """Returns whether a file is one that `write` wrote, damaged or not."""
    try:
        with zipfile.ZipFile(path) as archive:
            return f"{MARK}.npy" in archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError):
        return False


def _site_of(kind, arrays):
    classes = tuple(arrays["classes"].tolist())
    sites = tuple(arrays["sites"].tolist())
    for names in (classes, sites):
        if {type(n) for n in names} - {str} or len(set(names)) < len(names):
            raise ValueError(f"names {names!r:.200}")
    if not classes:
        return kind()
    width = arrays["means"].shape[-1]
    statistics = load_statistics(arrays, width)
    _check_statistics(statistics, len(classes), width)
    most = archives.check_whole("most", arrays["most"].item())
    kept = KeptRows(arrays["features"], arrays["labels"], arrays["keys"], most)
    _check_kept(kept, len(classes), width)
    probe = arrays.get("probe")
    if probe is not None and (
        not _is_finite(probe) or probe.ndim != 2 or probe.shape[-1] != width
    ):
        raise ValueError(f"`probe` has the shape {probe.shape}")
    return kind(classes, statistics, kept, sites, probe)


def _check_statistics(statistics: FeatureStatistics, units, width):
    counts, means = statistics.counts, statistics.means
    if counts.shape != (units,) or (counts < 0).any():
        raise ValueError(f"`counts` is {counts!r:.200}")
    if means.shape != (units, width) or not _is_finite(means):
        raise ValueError(f"`means` has the shape {means.shape}")
    if not statistics.fits(width):
        raise ValueError("`scatter` does not fit, or is not finite")


def _check_kept(kept, units, width):
    count = len(kept.keys)
    if kept.labels.shape != (count,) or kept.features.shape != (count, width):
        raise ValueError(f"{count} keys, {kept.features.shape} features")
    if kept.labels.dtype.kind != "i" or kept.keys.dtype != np.uint64:
        raise ValueError("`labels` or `keys` are no ints")
    if not _is_finite(kept.features):
        raise ValueError("`features` are not finite")
    outside = (kept.labels < 0) | (kept.labels >= units)
    if outside.any() or (kept.keys.ndim != 1):
        raise ValueError("`labels` name no class")


def _is_finite(array):
    return array.dtype.kind == "f" and bool(np.isfinite(array).all())
