"""Scores of each class before and after a phase."""

from typing import TYPE_CHECKING

import numpy as np

from keras_incremental.reporting import figures
from keras_incremental.reporting import reading

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keras_incremental.reporting import PhaseReport


def plot_classes(
    report: "PhaseReport",
    worst: int | None = None,
    figure: "Figure | None" = None,
) -> "Figure":
    """Draws the score of each class as bars, the largest drop first.

    New classes, which have nothing to lose yet, come last.

    Args:
        report: `PhaseReport`.
        worst: Int. Number of classes to plot. Defaults to `None`, all.
        figure: See `plot_phases`.

    Returns:
        The figure.

    Raises:
        ValueError: if the report has no scores.
        ImportError: if matplotlib is not installed.
    """
    (report,) = reading.measured(report)
    names = by_drop(report)[:worst]
    was, now = (
        np.array([reading.in_points(report.class_score(n, b)) for n in names])
        for b in (True, False)
    )
    places = np.arange(len(names))
    figure = figures.blank(figure, 5.8, 1.1 + 0.3 * len(names))
    axes = figure.add_subplot()
    new = np.isin(names, report.new_classes)
    axes.barh(places, was, 0.78, color="#cfcfcf", label="before")
    for chosen, color, label in (
        (~new, figures.OLD, "after"),
        (new, figures.NEW, "after, new class"),
    ):
        if chosen.any():
            axes.barh(
                places[chosen], now[chosen], 0.42, color=color, label=label
            )
    for place, before, after in zip(places, was, now, strict=True):
        _say(axes, place, before, after)
    axes.set_yticks(places, [figures.short(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    figures.dress(axes, grid="x")
    figures.in_percent(axes.xaxis)
    axes.set_xlabel(report.scorer.class_metric, color=figures.INK)
    figures.legend(figure)
    return figure


def by_drop(report):
    """Returns the names of the measured classes, the largest drop first."""
    names = [n for n in report.classes if report.support(n)]

    def key(name):
        before = report.class_score(name, before=True)
        after = report.class_score(name)
        return (before is None, after - (before or 0.0), after)

    return sorted(names, key=key)


def _say(axes, place, before, after):
    change = "" if np.isnan(before) else f"  {after - before:+.1f}"
    figures.say_beside(axes, f"{after:.1f}{change}", place, 1.03)
