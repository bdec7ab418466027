"""Scores and forgetting from phase to phase."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_incremental.reporting import figures
from keras_incremental.reporting import reading

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keras_incremental.reporting import PhaseReport

# More names than this do not fit below an axis.
MANY, NAMED = 8, 3


def plot_phases(
    reports: "Sequence[PhaseReport] | PhaseReport",
    figure: "Figure | None" = None,
) -> "Figure":
    """Draws the scores of old and of new classes, phase by phase.

    Old classes are those known before a phase, so a gray dash says what
    these same classes had before it. A refused phase has open marks, and the
    lines pass it by.

    Args:
        reports: `PhaseReport`s in order, or one.
        figure: Empty matplotlib figure, which is resized. Defaults to `None`,
            a new one of `pyplot`.

    Returns:
        Matplotlib figure.

    Raises:
        ValueError: if no report has scores.
        ImportError: if matplotlib is not installed.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> from keras_incremental import IncrementalClassifier, reporting
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> clf = IncrementalClassifier(model, ["cat", "dog"])
    >>> x, y = np.eye(4)[:3], np.arange(3)
    >>> report = clf.learn(x[2:], classes=["bird"], epochs=1, verbose=0,
    ...                    validation_data=(x, y))
    >>> figure = reporting.plot_phases(report)
    >>> figure.savefig("phases.png")  # doctest: +SKIP
    """
    reports = reading.measured(reports)
    places = np.arange(1, len(reports) + 1)
    figure = figures.blank(figure, _width(reports), 3.8)
    axes = figure.add_subplot()
    was, old, new = (
        np.array([reading.in_points(getattr(r, name)) for r in reports])
        for name in ("old_score_before", "old_score", "new_score")
    )
    kept = np.array([report.accepted for report in reports])
    axes.plot(
        places,
        was,
        "_",
        color=figures.BEFORE,
        ms=16,
        mew=2.5,
        label="old, before the phase",
        clip_on=False,
    )
    start = np.r_[0, places[kept]], np.r_[was[0], old[kept]]
    axes.plot(*start, color=figures.OLD, lw=2.2)
    axes.plot(places[kept], new[kept], "--", color=figures.NEW, lw=1.6)
    _marks(axes, 0, was[:1], np.array([True]), "o", figures.OLD)
    _marks(axes, places, old, kept, "o", figures.OLD, "old, after it")
    _marks(axes, places, new, kept, "s", figures.NEW, "new")
    figures.dress(axes)
    figures.in_percent(axes.yaxis)
    axes.set_ylabel(reports[-1].scorer.metric, color=figures.INK)
    _name_phases(axes, reports, first=0)
    figures.legend(figure)
    return figure


def plot_forgetting(
    reports: "Sequence[PhaseReport] | PhaseReport",
    figure: "Figure | None" = None,
) -> "Figure":
    """Plots the drop of each class from its best earlier accuracy.

    Thin lines are classes, the thick line is their mean. A class is shown
    from the phase after the one in which it was added. Negative values are
    gains.

    Args:
        reports: `PhaseReport`s in order, or one.
        figure: See `plot_phases`.

    Returns:
        The figure.

    Raises:
        ValueError: if no report has scores.
        ImportError: if matplotlib is not installed.
    """
    reports = reading.measured(reports)
    names, scores = reading.class_scores(reports)
    lost = 100 * reading.forgetting(scores)
    places = np.arange(1, len(reports) + 1)
    figure = figures.blank(figure, _width(reports), 3.8)
    axes = figure.add_subplot()
    axes.plot(places, lost, color=figures.BEFORE, lw=0.8, marker=".", ms=4)
    axes.plot([], [], color=figures.BEFORE, lw=0.8, label="one class")
    axes.plot(
        places,
        reading.means(lost),
        color=figures.OLD,
        lw=2.4,
        marker="o",
        label="mean over the classes",
    )
    low, high = np.nanmin(lost, initial=0), np.nanmax(lost, initial=10)
    axes.set_ylim(1.05 * low, 1.05 * high)
    axes.axhline(0, color=figures.INK, lw=0.8)
    _name_worst(axes, names, lost[-1], places[-1])
    figures.dress(axes)
    axes.set_ylabel("points lost since the best", color=figures.INK)
    _name_phases(axes, reports, first=1)
    figures.legend(figure)
    return figure


def _width(reports):
    return min(5.5 + 0.5 * max(len(reports) - 4, 0), 12)


def _marks(axes, places, values, kept, marker, color, label=None):
    """Draws filled markers for accepted and open ones for refused phases."""
    places = np.broadcast_to(places, values.shape)
    style = {"marker": marker, "s": 42, "edgecolor": color, "zorder": 3}
    style |= {"linewidth": 1.6, "clip_on": False}
    axes.scatter(places[kept], values[kept], color=color, label=label, **style)
    axes.scatter(places[~kept], values[~kept], color="white", **style)


def _name_phases(axes, reports, first):
    count = len(reports)
    axes.set_xlim(first - 0.3, count + 0.3)
    places = list(range(first, count + 1))
    if count > MANY:
        axes.set_xticks(places[:: -(-count // 20)])
        axes.set_xlabel("phase", color=figures.INK)
        return
    length = max(7, 44 // (count + 1))
    ticks = ["before"] * (1 - first)
    ticks += [figures.arrivals(report, length) for report in reports]
    axes.set_xticks(places, ticks)


def _name_worst(axes, names, lost, place):
    order = [k for k in np.argsort(-lost)[:NAMED] if lost[k] > 0]
    low, high = axes.get_ylim()
    heights = figures.spread([lost[k] for k in order], 0.07 * (high - low))
    for k, height in zip(order, heights, strict=True):
        words = f"{figures.short(names[k])}  {lost[k]:.1f}"
        figures.say_beside(axes, words, height)
