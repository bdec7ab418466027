"""Candidate sets: the classes that each label of a phase may be.

Where a class is divided and no label says how, a term decides.
"""

import dataclasses

import numpy as np
from keras import ops

from keras_incremental.data.label_space import EVER
from keras_incremental.data.label_space import NOVEL
from keras_incremental.data.labels import NO_LABEL
from keras_incremental.data.multi_hot import NO
from keras_incremental.data.multi_hot import YES
from keras_incremental.distillation.pseudo_labels import pseudo_labels
from keras_incremental.distillation.split_risk import SplitRisk
from keras_incremental.losses.partial_binary_crossentropy import UNKNOWN
from keras_incremental.losses.shapes import logits_at
from keras_incremental.problems.partial_labels import BACKGROUND
from keras_incremental.utils.user_warnings import warn

# Below this share, old labels are kept as they are.
SMALL_SHARE = 0.05


class CandidateIds:
    """Gives indices to sets of classes, and keeps the table of them.

    An index `k` below the number of classes is the set that class `k` stands
    for; other sets follow as they occur; -1 is the set of all classes.

    Args:
        meaning: Boolean array `(num_classes, num_classes)`, see
            `LabelSpace.meaning`.
    """

    def __init__(self, meaning):
        self._rows = list(meaning)
        self._ids = {np.ones(len(meaning), bool).tobytes(): NO_LABEL}
        for index, row in enumerate(self._rows):
            self._ids.setdefault(row.tobytes(), index)

    @property
    def table(self):
        """Boolean array `(num_sets, num_classes)`."""
        return np.array(self._rows)

    def of(self, labels, table):
        """Returns the indices of the sets of labels in a table, -1 kept."""
        ids = np.array([self._id(row) for row in table] + [NO_LABEL])
        return ids[labels]

    def _id(self, row):
        key = row.astype(bool).tobytes()
        if key not in self._ids:
            self._ids[key] = len(self._rows)
            self._rows.append(row.astype(bool))
        return self._ids[key]


def with_candidates(classifier, inputs, samples, propose):
    """Returns inputs whose labels are indices of candidate sets.

    Args:
        classifier: `IncrementalClassifier`.
        inputs: `Inputs`, whose labels are indices of classes.
        samples: `Samples`.
        propose: Function of inputs; the logits of the network so far.
    """
    partial_labels = samples.partial_labels
    label_space = samples.label_space(classifier)
    ids = CandidateIds(label_space.meaning())
    new = inputs.new_labels
    if partial_labels.meaning is not None:
        new = _completed(ids, inputs, samples, propose)
    found = dataclasses.replace(
        inputs,
        new_labels=new,
        old_labels=_old(ids, inputs, label_space),
        table=ids.table,
    )
    if partial_labels.is_plain and _are_classes(found):
        return dataclasses.replace(found, table=None)
    return found


def _are_classes(inputs):
    """Returns whether each label is one class, as after `remove`."""
    used, size = _used(inputs), inputs.table.shape[1]
    if (used >= size).any():
        return False
    return np.array_equal(inputs.table[used], np.eye(size, dtype=bool)[used])


def _completed(ids, inputs, samples, propose):
    """Returns the sets of new samples, by labels or pseudo-labels."""
    known = samples.classes[: len(samples.classes) - len(samples.new_classes)]
    labels, own = np.array(inputs.new_labels), slice(len(samples.labels))
    logits = propose(inputs.new[own])
    proposed = pseudo_labels(
        labels[own],
        ops.convert_to_numpy(logits_at(labels[own], logits)),
        samples.partial_labels.parents,
        samples.partial_labels.meaning,
        known.index(BACKGROUND) if BACKGROUND in known else None,
    )
    labels[own] = ids.of(proposed.labels, proposed.table)
    return labels


def _old(ids, inputs, label_space):
    """Returns the sets of labels that were given in earlier phases."""
    labels, result = inputs.old_labels, np.array(inputs.old_labels)
    for version in np.unique(inputs.old_versions):
        table = _table(label_space, version)
        known = inputs.old_versions == version
        known = known.reshape(-1, *[1] * (labels.ndim - 1))
        known = known & (labels < len(table))
        result[known] = ids.of(labels[known], table)
    return result


def _table(label_space, version):
    if version == EVER:
        return label_space.table_since_arrival()
    return label_space.table(version)


class PartialLabelWarning(UserWarning):
    """Warning that labels do not distinguish a new class from others."""


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
    warn(
        f"No label says that a '{parent}' is no '{child}', so training will "
        f"call every '{parent}' a '{child}'. What helps, best first: label "
        f"every '{child}' in the new samples and say "
        f'unlabeled="not_new"; or label some old samples of '
        f"'{parent}' anew and add them to `x`; or say which share of the old "
        f"samples of '{parent}' it was, as in shares={{{child!r}: 0.2}}, "
        "with exemplars of them in the memory.",
        PartialLabelWarning,
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
    labels = inputs.all_labels
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
    labels = np.asarray(inputs.all_labels)
    for child, parent, share in only_positive(inputs, samples):
        if share is None or not open_labels(labels, child, parent).any():
            _warn_positive(samples.classes, child, parent)


def _warn_positive(names, child, parent):
    name = names[child]
    where = "sample" if parent == NOVEL else f"'{names[parent]}'"
    warn(
        f"No label says that a {where} shows no '{name}', so training will "
        f"find '{name}' in every {where}. What helps, best first: label all "
        "new samples for it, 1 or 0, or say "
        'unlabeled="not_new" if all that show it were labeled; or pass old '
        f"samples as `old_data`, with parents={{{name!r}: None}} if none of "
        "them shows it; or say which share of the samples that were not looked "
        f"at shows it, as in shares={{{name!r}: 0.1}}, with such samples in "
        "`x` or `old_data`.",
        PartialLabelWarning,
    )
