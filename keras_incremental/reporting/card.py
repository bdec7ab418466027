"""Model card of a classifier."""

import json
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import keras
import numpy as np

from keras_incremental.reporting import reading
from keras_incremental.reporting.report import versions
from keras_incremental.utils import files
from keras_incremental.utils import state
from keras_incremental.utils.formatting import change
from keras_incremental.utils.formatting import listed
from keras_incremental.utils.formatting import megabytes
from keras_incremental.utils.formatting import one_line
from keras_incremental.utils.formatting import percent

if TYPE_CHECKING:
    from keras_incremental.models import IncrementalClassifier
    from keras_incremental.reporting import PhaseReport

# The fields that Hugging Face reads.
FRONT = """---
library_name: keras
tags:
- keras-incremental
- class-incremental-learning
{task}metrics:
- {metric}
{results}---
"""
RESULTS = """model-index:
- name: {name}
  results:
  - task:
      type: {task}
    dataset:
      name: validation data
      type: validation
    metrics:
"""
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")


def model_card(
    classifier: "IncrementalClassifier",
    reports: Sequence["PhaseReport"] = (),
    path: str | os.PathLike[str] | None = None,
) -> str:
    """Writes the model card of a classifier, in Markdown.

    It lists the classes with the phase in which each arrived, what was
    learned and is kept of each, its score at first and now, the phases,
    the method and the versions. What only you know (what the model is meant
    for, where the data is from) is yours to add.

    Args:
        classifier: `IncrementalClassifier`.
        reports: `PhaseReport`s of its phases, in order. Refused ones are left
            out. Defaults to `()`: the phases are those of
            `classifier.phases`, without scores of classes.
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
    phases: Sequence[Any] = reports or classifier.phases
    parts = [
        _front(classifier, reports),
        f"# {_text(classifier.name)}\n",
        _summary(classifier),
        _section("Classes", _classes(classifier, reports, phases)),
        _section("What is unknown", _unknown(classifier)),
        _section("What is kept of the data", _kept(classifier)),
        _section("Method", _method(classifier, reports)),
    ]
    if phases:
        parts.append(_section("Phases", _phases(classifier, phases)))
    if reports and reports[-1].calibration:
        parts.append(_section("Probabilities", _calibration(reports[-1])))
    parts.append(_section("Versions", _versions(phases)))
    text = "\n".join(parts)
    if path is not None:
        files.write_text(path, text)
    return text


def _front(classifier, reports):
    task, scorer = _task(classifier), classifier.problem.scorer
    return FRONT.format(
        task=f"pipeline_tag: {task}\n" if task else "",
        metric=_metric(scorer),
        results=_results(classifier, task, reports) if reports else "",
    )


def _task(classifier):
    """Returns the name that Hugging Face has for what it does, if it has."""
    if classifier.classifies_pixels:
        return "image-segmentation"
    if classifier.classifies_positions:
        return "token-classification"
    shape = classifier.features.input_shape
    is_images = isinstance(shape, tuple) and len(shape) == 4
    return "image-classification" if is_images else None


def _metric(scorer):
    return scorer.metric.replace(" ", "_").lower()


def _results(classifier, task, reports):
    """Returns the last scores as an entry of the front matter."""
    scorer, last = classifier.problem.scorer, reports[-1]
    measured = {
        f"{scorer.metric} of {which} classes": score
        for which, score in (
            ("all", last.score),
            ("old", last.old_score),
            ("new", last.new_score),
        )
        if score is not None
    }
    if task is None or not measured:
        return ""
    name = json.dumps(classifier.name, ensure_ascii=False)
    lines = [
        f"    - name: {label}\n"
        f"      type: {_metric(scorer)}\n"
        f"      value: {score:.4f}\n"
        for label, score in measured.items()
    ]
    return RESULTS.format(name=name, task=task) + "".join(lines)


def _unknown(classifier):
    rejector = classifier.rejector
    if rejector is None:
        return "Every input gets a known class: nothing was calibrated.\n"
    text = str(rejector)
    return _text(text[:1].upper() + text[1:]) + ".\n"


def _calibration(report):
    errors = ", ".join(
        f"{k} {percent(v)}" for k, v in report.calibration.items()
    )
    return (
        "Expected calibration error on validation data, of the samples of "
        f"{errors} classes.\n"
    )


def _summary(classifier):
    outputs = "logits" if classifier.gives_logits else "probabilities"
    shapes = keras.tree.map_structure(
        lambda tensor: tuple(tensor.shape[1:]),
        state.inputs_of(classifier.features),
    )
    return (
        f"A Keras classifier of {len(classifier.classes)} classes, which "
        f"learned new ones in {classifier.num_phases} phases. It reads inputs "
        f"of shape `{shapes}` and gives {outputs}, in the order of the table. "
        "An index never moves when classes are added.\n"
    )


def _classes(classifier, reports, phases):
    arrived = _arrived(classifier, phases)
    first, now = _scores(reports)
    counts = dict(enumerate(classifier.statistics.counts))
    kept = getattr(classifier.memory, "counts", {})
    rows = []
    for index, name in enumerate(classifier.classes):
        since = _since(arrived[index])
        row = [index, _text(name), since, counts.get(index, "–")]
        row += [kept.get(index, 0), first.get(name, "–"), now.get(name, "–")]
        rows.append(row)
    heads = ["Index", "Class", "Since phase", "Samples learned", "Exemplars"]
    metric = reading.heading(classifier.problem.scorer.class_metric)
    return _table([*heads, f"{metric} at first", f"{metric} now"], rows)


def _arrived(classifier, phases):
    """Returns the phase of each class by index, `None` for the first ones.

    A class may have got another name since; its index stays.
    """
    later = [phase for phase in phases for _ in phase.new_classes]
    return [None] * (len(classifier.classes) - len(later)) + later


def _since(phase):
    return "before" if phase is None else f"{phase.phase} ({phase.date[:10]})"


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
    lines.append(
        "`to_keras` and `export` give a model without any of this; "
        "`export(extendable=True)` takes the features along."
    )
    return " ".join(lines) + "\n"


def _method(classifier, reports):
    lines = [f"- recipe: {_text(classifier.recipe.name)}"]
    used = reports[-1].used if reports else {}
    lines += [f"- {_text(k)}: {_text(v)}" for k, v in used.items()]
    return "\n".join(lines) + "\n"


def _phases(classifier, phases):
    rows = [
        (
            phase.phase,
            phase.date[:10],
            _text(listed(phase.new_classes)) or "more samples",
            change(phase.old_score_before, phase.old_score),
            percent(phase.new_score),
        )
        for phase in phases
    ]
    note = (
        f"Old and new: {classifier.problem.scorer.metric} on validation data, "
        "of the classes known before the phase, and of those that arrived in "
        "it.\n\n"
    )
    return note + _table(["Phase", "Date", "Classes", "Old", "New"], rows)


def _versions(phases):
    used = phases[-1].versions if phases else versions()
    return ", ".join(f"{k} {v}" for k, v in used.items()) + "\n"


def _section(title, text):
    return f"## {title}\n\n{text}"


def _table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _text(value):
    """Escapes text for Markdown."""
    text = " ".join(str(value).split())
    return SPECIAL.sub(r"\\\1", one_line(text, most=len(text)))
