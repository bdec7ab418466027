"""Reports of made-up phases, in which old classes lose a little."""

import itertools

import numpy as np

from keras_incremental.metrics.drop import Drop
from keras_incremental.reporting.report import PhaseReport

FIRST = ("cat", "dog")


def toy_names(count):
    return tuple(f"class {k}" for k in range(count))


def phase(names, known, number=1, accepted=True, each=20, lost=3, **changes):
    """A phase in which the classes from `known` on arrive.

    Of `each` pictures of an old class, one was taken for the next class
    before, and as many as `lost`, or fewer for later classes, are taken for
    the last class after it.
    """
    count = len(names)
    before = np.zeros((count, known), int)
    before[np.arange(known), np.arange(known)] = each - 1
    before[np.arange(known), (np.arange(known) + 1) % known] += 1
    before[known:, 0] = each
    after = np.diag(np.full(count, each))
    for k in range(known):
        gone = max(lost - k % (lost + 1), 0)
        after[k, k] -= gone
        after[k, -1] += gone
    flips = after[:known, -1].sum()
    truth = np.repeat(np.arange(known), after[:known, -1])
    share = flips / (each * known)
    fields = {
        "classes": tuple(names),
        "new_classes": tuple(names[known:]),
        "phase_classes": tuple(names[known:]),
        "confusion_before": before,
        "confusion_after": after,
        "drop": Drop(share, 0.01, int(flips), 0, each * known),
        "class_drops": {
            names[k]: Drop(
                after[k, -1] / each, 0.02, int(after[k, -1]), 0, each
            )
            for k in range(known)
        },
        "flips": np.arange(flips),
        "flipped_from": truth,
        "flipped_to": np.full(flips, count - 1),
        "used": {"method": "replay of exemplars", "new samples": 50},
        "seconds": 12.5,
        "stages": {"features": 4.0, "training": 8.0, "exemplars": 0.5},
        "nbytes": {"weights": 59_000_000, "exemplars": 3_100_000},
        "exemplars": dict.fromkeys(names, 20),
        "accepted": accepted,
        "reason": "accepted" if accepted else "refused: too much was lost",
        "history": {
            "accuracy": [0.6, 0.8, 0.9, 0.93],
            "val_accuracy": [0.7, 0.8, 0.88, 0.9],
            "loss": [1.2 / number, 0.7, 0.4, 0.3],
            "val_loss": [1.1, 0.8, 0.5, 0.45],
        },
        "phase": number,
    }
    return PhaseReport(**{**fields, **changes})


def phases(sizes, names=None):
    """Reports of phases after the first group, of groups of these sizes."""
    edges = list(itertools.accumulate(sizes))
    names = toy_names(edges[-1]) if names is None else names
    return [
        phase(names[:stop], start, number)
        for number, (start, stop) in enumerate(itertools.pairwise(edges), 1)
    ]
