"""Model card of a classifier."""

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_incremental.reporting import reading
from keras_incremental.utils import files
from keras_incremental.utils.formatting import change
from keras_incremental.utils.formatting import listed
from keras_incremental.utils.formatting import megabytes
from keras_incremental.utils.formatting import percent
from keras_incremental.utils.versions import versions

if TYPE_CHECKING:
    from keras_incremental.models import IncrementalClassifier
    from keras_incremental.models import PhaseReport

# The fields that Hugging Face reads.
FRONT = """---
library_name: keras
tags:
- keras-incremental
- class-incremental-learning
{task}metrics:
- {metric}
---
"""
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def model_card(
    classifier: "IncrementalClassifier",
    reports: Sequence["PhaseReport"] = (),
    path: str | os.PathLike[str] | None = None,
) -> str:
    """Writes what a classifier knows as a page of Markdown.

    It lists the classes with the phase in which each arrived, what was
    learned and is kept of each, its score at first and now, the phases,
    the method and the versions. What only you know (what the model is meant
    for, where the data is from) is yours to add.

    Args:
        classifier: `IncrementalClassifier`.
        reports: `PhaseReport`s of its phases, in order. Refused ones are left
            out. Defaults to `()`, no scores.
        path: Where the file goes. Defaults to `None`, nowhere.

    Returns:
        String, the Markdown text.

    Example:

    >>> import keras
    >>> from keras_incremental import IncrementalClassifier, reporting
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> clf = IncrementalClassifier(model, ["cat", "dog"], name="pets")
    >>> print(reporting.model_card(clf).splitlines()[9])
    # pets
    """
    reports = [report for report in reports if report.accepted]
    parts = [
        _front(classifier),
        f"# {_text(classifier.name)}\n",
        _summary(classifier),
        _section("Classes", _classes(classifier, reports)),
        _section("What is unknown", _unknown(classifier)),
        _section("What is kept of the data", _kept(classifier)),
        _section("Method", _method(classifier, reports)),
    ]
    if reports:
        parts.append(_section("Phases", _phases(reports)))
    parts.append(_section("Versions", _versions(reports)))
    text = "\n".join(parts)
    if path is not None:
        files.write_text(path, text)
    return text


def _front(classifier):
    shape, task = classifier.features.input_shape, ""
    if classifier.classifies_pixels:
        task = "pipeline_tag: image-segmentation\n"
    elif isinstance(shape, tuple) and len(shape) == 4:
        task = "pipeline_tag: image-classification\n"
    metric = classifier.problem.scorer.metric.replace(" ", "_").lower()
    return FRONT.format(task=task, metric=metric)


def _unknown(classifier):
    rejector = classifier.rejector
    if rejector is None:
        return "Every input gets a known class: nothing was calibrated.\n"
    return _text(str(rejector).capitalize()) + ".\n"


def _summary(classifier):
    outputs = "logits" if classifier.gives_logits else "probabilities"
    shape = tuple(classifier.features.input_shape[1:])
    return (
        f"A Keras classifier of {len(classifier.classes)} classes, which "
        f"learned new ones in {classifier.num_phases} phases. It reads inputs "
        f"of shape `{shape}` and gives {outputs}, in the order of the table. "
        "An index never moves when classes are added.\n"
    )


def _classes(classifier, reports):
    arrived = {
        name: report for report in reports for name in report.new_classes
    }
    first, now = _scores(reports)
    counts = dict(enumerate(classifier.statistics.counts))
    kept = getattr(classifier.memory, "counts", {})
    rows = []
    for index, name in enumerate(classifier.classes):
        report = arrived.get(name)
        since = "before" if report is None else _since(report)
        row = [index, _text(name), since, counts.get(index, "–")]
        row += [kept.get(index, 0), first.get(name, "–"), now.get(name, "–")]
        rows.append(row)
    heads = ["Index", "Class", "Since phase", "Pictures learned", "Exemplars"]
    metric = reading.heading(classifier.problem.scorer.class_metric)
    return _table([*heads, f"{metric} at first", f"{metric} now"], rows)


def _since(report):
    return f"{report.phase} ({report.date[:10]})"


def _scores(reports):
    """Returns the first and the last score of each class, by name."""
    if not any(map(reading.is_measured, reports)):
        return {}, {}
    names, rows = reading.class_scores(reading.measured(reports))
    first, last = {}, {}
    for name, column in zip(names, rows.T, strict=True):
        known = column[~np.isnan(column)]
        if len(known):
            first[name], last[name] = percent(known[0]), percent(known[-1])
    return first, last


def _kept(classifier):
    memory, statistics = classifier.memory, classifier.statistics
    lines = ["No sample is kept."]
    if memory is not None and len(memory):
        lines = [
            f"{len(memory)} training samples ({megabytes(memory.nbytes)}) are "
            "kept, and are in the file that `save` writes."
        ]
    if len(statistics):
        lines.append(
            "The mean feature of each class and their covariance are kept."
        )
    lines.append("`to_keras` gives a plain model without any of this.")
    return " ".join(lines) + "\n"


def _method(classifier, reports):
    lines = [f"- recipe: {_text(classifier.recipe.name)}"]
    used = reports[-1].used if reports else {}
    lines += [f"- {_text(k)}: {_text(v)}" for k, v in used.items()]
    return "\n".join(lines) + "\n"


def _phases(reports):
    rows = [
        (
            r.phase,
            r.date[:10],
            _text(listed(r.new_classes)) or "more samples",
            change(r.old_score_before, r.old_score),
            percent(r.new_score),
            f"{r.seconds:.0f} s",
        )
        for r in reports
    ]
    measure = reports[-1].scorer.metric
    note = (
        f"Old and new: {measure} on validation data, of the classes known "
        "before the phase, and of those that arrived in it.\n\n"
    )
    return note + _table(
        ["Phase", "Date", "Classes", "Old", "New", "Time"], rows
    )


def _versions(reports):
    used = reports[-1].versions if reports else versions()
    return ", ".join(f"{k} {v}" for k, v in used.items()) + "\n"


def _section(title, text):
    return f"## {title}\n\n{text}"


def _table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _text(value):
    """Escapes text for Markdown."""
    return SPECIAL.sub(r"\\\1", " ".join(str(value).split()))
