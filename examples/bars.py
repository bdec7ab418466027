"""Bars of old and new classes, for scripts that compare ways to learn."""

import numpy as np
from matplotlib.figure import Figure

KINDS = (
    (-0.2, "old classes", "#2f5d9b"),
    (0.2, "new classes", "#e0a458"),
)


def draw(labels, old, new, before, path):
    """Draws accuracies to a picture file.

    Args:
        labels: Strings, one for each way.
        old: Floats from 0 to 1, accuracies on old classes.
        new: Floats from 0 to 1, accuracies on new classes.
        before: Float. That on old classes before; a dotted line.
        path: Where the picture goes. Its suffix says how.
    """
    height = 1.2 + 0.36 * len(labels)
    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(labels))
    for (offset, words, colour), shares in zip(KINDS, (old, new), strict=True):
        percent = 100 * np.array(shares)
        bars = axes.barh(
            places + offset, percent, 0.38, label=words, color=colour
        )
        axes.bar_label(bars, fmt="%.0f", padding=3, fontsize=8)
    axes.axvline(100 * before, color="#8a8a8a", ls=":")
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 106)
    axes.set_xlabel("test accuracy in percent; dotted: old classes before")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    figure.savefig(path, dpi=150)
