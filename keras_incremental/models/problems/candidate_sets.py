"""Candidate sets: the classes that each label of a phase may be."""

import dataclasses

import numpy as np
from keras import ops

from keras_incremental.data.label_space import EVER
from keras_incremental.data.labels import NO_LABEL
from keras_incremental.distillation.pseudo_labels import pseudo_labels
from keras_incremental.losses.shapes import logits_at
from keras_incremental.models.problems.partial_labels import BACKGROUND


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
    if label_space.is_plain and partial_labels.is_plain:
        return inputs
    ids = CandidateIds(label_space.meaning())
    new = inputs.new_labels
    if partial_labels.meaning is not None:
        new = _completed(ids, inputs, samples, propose)
    return dataclasses.replace(
        inputs,
        new_labels=new,
        old_labels=_old(ids, inputs, label_space),
        table=ids.table,
    )


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
