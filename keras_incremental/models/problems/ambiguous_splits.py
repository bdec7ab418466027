"""Splits that no label decides, and what can be done about them."""

import dataclasses
import warnings

import numpy as np

from keras_incremental.data.label_space import NOVEL
from keras_incremental.data.labels import NO_LABEL
from keras_incremental.distillation.split_risk import SplitRisk

# Below, an old label is wrong so rarely that it can be taken at its word.
SMALL_SHARE = 0.05


class PartialLabelWarning(UserWarning):
    """The labels leave open what the user wants to know."""


def resolve_splits(inputs, samples):
    """Decides the splits that no label decides, by their shares.

    A label that may be the parent and not the child says where the child
    ends. Without one, "all cars are police cars" has the smallest loss, if
    it is not known how many are.

    Args:
        inputs: `Inputs`, whose labels number candidate sets.
        samples: `Samples`.

    Returns:
        The inputs, with a table in which these splits are decided
        elsewhere, and a tuple of terms that decide them.
    """
    known = len(samples.names) - len(samples.new_classes)
    shares = samples.partial_labels.shares
    table, terms = inputs.table, []
    for child, parent in _undecided(inputs, samples):
        share = shares[child - known]
        either = _either(inputs, child, parent)
        if share is None or not len(either):
            _warn(samples.names, child, parent)
            continue
        table = table.copy()
        if share < SMALL_SHARE:
            table[either, child] = False
            continue
        # Together they are what the parent was; the term tells them apart.
        table[child, parent] = True
        terms.append(SplitRisk(child, parent, share, either.tolist()))
    return dataclasses.replace(inputs, table=table), tuple(terms)


def _undecided(inputs, samples):
    """Pairs of a new class and its parent."""
    known = len(samples.names) - len(samples.new_classes)
    rows = None
    for child, parent in enumerate(samples.partial_labels.parents, start=known):
        if parent == NOVEL:
            continue
        rows = inputs.table[_used(inputs)] if rows is None else rows
        if not (rows[:, parent] & ~rows[:, child]).any():
            yield child, parent


def _either(inputs, child, parent):
    """The labels in use that may be both."""
    used = _used(inputs)
    rows = inputs.table[used]
    return used[rows[:, child] & rows[:, parent]]


def _used(inputs):
    found = np.union1d(inputs.new_labels, inputs.old_labels)
    return found[found != NO_LABEL]


def _warn(names, child, parent):
    child, parent = names[child], names[parent]
    warnings.warn(
        f"No picture says that a '{parent}' is no '{child}', so training "
        f"will call every '{parent}' a '{child}'. What helps, best first: "
        f"label every '{child}' in the new pictures and say "
        f'unlabeled="not_new"; or label some old pictures of '
        f"'{parent}' anew and add them to `x`; or say which part of the old "
        f"pictures of '{parent}' it was, as in shares={{{child!r}: 0.2}}, "
        "with exemplars of them in the memory.",
        PartialLabelWarning,
        stacklevel=2,
    )
