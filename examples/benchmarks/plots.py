"""Accuracy by phase, drawn with matplotlib."""

import itertools

import numpy as np

# Quantiles of Student's t, two-sided 95 %, for 1, 2, ... degrees of freedom.
T = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)
NORMAL = 1.96
INK, GRID = "#333333", "#e6e6e6"
LINES = ("-", "--", ":", "-.")


def draw(found, path):
    """Draws the mean curve of each recipe, with its confidence band.

    The band is that of the mean, 95 % by Student's t; one run has none.

    Args:
        found: `Result`s, in the order of their recipes.
        path: Where the picture goes.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    matplotlib = _matplotlib()
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 5.5), layout="constrained")
    for number, (recipe, curves) in enumerate(_ranked(found)):
        _draw_curve(axes, number, recipe, curves, _classes(found[0]))
    _dress(axes, found)
    figure.savefig(path, dpi=160)
    pyplot.close(figure)


def band(curves) -> tuple:
    """The mean of curves, and half the width of its 95 % interval.

    Args:
        curves: Floats of shape `(runs, phases)`.

    Returns:
        Two arrays of shape `(phases,)`; the second is 0 of one run.
    """
    curves = np.asarray(curves, float)
    runs = len(curves)
    if runs < 2:
        return curves.mean(0), np.zeros(curves.shape[1])
    t = T[runs - 2] if runs - 2 < len(T) else NORMAL
    return curves.mean(0), t * curves.std(0, ddof=1) / np.sqrt(runs)


def _ranked(found):
    groups = itertools.groupby(found, key=lambda result: result.recipe)
    pairs = [(name, np.array([r.curve for r in own])) for name, own in groups]
    return sorted(pairs, key=lambda pair: -pair[1][:, -1].mean())


def _classes(result):
    return np.cumsum(result.matrix.group_sizes)


def _draw_curve(axes, number, recipe, curves, classes):
    mean, half = band(curves)
    colour, line = f"C{number % 10}", LINES[number // 10 % len(LINES)]
    label = f"{recipe}  {mean[-1]:.1f}"
    axes.plot(classes, mean, line, color=colour, lw=2, marker="o", label=label)
    low, high = np.clip([mean - half, mean + half], 0, 100)
    axes.fill_between(classes, low, high, color=colour, alpha=0.15, lw=0)


def _dress(axes, found):
    protocol = found[0].protocol
    axes.set_title(f"{protocol.data}, {protocol.backbone}", color=INK)
    axes.set_xlabel("classes so far", color=INK)
    axes.set_ylabel(
        "accuracy over them, %; band: 95 % interval of the mean", color=INK
    )
    axes.set_xticks(_classes(found[0]))
    axes.grid(axis="y", color=GRID)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _matplotlib():
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            "Curves are drawn by matplotlib: `pip install matplotlib`."
        ) from error
    return matplotlib
