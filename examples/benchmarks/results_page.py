"""Makes the page of what data of any size cost, `RESULTS.md`.

    python -m examples.benchmarks.results_page
    python -m examples.benchmarks.results_page --only growth beam_pipeline

Runs the benchmarks of `SECTIONS`, one after the other, and puts what each
prints into its section. With `--only`, other sections stay as they are. Each
table has its floor beside it.
"""

import argparse
import dataclasses
import datetime
import os
import pathlib
import platform
import re
import subprocess
import sys

import keras

PAGE = pathlib.Path(__file__).parent / "RESULTS.md"
INTRODUCTION = """\
# What data of any size cost

Made by `python -m examples.benchmarks.results_page`. Each section says which
command made it, on what, and how busy the machine was; the floor is the first
row of a table, or a column.
"""
HEADING = re.compile(r"^## ", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Section:
    """A section of the page, made by one benchmark.

    Attributes:
        title: String.
        module: String, the name of a module of this folder.
        text: String, what is measured, and what the floor is.
        arguments: Tuple of strings, options of its command.
    """

    title: str
    module: str
    text: str
    arguments: tuple[str, ...] = ()

    @property
    def command(self):
        """String, what makes its figures."""
        words = ["python -m", f"{__package__}.{self.module}", *self.arguments]
        return " ".join(words)


SECTIONS = (
    Section(
        "Pictures from a generator",
        "large_data",
        "Peak memory and time of `learn`, which reads a generator, beside an "
        "array of all pictures. The floor is `predict` of the frozen network. "
        "`trained` reads the pictures once more in each of two epochs.",
        (
            *("--count", "30000", "--roads"),
            *("predict", "solved", "exemplars", "collected", "trained"),
        ),
    ),
    Section(
        "Features that are kept in a folder",
        "cached_features",
        "`learn` and `predict_names` where features are computed, and in "
        "another process that finds them. The floor of what is computed is "
        "the forward pass, and that of what is found is to read the files and "
        "to compute the keys of the pictures.",
    ),
    Section(
        "Thousands of classes",
        "growth",
        "Phases of one class each; beyond 1,000 classes 100 arrive in each but "
        "for the last ones. The processor time of one phase over that of the "
        "tenth, what the process holds, the file beside the bytes of its "
        "weights and statistics, `predict`, and a report with a validation "
        "sample of each "
        "class.",
    ),
    Section(
        "A million exemplars",
        "exemplars_on_disk",
        "Exemplars in a file beside as many in memory. The floor of the time "
        "of a batch is memory, and that of what lies in a file is to read as "
        "many bytes of it. A step of `fit` tells what is felt of the "
        "difference.",
    ),
    Section(
        "Two devices beside one",
        "devices",
        "The largest difference of a weight and of a logit, and the time over "
        "that of one device. The floor is one device once more. The devices "
        "are halves of one processor, so nothing becomes faster.",
    ),
    Section(
        "Apache Beam beside one process",
        "beam_pipeline",
        "Files of pictures to a solved head. The floor is the backbone alone. "
        "Beam takes seconds to start, and its two workers share the cores with "
        "the threads that one process has as well.",
        ("--count", "400"),
    ),
)


def made(section):
    """Returns the text of a section, its benchmark run in a process."""
    command = [sys.executable, "-m", f"{__package__}.{section.module}"]
    done = subprocess.run(
        [*command, *section.arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return text_of(section, done.stdout)


def text_of(section, printed):
    """Returns the text of a section, of what its benchmark printed."""
    table = printed.strip()
    if "|---" not in table:
        table = f"```\n{table}\n```"
    parts = (
        f"## {section.title}",
        section.text,
        table,
        f"`{section.command}`, {_machine()}.",
    )
    return "\n\n".join(parts) + "\n"


def _machine():
    """What the figures were measured with."""
    backend = keras.backend.backend()
    return (
        f"{datetime.date.today()}, {os.cpu_count()} cores with a load of "
        f"{os.getloadavg()[2]:.0f} when it ended, Python "
        f"{platform.python_version()}, Keras {keras.__version__} on {backend}"
    )


def page_of(sections):
    """Returns the page.

    Args:
        sections: Dict of titles and texts.
    """
    known = [s.title for s in SECTIONS if s.title in sections]
    return "\n".join([INTRODUCTION, *(sections[title] for title in known)])


def sections_of(page):
    """Returns the sections of a page, by title."""
    _, *parts = HEADING.split(page)
    return {part.splitlines()[0]: f"## {part.strip()}\n" for part in parts}


def main(arguments=None):
    """Writes the page."""
    names = [section.module for section in SECTIONS]
    parser = argparse.ArgumentParser(
        prog="python -m examples.benchmarks.results_page",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--page", type=pathlib.Path, default=PAGE)
    options = parser.parse_args(arguments)
    for section in SECTIONS:
        if section.module not in options.only:
            continue
        text = made(section)
        print(text, flush=True)
        old = options.page.read_text("utf-8") if options.page.exists() else ""
        sections = {**sections_of(old), section.title: text}
        options.page.write_text(page_of(sections), "utf-8")


if __name__ == "__main__":
    main()
