"""Compares recipes on data sets whose classes arrive in phases.

    python -m examples.benchmarks run --recipes all --out runs
    python -m examples.benchmarks report runs --curves curves.png

A run is a recipe with a seed; each leaves a file, and is not run again.
Options are defaults, nothing is searched for.
"""

import argparse
import dataclasses
import sys

from . import methods
from . import plots
from . import results
from . import runner
from . import tables
from .material import BACKBONES
from .protocols import PROTOCOLS
from .protocols import Protocol

# Options that a named protocol allows.
ALWAYS = ("protocol", "recipes", "seeds", "out", "quiet", "data_dir", "act")
DEFAULT = Protocol()


def main(arguments=None) -> int:
    """Runs or reports; 1 if a run failed."""
    options = _parser().parse_args(arguments)
    try:
        return options.act(options)
    except (ValueError, ImportError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def run(options) -> int:
    """`run`: what is not finished yet."""
    protocol = protocol_of(options)
    recipes = methods.chosen(options.recipes)
    failed = runner.run_all(protocol, recipes, options.out, options.quiet)
    for name in failed:
        print(
            f"failed: {name}, see {options.out}/{name}.error", file=sys.stderr
        )
    return 1 if failed else 0


def report(options) -> int:
    """`report`: the table on the screen, curves in a file."""
    found = results.read(options.folder)
    text = tables.report(
        found, options.protocol, options.format, options.baseline
    )
    print(text, end="")
    if options.curves:
        plots.draw(found, options.curves)
    return 0


def protocol_of(options) -> Protocol:
    """What the options ask for: a named protocol, or one of their own."""
    given = {k: v for k, v in vars(options).items() if v is not None}
    shared = {k: given[k] for k in ("seeds", "data_dir") if k in given}
    if options.protocol is None:
        fields = {field.name for field in dataclasses.fields(Protocol)}
        return _with_defaults({k: v for k, v in given.items() if k in fields})
    changed = sorted(set(given) - set(ALWAYS))
    if changed:
        raise ValueError(
            f"Protocol '{options.protocol}' fixes {changed}. Leave these out, "
            "or leave out `--protocol`."
        )
    return dataclasses.replace(PROTOCOLS[options.protocol], **shared)


def _with_defaults(given):
    backbone = BACKBONES[given.get("backbone", DEFAULT.backbone)]
    given.setdefault("image_size", backbone.image_size)
    given.setdefault("weights", backbone.weights)
    if given["weights"] == "none":
        given["weights"] = None
    return Protocol(**given)


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m examples.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)
    _add_run(commands.add_parser("run", help="run recipes"))
    _add_report(commands.add_parser("report", help="compare finished runs"))
    return parser


def _add_run(parser):
    parser.set_defaults(act=run)
    add = parser.add_argument
    add("--out", required=True, help="folder of the files, one for each run")
    add("--recipes", type=_words, default=["all"], help="all, or as a,b,c")
    add("--protocol", choices=PROTOCOLS, help="fixes all that follows")
    add("--seeds", type=_ints, help="as 1,2,3")
    add("--data", help="digits, fashion_mnist, cats_vs_dogs, tfds:NAME, ...")
    add("--data-dir", help="folder of the data; else they are fetched")
    add("--backbone", choices=BACKBONES)
    add("--weights", help="of the backbone, as hed or imagenet; or none")
    add("--image-size", type=int, help="height and width")
    add("--train-per-class", type=int, help="only the first of each class")
    add("--test-per-class", type=int, help="only the first of each class")
    add("--order", help="natural, seed1993, or seeds: by the seed of the run")
    add("--initial", type=int, help="classes of the first phase")
    add("--increment", type=int, help="classes of each later phase")
    add("--epochs", type=int, help="of each phase")
    add("--batch-size", type=int)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--budget", type=int, help="exemplars in all")
    size.add_argument("--per-class", type=int, help="exemplars of each class")
    add("--quiet", action="store_true", default=None, help="no progress bar")


def _add_report(parser):
    parser.set_defaults(act=report)
    add = parser.add_argument
    add("folder", help="where the files of the runs are")
    add("--format", choices=tables.FORMS, default="markdown")
    add("--protocol", choices=PROTOCOLS, help="with the figures of its peers")
    add("--baseline", default="er", help="recipe to take differences to")
    add("--curves", help="file of a picture of accuracy by phase")


def _words(text):
    return [word for word in text.split(",") if word]


def _ints(text):
    return tuple(int(word) for word in _words(text))


if __name__ == "__main__":
    sys.exit(main())
