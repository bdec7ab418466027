"""What the parts of this package cost, measured against plain `fit`.

    python -m examples.benchmarks.overhead --size small

Each ratio is the median over rounds of pairs that were timed in turn, in one
thread; beside it the quartiles, and the same of wall time. Tracing and
compilation come before the first round and do not count, except in the rows
of a whole `learn` and of growth. Rows of noise compare plain `fit` with
itself. An aim is "unclear" if it lies between the median and a quartile.

A phase costs about a second of tracing, however short the lesson. Where the
lessons are as short as those of `small`, that hides what cached features
save: judge these by `full`.
"""

import argparse
import json

import keras

from . import cost_ratios
from . import step_ratios
from .ratios import FULL
from .ratios import SMALL
from .timing import one_thread

GROUPS = {
    "network": step_ratios.network_rows,
    "frozen": step_ratios.frozen_rows,
    "head": step_ratios.head_rows,
    "large": step_ratios.large_rows,
    "fisher": cost_ratios.fisher_rows,
    "lesson": cost_ratios.lesson_rows,
    "solved": cost_ratios.solved_rows,
    "growth": cost_ratios.growth_rows,
}
SIZES = {"small": SMALL, "full": FULL}
ROUNDS = {"small": 5, "full": 15}
TITLE = f"{'row':<58}{'CPU':>6}  {'quartiles':<14}{'wall':>8}  aim     reached"


def measure(size, rounds, names):
    """Measures some groups of rows.

    Args:
        size: `Size`.
        rounds: Int, how often everything is timed. More narrow the quartiles.
        names: Keys of `GROUPS`.

    Yields:
        Rows of the table.
    """
    for name in names:
        yield from GROUPS[name](size, rounds)


def main(arguments=None):
    """Prints the table."""
    options = _options(arguments)
    one_thread()
    rounds = options.rounds or ROUNDS[options.size]
    print(f"{keras.config.backend()}, {options.size}, {rounds} rounds\n{TITLE}")
    rows = []
    for row in measure(SIZES[options.size], rounds, options.only):
        print(row.words, flush=True)
        rows.append(row.get_config())
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"rounds": rounds, "rows": rows}, file, indent=2)


def _options(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS)
    parser.add_argument("--rounds", type=int, help="Defaults to 5 or 15.")
    parser.add_argument("--json", help="Where to write the numbers.")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
