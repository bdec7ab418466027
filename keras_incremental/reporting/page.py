"""HTML page of reports."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_incremental.reporting import page_figures
from keras_incremental.reporting import reading
from keras_incremental.reporting.markup import Markup
from keras_incremental.reporting.markup import element
from keras_incremental.reporting.markup import joined
from keras_incremental.reporting.markup import table
from keras_incremental.reporting.page_style import STYLE
from keras_incremental.utils import files
from keras_incremental.utils.formatting import change
from keras_incremental.utils.formatting import listed
from keras_incremental.utils.formatting import megabytes
from keras_incremental.utils.formatting import percent
from keras_incremental.utils.formatting import points
from keras_incremental.utils.types import Data

if TYPE_CHECKING:
    from keras_incremental.callbacks import ExemplarMemory
    from keras_incremental.memory import Reservoir
    from keras_incremental.models import IncrementalClassifier
    from keras_incremental.reporting import PhaseReport

TITLE = "What the classifier kept and lost"


def to_html(
    reports: "Sequence[PhaseReport] | PhaseReport",
    path: str | os.PathLike[str] | None = None,
    pictures: Data = None,
    memory: "ExemplarMemory | Reservoir | IncrementalClassifier | None" = None,
) -> str:
    """Writes reports as one HTML file, that needs no other file.

    It shows the last phase in detail, and all phases in a table and figures.
    It opens without a network, on a phone too, and can be printed.

    Args:
        reports: `PhaseReport`s in order, or one.
        path: Where the file goes. Defaults to `None`, nowhere.
        pictures: Validation images of the last phase, see `plot_flips`,
            to show those that went from right to wrong. Defaults to `None`.
        memory: Memory or classifier, to show exemplars of. Defaults to
            `None`.

    Returns:
        The text of the file.

    Raises:
        ValueError: if there is no report, or if pictures are none.
        ImportError: if matplotlib is not installed.
    """
    reports = reading.listed(reports)
    last = reports[-1]
    parts = [
        _headline(last),
        _cards(last),
        _phases(reports) if len(reports) > 1 else "",
        page_figures.figures_of(reports),
        _classes(reports),
        page_figures.galleries_of(last, pictures, memory),
        _used(last),
        _cost(reports),
        _versions(last),
    ]
    text = _document(joined(*parts))
    if path is not None:
        files.write_text(path, text)
    return str(text)


def _document(body):
    size = "width=device-width, initial-scale=1"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content=size),
        element("title", TITLE),
        element("style", Markup(STYLE)),
    )
    page = element(
        "html", head, element("body", element("main", body)), lang="en"
    )
    return joined(Markup("<!DOCTYPE html>\n"), page, "\n")


def _headline(report):
    arrived = listed(report.new_classes) or "more samples of known classes"
    verdict = "accepted" if report.accepted else "refused"
    return element(
        "header",
        element("h1", TITLE),
        element("p", f"Phase {report.phase}: {arrived}", class_="soft"),
        element("p", _lost(report)),
        element("p", report.reason, class_=f"verdict {verdict}"),
    )


def _lost(report):
    if report.drop is None or not report.drop.count:
        return (
            f"There were no validation {report.scorer.unit} of old classes, "
            "so what was lost of them is not known."
        )
    return (
        f"Of {report.drop.count} validation {report.scorer.unit} of old "
        f"classes, "
        f"{report.drop.lost} went from right to wrong and "
        f"{report.drop.gained} from wrong to right."
    )


def _cards(report):
    before, after = report.old_score_before, report.old_score
    lost = "not measured"
    if after is not None:
        lost = f"{percent(before)} before, {points(before, after)} points"
    count = len(report.new_classes)
    size = sum(report.nbytes.values())
    cards = (
        ("old", "Old classes", percent(after), lost),
        (
            "new",
            "New classes",
            percent(report.new_score),
            f"{count} arrived",
        ),
        ("all", "All classes", percent(report.score), _of(report)),
        ("cost", "Cost", f"{report.seconds:.0f} s", megabytes(size)),
    )
    return element(
        "ul",
        *(
            element(
                "li",
                element("span", name),
                element("strong", value),
                element("span", more, class_="soft"),
                class_=kind,
            )
            for kind, name, value, more in cards
        ),
        class_="cards",
    )


def _of(report):
    return f"{report.scorer.metric} of {len(report.classes)} classes"


def _section(title, *children):
    return element("section", element("h2", title), *children)


def _phases(reports):
    rows = [
        (
            f"{r.phase}: {listed(r.new_classes, 3) or 'more samples'}",
            change(r.old_score_before, r.old_score),
            percent(r.new_score),
            percent(r.score),
            f"{r.seconds:.1f} s",
            "accepted" if r.accepted else "refused",
        )
        for r in reports
    ]
    heads = ("Phase", "Old classes", "New", "All", "Time", "Verdict")
    return _section("Phases", table("Phases", heads, rows))


def _classes(reports):
    report, since = reports[-1], _arrivals(reports)
    scorer = report.scorer
    rows = [
        (
            name,
            since.get(name, "before"),
            percent(report.class_score(name, before=True)),
            percent(report.class_score(name)),
            points(
                report.class_score(name, before=True),
                report.class_score(name),
            ),
            report.support(name),
            report.exemplars.get(name, 0),
        )
        for name in report.classes
    ]
    heads = (
        "Class",
        "Phase",
        "Before",
        "After",
        "Points",
        scorer.unit.capitalize(),
        "Exemplars",
    )
    note = (
        f"{reading.heading(scorer.class_metric)} on validation {scorer.unit}, "
        f"before and after the last phase; the number of these {scorer.unit}, "
        "and of the exemplars kept."
    )
    return _section(
        "Classes",
        element("p", note, class_="soft"),
        table("Classes", heads, rows),
    )


def _arrivals(reports):
    """Returns the phase in which each class was added, by name."""
    return {
        name: report.phase for report in reports for name in report.new_classes
    }


def _used(report):
    pairs = [
        joined(element("dt", name), element("dd", value))
        for name, value in report.used.items()
    ]
    return _section("What was used", element("dl", *pairs))


def _cost(reports):
    last = reports[-1]
    stages = [(k, f"{v:.1f} s") for k, v in last.stages.items()]
    stages.append(("this phase", f"{last.seconds:.1f} s"))
    if len(reports) > 1:
        total = sum(report.seconds for report in reports)
        stages.append(("all phases", f"{total:.1f} s"))
    sizes = [(k, megabytes(v)) for k, v in last.nbytes.items()]
    return _section(
        "What it cost",
        element(
            "div",
            table("Time", ("Stage", "Time"), stages),
            table("Memory", ("Kept", "Size"), sizes),
            class_="figures",
        ),
    )


def _versions(report):
    shown = ", ".join(f"{k} {v}" for k, v in report.versions.items())
    return _section(
        "Versions", element("p", f"{shown}. Learned {report.date}.")
    )
