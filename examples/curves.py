"""The table and the picture of `quickstart.py`."""

import numpy as np

from keras_incremental.reporting import figures

COLOURS = ("#c8553d", "#2a9d8f", "#2f5d9b", "#8a8a8a")
LINES = ("-", "-", "-", (0, (1, 1.2)))
INK = "#333333"


def print_header(learners):
    print(f"\n{'new classes':<24}" + "".join(f"{x:>15}" for x in learners))


def print_row(new, accuracies):
    cells = "".join(f"{100 * value:>13.1f} %" for value in accuracies)
    print(f"{', '.join(new):<24}{cells}", flush=True)


def draw(rows, phases, learners, path):
    """Draws accuracies, a row for each phase, to a picture file.

    The scale is wider above the worst of all but the first learner, where
    the others would lie upon each other.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = 100 * np.array(rows).T
    figure, panels = pyplot.subplots(
        2, sharex=True, figsize=(9, 6), layout="constrained"
    )
    split = min(np.floor(columns[1:].min()) - 1, 96)
    for panel, limits in zip(panels, [(split, 100.3), (0, split)], strict=True):
        _draw_columns(panel, columns)
        _dress(panel, limits)
        _label(panel, columns[:, -1], learners, limits)
    _name_axes(figure, panels, phases)
    figure.savefig(path, dpi=160)
    pyplot.close(figure)


def _draw_columns(panel, columns):
    for column, colour, line in zip(columns, COLOURS, LINES, strict=True):
        panel.plot(column, color=colour, ls=line, lw=2.4, marker="o", ms=5)


def _dress(panel, limits):
    panel.set_ylim(limits)
    panel.yaxis.set_major_formatter("{x:.0f} %")
    panel.grid(axis="y", color="#e6e6e6")
    panel.set_axisbelow(True)
    panel.tick_params(length=0, colors=INK)
    panel.spines[:].set_visible(False)


def _label(panel, values, learners, limits):
    inside = [i for i, x in enumerate(values) if limits[0] < x <= limits[1]]
    gap = 0.075 * (limits[1] - limits[0])
    heights = figures.spread([values[i] for i in inside], gap)
    for index, height in zip(inside, heights, strict=True):
        figures.say_beside(
            panel,
            f"{learners[index]}  {values[index]:.1f} %",
            height,
            1.02,
            color=COLOURS[index],
            fontsize=None,
            weight="bold",
        )


def _name_axes(figure, panels, phases):
    ticks = [_tick(phase) for phase in phases]
    ticks = [ticks[0], *("+ " + tick for tick in ticks[1:])]
    panels[1].set_xticks(range(len(ticks)), ticks)
    panels[1].set_xlabel("classes that arrive", color=INK)
    figure.suptitle(
        "Accuracy on test pictures of all classes so far, two scales",
        x=0.01,
        ha="left",
        color=INK,
    )


def _tick(phase):
    separator = " and " if max(map(len, phase)) < 4 else "\n"
    return separator.join(phase)
