"""Classes that the labels do not tell from others, and their shares."""

import dataclasses
import warnings

import numpy as np

from keras_incremental.data.label_space import NOVEL
from keras_incremental.data.labels import NO_LABEL
from keras_incremental.data.multi_hot import NO
from keras_incremental.data.multi_hot import YES
from keras_incremental.distillation.split_risk import SplitRisk
from keras_incremental.losses.partial_binary_crossentropy import UNKNOWN

# Below this share, old labels are kept as they are.
SMALL_SHARE = 0.05


class PartialLabelWarning(UserWarning):
    """Warns that the labels do not tell a new class from others."""


def resolve_splits(inputs, samples):
    """Resolves ambiguous subclasses by their shares.

    A label that may be the parent but not the child tells where the child
    ends. Without one, "all cars are police cars" has the smallest loss,
    unless the share of police cars is known.

    Args:
        inputs: `Inputs`, whose labels are indices of candidate sets.
        samples: `Samples`.

    Returns:
        Pair of the inputs, with a table that leaves these subclasses to
        terms, and of a tuple of these terms.
    """
    known = len(samples.classes) - len(samples.new_classes)
    shares = samples.partial_labels.shares
    table, terms = inputs.table, []
    for child, parent in _ambiguous(inputs, samples):
        share = shares[child - known]
        either = _either(inputs, child, parent)
        if share is None or not len(either):
            _warn(samples.classes, child, parent)
            continue
        table = table.copy()
        if share < SMALL_SHARE:
            table[either, child] = False
            continue
        # Together they are what the parent was; the term tells them apart.
        table[child, parent] = True
        terms.append(SplitRisk(child, parent, share, either.tolist()))
    return dataclasses.replace(inputs, table=table), tuple(terms)


def _ambiguous(inputs, samples):
    """Yields pairs of a new class and its parent."""
    known = len(samples.classes) - len(samples.new_classes)
    rows = None
    for child, parent in enumerate(samples.partial_labels.parents, start=known):
        if parent == NOVEL:
            continue
        rows = inputs.table[_used(inputs)] if rows is None else rows
        if not (rows[:, parent] & ~rows[:, child]).any():
            yield child, parent


def _either(inputs, child, parent):
    """Returns the labels in use that may be both."""
    used = _used(inputs)
    rows = inputs.table[used]
    return used[rows[:, child] & rows[:, parent]]


def _used(inputs):
    found = np.union1d(inputs.new_labels, inputs.old_labels)
    return found[found != NO_LABEL]


def _warn(names, child, parent):
    child, parent = names[child], names[parent]
    warnings.warn(
        f"No label says that a '{parent}' is no '{child}', so training will "
        f"call every '{parent}' a '{child}'. What helps, best first: label "
        f"every '{child}' in the new samples and say "
        f'unlabeled="not_new"; or label some old samples of '
        f"'{parent}' anew and add them to `x`; or say which share of the old "
        f"samples of '{parent}' it was, as in shares={{{child!r}: 0.2}}, "
        "with exemplars of them in the memory.",
        PartialLabelWarning,
        stacklevel=2,
    )


def only_positive(inputs, samples):
    """Yields new classes without a negative label, parents and shares.

    A "no" that follows from that of the parent does not tell a child from
    its parent.

    Args:
        inputs: `Inputs` with multi-hot labels.
        samples: `Samples`.
    """
    partial_labels = samples.partial_labels
    known = len(samples.classes) - len(samples.new_classes)
    labels = inputs.all[1]
    found = zip(partial_labels.parents, partial_labels.shares, strict=True)
    for child, (parent, share) in enumerate(found, start=known):
        denied = labels[:, child] == NO
        if parent != NOVEL:
            denied &= labels[:, parent] != NO
        if not denied.any():
            yield child, parent, share


def open_labels(labels, child, parent):
    """Returns which samples may show a class that was not looked for.

    Args:
        labels: Array or tensor `(num_samples, num_classes)`.
        child: Int, the class.
        parent: Int, its parent class, or -1.
    """
    open_ = labels[:, child] == UNKNOWN
    return open_ if parent == NOVEL else open_ & (labels[:, parent] == YES)


def warn_only_positive(inputs, samples):
    """Warns of new classes that will be predicted everywhere."""
    labels = np.asarray(inputs.all[1])
    for child, parent, share in only_positive(inputs, samples):
        if share is None or not open_labels(labels, child, parent).any():
            _warn_positive(samples.classes, child, parent)


def _warn_positive(names, child, parent):
    name = names[child]
    where = "sample" if parent == NOVEL else f"'{names[parent]}'"
    warnings.warn(
        f"No label says that a {where} shows no '{name}', so training will "
        f"find '{name}' in every {where}. What helps, best first: label all "
        "new samples for it, 1 or 0, or say "
        'unlabeled="not_new" if all that show it were labeled; or pass old '
        f"samples as `old_data`, with parents={{{name!r}: None}} if none of "
        "them shows it; or say which share of the samples that were not looked "
        f"at shows it, as in shares={{{name!r}: 0.1}}, with such samples in "
        "`x` or `old_data`.",
        PartialLabelWarning,
        stacklevel=2,
    )
