"""Plots of exemplars, and of validation images that flipped."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_incremental.data.source import as_source
from keras_incremental.reporting import figures
from keras_incremental.reporting import reading
from keras_incremental.utils.types import Data

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keras_incremental.callbacks import ExemplarMemory
    from keras_incremental.memory import Reservoir
    from keras_incremental.models import IncrementalClassifier
    from keras_incremental.reporting import PhaseReport

SIDE = 0.9


def plot_exemplars(
    memory: "ExemplarMemory | Reservoir | IncrementalClassifier",
    names: Sequence[str] | None = None,
    per_class: int = 8,
    figure: "Figure | None" = None,
) -> "Figure":
    """Plots the first exemplars of each class in rows.

    Args:
        memory: `ExemplarMemory` or `Reservoir`, or an
            `IncrementalClassifier` that has one.
        names: Names of the classes. Defaults to `None`: those of the
            classifier, or class indices.
        per_class: Int. Maximum number for each class. Defaults to `8`.
        figure: See `plot_phases`.

    Returns:
        The figure.

    Raises:
        ValueError: if there are no exemplars, or if they are not images.
        ImportError: if matplotlib is not installed.
    """
    memory, names = _memory_of(memory, names)
    samples, labels = memory.arrays()
    check_pictures(samples.shape[1:])
    known = list(memory.counts)
    figure = figures.blank(
        figure, 1.3 + SIDE * per_class, 0.2 + SIDE * len(known)
    )
    grid = figure.subplots(len(known), per_class, squeeze=False)
    for row, label in zip(grid, known, strict=True):
        own = np.flatnonzero(labels == label)[:per_class]
        title = str(label) if names is None else names[label]
        _write_beside(row[0], title, memory.counts[label])
        for axes in row:
            axes.axis("off")
        for axes, index in zip(row, own, strict=False):
            show(axes, samples[index])
    return figure


def plot_flips(
    report: "PhaseReport",
    pictures: Data,
    most: int = 24,
    figure: "Figure | None" = None,
) -> "Figure":
    """Plots validation images that went from right to wrong.

    The title of each image is its true class, which was predicted before the
    phase, and the class that is predicted now.

    Args:
        report: `PhaseReport`.
        pictures: The validation pictures, in the order in which `learn` read
            them: an array, or a data set that is not shuffled.
        most: Int, how many to draw. Defaults to `24`.
        figure: See `plot_phases`.

    Returns:
        The figure.

    Raises:
        ValueError: if no picture flipped, if there are too few pictures, or
            if they are none.
        ImportError: if matplotlib is not installed.
    """
    (report,) = reading.measured(report)
    if not report.scorer.has_flips:
        raise ValueError(
            f"Where {report.scorer.unit} are counted, samples are neither "
            "right nor wrong as a whole, so there are none to draw. Received: "
            f"a report of problem={report.problem!r}. Draw `plot_classes`."
        )
    chosen = report.flips[:most]
    if not len(chosen):
        raise ValueError(
            "No sample went from right to wrong. Received: report.flips=[]. "
            "Draw them where `len(report.flips)` is not 0."
        )
    found = rows_of(pictures, chosen)
    check_pictures(found[0].shape)
    columns = min(len(chosen), 4)
    rows = -(-len(chosen) // columns)
    figure = figures.blank(figure, 1.4 * columns, 1.75 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, picture, true, now in zip(
        grid, found, report.flipped_from, report.flipped_to, strict=False
    ):
        show(axes, picture)
        title = f"{_name(report, true)}\n→ {_name(report, now)}"
        axes.set_title(title, fontsize=8, color=figures.INK, pad=3)
    return figure


def rows_of(pictures, indices):
    """Returns the images of a data set at some indices."""
    wanted = {int(index): None for index in indices}
    first = 0
    source = as_source(pictures, argument="pictures", varies=True)
    for batch, _ in source.all_batches():
        for index in range(first, first + len(batch)):
            if index in wanted:
                wanted[index] = np.asarray(batch[index - first])
        first += len(batch)
    if any(picture is None for picture in wanted.values()):
        raise ValueError(
            f"`pictures` must be those that were validated on. Received: "
            f"{first} of them, and the report speaks of number "
            f"{max(wanted)}. Pass all, in the same order."
        )
    return list(wanted.values())


def show(axes, picture):
    """Shows one image with any number of channels and any range."""
    picture = in_display_range(picture)
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="none")
    axes.axis("off")


def in_display_range(picture):
    """Scales an image to floats from 0 to 1, without a single channel.

    Values outside 0 to 255 were centered or scaled in some way, so they are
    scaled by their own range.
    """
    picture = np.asarray(picture, float)
    if picture.ndim == 3 and picture.shape[-1] == 1:
        picture = picture[..., 0]
    low, high = picture.min(), picture.max()
    if low < 0 or high > 255:
        return (picture - low) / max(high - low, 1e-12)
    return picture / 255 if high > 1 else picture


def is_picture(shape):
    """Returns whether samples of a shape are images."""
    return len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3, 4))


def check_pictures(shape):
    """Raises a `ValueError` unless samples of a shape are images."""
    if not is_picture(shape):
        raise ValueError(
            "Only pictures can be drawn, of shape (height, width) or (height, "
            f"width, channels) with 1, 3 or 4 channels. Received: samples of "
            f"shape {tuple(shape)}."
        )


def _memory_of(memory, names):
    if hasattr(memory, "arrays"):
        return memory, names
    if getattr(memory, "memory", None) is None:
        raise ValueError(
            "There is no memory to draw exemplars of. Received: "
            f"{type(memory).__name__}. Give a classifier with "
            "`memory=ExemplarMemory(2000)`, or a memory."
        )
    return memory.memory, memory.classes if names is None else names


def _write_beside(axes, name, count):
    axes.annotate(
        f"{figures.short(name, 14)}\n{count} kept",
        (-0.12, 0.5),
        xycoords="axes fraction",
        ha="right",
        va="center",
        color=figures.INK,
        fontsize=figures.SMALL,
        annotation_clip=False,
    )


def _name(report, index):
    return figures.short(report.classes[index], 16)
