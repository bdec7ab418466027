"""Style and helpers of all plots."""

import itertools

from keras_incremental.utils.formatting import one_line

OLD, NEW, BEFORE = "#0072b2", "#d55e00", "#a6a6a6"
INK, GRID = "#333333", "#e6e6e6"
NAME_LENGTH = 18
SMALL = 9


def pyplot():
    """Imports `matplotlib.pyplot`.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "Pictures of reports are drawn by matplotlib. Install it: "
            "`pip install 'keras-incremental[plots]'`."
        ) from error
    return pyplot


def blank(figure, width, height, layout="constrained"):
    """Returns an empty figure of a size in inches, new or the given one."""
    library = pyplot()
    if figure is None:
        figure = library.figure()
    if hasattr(figure, "set_size_inches"):
        figure.set_layout_engine(layout)
        figure.set_size_inches(width, height)
    return figure


def dress(axes, title="", grid="y"):
    """Applies the style of all plots to axes."""
    if title:
        axes.set_title(title, loc="left", color=INK, fontsize=11, pad=10)
    if grid:
        axes.grid(axis=grid, color=GRID)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=INK, labelsize=SMALL)
    axes.spines[:].set_visible(False)


def in_percent(axis):
    """Scales an axis from 0 to 100 %."""
    axis.set_major_formatter("{x:.0f} %")
    axis.set_ticks(range(0, 101, 20))
    axis.axes.set(**{f"{axis.axis_name}lim": (0, 100)})


def legend(figure):
    """Adds a legend above the figure, in one row."""
    figure.legend(
        loc="outside upper left",
        ncols=4,
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
    )


def short(name, length=NAME_LENGTH):
    """Shortens a name, and escapes it for matplotlib."""
    name = one_line(name, length)
    return name.replace("$", r"\$")


def arrivals(report, length=NAME_LENGTH):
    """Returns a short label with the new classes of a phase."""
    new = report.new_classes
    if not new:
        shown = "more pictures"
    elif len(new) > 2:
        shown = f"+ {len(new)} classes"
    else:
        shown = "\n".join(f"+ {short(name, length)}" for name in new)
    return shown if report.accepted else f"{shown}\n(refused)"


def say_beside(axes, words, height, place=1.01, **style):
    """Adds text to the right of the axes, at a height of the data."""
    axes.annotate(
        words,
        (place, height),
        xycoords=("axes fraction", "data"),
        va="center",
        annotation_clip=False,
        **{"color": INK, "fontsize": SMALL, **style},
    )


def spread(values, gap):
    """Returns heights near the values that are at least `gap` apart."""
    order = sorted(range(len(values)), key=values.__getitem__, reverse=True)
    heights = list(values)
    for above, below in itertools.pairwise(order):
        heights[below] = min(heights[below], heights[above] - gap)
    return heights
