"""Choosing among recipes by data of the current phase alone."""

import dataclasses

import numpy as np

from keras_incremental.data.held_out import split_held_out
from keras_incremental.models.phases.phase import run_phase
from keras_incremental.models.transaction import Transaction

HELD_OUT = 0.2


def tuned(classifier, samples, auxiliary, options, candidates):
    """The recipe that learns a samples best, tried on a part of it.

    A fifth of the new pictures and of the exemplars is held out, as many of
    each class. Each candidate learns the rest, is measured by the mean of
    the accuracies of the classes on what was held out, and is undone. No
    validation or test data is looked at.

    Args:
        classifier: `IncrementalClassifier`, unchanged in the end.
        samples: `Samples`.
        auxiliary: `Samples` of pictures without labels, or `None`.
        options: `Options`.
        candidates: List of `Recipe`.

    Returns:
        Pair: the best recipe with the memory of the classifier, and the
        scores of all candidates, from 0 to 1.
    """
    own = classifier.recipe
    usable = [
        dataclasses.replace(candidate.copy(), memory=own.memory)
        for candidate in candidates
    ]
    scores = []
    for recipe in usable:
        with Transaction(classifier) as transaction:
            try:
                classifier.recipe = recipe
                part, held = _split(classifier, samples)
                report = run_phase(classifier, part, held, auxiliary, options)
            finally:
                classifier.recipe = own
            scores.append(_balanced(report))
            transaction.undo()
    return usable[int(np.argmax(scores))], scores


def run_tuned(classifier, samples, validation, auxiliary, options):
    """`run_phase` by the best of the recipes in `options.tune`."""
    arguments = (classifier, samples, auxiliary, options, options.tune)
    own, (recipe, scores) = classifier.recipe, tuned(*arguments)
    classifier.recipe = recipe
    try:
        report = run_phase(classifier, samples, validation, auxiliary, options)
    finally:
        classifier.recipe = own
    shown = ", ".join(f"{100 * score:.1f} %" for score in scores)
    chosen = f"{int(np.argmax(scores)) + 1} of {len(scores)} ({shown})"
    return dataclasses.replace(report, used={**report.used, "tuned": chosen})


def check_candidates(candidates, recipe):
    """Raises unless all candidates can be tried on the same classifier.

    Args:
        candidates: List of `Recipe`, or `None`.
        recipe: That of the classifier.
    """
    if candidates is None:
        return
    if not isinstance(candidates, (list, tuple)) or not candidates:
        raise ValueError(
            "`tune` must be a list of recipes to choose from. Received: "
            f"tune={candidates!r}. Pass, for example, `[recipes.ewc(s) for s "
            "in (1e2, 1e3, 1e4)]`."
        )
    for candidate in candidates:
        same = all(
            type(getattr(candidate, part)) is type(getattr(recipe, part))
            for part in ("head", "readout")
        )
        if not same:
            raise ValueError(
                "Recipes to choose from must have the head and the readout "
                f"of the classifier. Received: recipe '{candidate.name}' in "
                f"`tune`, for a classifier of recipe '{recipe.name}'. Make "
                "one classifier for each."
            )


def _split(classifier, samples):
    """A samples without, and one with what is held out; the memory as well."""
    kept, held = split_held_out(samples.labels, HELD_OUT, classifier.seed)
    part = dataclasses.replace(
        samples, pictures=samples.pictures[kept], labels=samples.labels[kept]
    )
    pictures, labels = samples.pictures[held], samples.labels[held]
    memory = classifier.memory
    if memory is not None and len(memory):
        old, old_labels = memory.arrays()
        _, rows = split_held_out(old_labels, HELD_OUT, classifier.seed)
        pictures = np.concatenate([pictures, old[rows].astype(pictures.dtype)])
        labels = np.concatenate([labels, old_labels[rows]])
        memory.forget(memory.ids[rows])
    return part, dataclasses.replace(
        samples, pictures=pictures, labels=labels, argument="tune"
    )


def _balanced(report):
    accuracies = [report.class_accuracy(name) for name in report.classes]
    return float(np.mean([a for a in accuracies if a is not None]))
