"""Confusion matrices of a phase."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_incremental.metrics.group_means import ratio
from keras_incremental.reporting import figures
from keras_incremental.reporting import reading

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keras_incremental.reporting import PhaseReport

BEFORE, AFTER, CHANGE = "before", "after", "change"
# Up to so many classes cells have numbers, and axes all names.
NUMBERED, NAMED = 12, 45
# Larger changes look alike, so that small ones can be seen.
LARGE_CHANGE = 50


def plot_confusion(
    report: "PhaseReport",
    panels: Sequence[str] = (BEFORE, AFTER, CHANGE),
    figure: "Figure | None" = None,
) -> "Figure":
    """Draws the predictions for each class, in percent of the row.

    A row is a true class, a column what it was taken for. `"change"` is
    after less before: it shows where an old class has gone. A thin line
    parts old from new classes; before the phase there were no new columns.

    Args:
        report: `PhaseReport`.
        panels: Which of `"before"`, `"after"` and `"change"` to draw.
            Defaults to all three, side by side.
        figure: See `plot_phases`.

    Returns:
        The figure.

    Raises:
        ValueError: if the report has no scores, if its classes do not exclude
            each other, or if a panel is unknown.
        ImportError: if matplotlib is not installed.
    """
    (report,) = reading.measured(report)
    if not report.scorer.has_confusion:
        raise ValueError(
            "Where several classes may apply to a sample, none is predicted "
            "in the place of another, so there is no confusion to draw. "
            f"Received: a report of problem={report.problem!r}. Draw "
            "`plot_classes`."
        )
    shares = dict(zip((BEFORE, AFTER, CHANGE), _shares(report), strict=True))
    panels = [panels] if isinstance(panels, str) else list(panels)
    unknown = [name for name in panels if name not in shares]
    if unknown or not panels:
        raise ValueError(
            f"`panels` must be of {list(shares)}. Received: panels={panels}."
        )
    side = 2.2 + min(0.25 * len(report.classes), 4.4)
    figure = figures.blank(figure, side * len(panels), side, "compressed")
    places = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, name in zip(places, panels, strict=True):
        picture = _draw(axes, shares[name], name, report)
        if len(report.classes) > NUMBERED:
            _explain(figure.colorbar(picture, ax=axes, shrink=0.7, aspect=25))
    return figure


def _shares(report):
    """Returns percentages before and after, and their difference."""
    count = len(report.classes)
    before = _percent(report.confusion_before)
    missing = count - before.shape[1]
    after = _percent(report.confusion_after)
    filled = np.pad(before, ((0, 0), (0, missing)))
    shown = np.pad(before, ((0, 0), (0, missing)), constant_values=np.nan)
    return shown, after, after - filled


def _percent(counts):
    totals = np.broadcast_to(counts.sum(1, keepdims=True), counts.shape)
    return 100 * ratio(counts, totals)


def _draw(axes, shares, name, report):
    from matplotlib import colors

    scale = {"cmap": "Blues", "norm": colors.PowerNorm(0.5, 0, 100)}
    if name == CHANGE:
        norm = colors.Normalize(-LARGE_CHANGE, LARGE_CHANGE)
        scale = {"cmap": "PuOr_r", "norm": norm}
    picture = axes.imshow(shares, interpolation="none", **scale)
    axes.set_facecolor("#ededed")
    figures.dress(axes, name, grid=None)
    _name_classes(axes, report.classes)
    edge = len(report.old_classes) - 0.5
    for line in (axes.axhline, axes.axvline):
        if report.new_classes:
            line(edge, color=figures.INK, lw=0.8)
    if len(report.classes) <= NUMBERED:
        _write(axes, shares, name == CHANGE)
    return picture


def _explain(bar):
    """Formats the color bar of a panel."""
    signed = bar.vmin < 0
    bar.set_ticks([-50, -25, 0, 25, 50] if signed else [0, 10, 25, 50, 100])
    if signed:
        bar.set_ticklabels(["≤ -50", "-25", "0", "+25", "≥ +50"])
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, colors=figures.INK, labelsize=8)
    bar.ax.set_title("points" if signed else "%", fontsize=8)


def _name_classes(axes, names):
    count = len(names)
    size = np.clip(220 / count, 5, figures.SMALL)
    if count > NAMED:
        axes.set_xlabel("taken for (index of the class)", color=figures.INK)
        axes.set_ylabel("true class (index)", color=figures.INK)
        return
    shown = [figures.short(name, 12) for name in names]
    axes.set_xticks(range(count), shown, rotation=90, fontsize=size)
    axes.set_yticks(range(count), shown, fontsize=size)
    axes.set_xlabel("taken for", color=figures.INK)
    axes.set_ylabel("true class", color=figures.INK)


def _write(axes, shares, signed):
    size = np.clip(72 / len(shares), 6, figures.SMALL)
    for (row, column), value in np.ndenumerate(shares):
        if np.isnan(value) or abs(value) < 0.5:
            continue
        axes.text(
            column,
            row,
            f"{value:+.0f}" if signed else f"{value:.0f}",
            ha="center",
            va="center",
            fontsize=size,
            color="white" if abs(value) > 35 else figures.INK,
        )
