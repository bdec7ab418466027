"""Plot of the learning curves of all phases."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_incremental.reporting import figures
from keras_incremental.reporting import reading

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keras_incremental.reporting import PhaseReport

KINDS = (("accuracy", "accuracy"), ("loss", "loss"))
MANY = 6


def plot_curves(
    reports: "Sequence[PhaseReport] | PhaseReport",
    figure: "Figure | None" = None,
) -> "Figure":
    """Plots the learning curves of all phases one after another.

    A dotted line marks the begin of a phase. Phases with a closed-form head
    have no curve and are omitted.

    Args:
        reports: `PhaseReport`s in order, or one.
        figure: See `plot_phases`.

    Returns:
        The figure.

    Raises:
        ValueError: if no report has a history.
        ImportError: if matplotlib is not installed.
    """
    trained = [r for r in reading.listed(reports) if r.history.get("loss")]
    if not trained:
        raise ValueError(
            "No phase has a learning curve. Received: reports without "
            "`history`; heads in closed form have none. Draw `plot_phases`."
        )
    lengths = [len(report.history["loss"]) for report in trained]
    starts = list(itertools.accumulate(lengths, initial=0))
    figure = figures.blank(figure, min(5.5 + 0.02 * starts[-1], 10), 5.2)
    panels = figure.subplots(2, sharex=True)
    for axes, (key, title) in zip(panels, KINDS, strict=True):
        _draw(axes, trained, starts, key)
        figures.dress(axes)
        axes.set_ylabel(title, color=figures.INK)
    figures.in_percent(panels[0].yaxis)
    panels[1].set_ylim(0, None)
    panels[1].set_xlim(0, starts[-1])
    panels[1].set_xlabel("epochs, of all phases", color=figures.INK)
    figure.align_ylabels()
    panels[1].xaxis.get_major_locator().set_params(integer=True)
    _name_phases(panels[0], trained, starts)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(
        *handles,
        loc="outside upper left",
        ncols=2,
        frameon=False,
        fontsize=figures.SMALL,
        labelcolor=figures.INK,
    )
    return figure


def _draw(axes, reports, starts, key):
    factor = 100 if key == "accuracy" else 1
    for start in starts[:-1]:
        axes.axvline(start, color=figures.INK, lw=0.9, ls=(0, (1, 2)))
    for name, color, style, label in (
        (key, figures.BEFORE, "--", "training"),
        (f"val_{key}", figures.OLD, "-", "validation"),
    ):
        for report, start in zip(reports, starts, strict=False):
            values = np.array(report.history.get(name, ()), float)
            epochs = start + 1 + np.arange(len(values))
            axes.plot(
                epochs,
                factor * values,
                style,
                color=color,
                lw=1.8,
                marker="o",
                ms=3 if len(values) < 40 else 0,
                label=label,
            )
            label = None


def _name_phases(axes, reports, starts):
    """Writes the new classes above each line."""
    shown = list(zip(reports, starts, strict=False))
    step = -(-len(shown) // MANY)
    for report, start in shown[::step]:
        axes.annotate(
            figures.arrivals(report, 9),
            (start, 1.03),
            xycoords=("data", "axes fraction"),
            va="bottom",
            color=figures.INK,
            fontsize=8,
            annotation_clip=False,
        )
