"""Whether anything says what a class that came out of another is not."""

import warnings

import numpy as np

from keras_incremental.data.labels import NO_LABEL
from keras_incremental.data.ontology import NOVEL

# Below, an old label is wrong so rarely that it can be taken at its word.
SMALL_SHARE = 0.05


class PartialLabelWarning(UserWarning):
    """The labels leave open what the user wants to know."""


def undecided(inputs, lesson):
    """Splits that no label decides: pairs of a new class and its parent.

    A label that may be the parent and not the child says where the child
    ends. Without one, "all cars are police cars" has the smallest loss.

    Args:
        inputs: `Inputs`, whose labels number candidate sets.
        lesson: `Lesson`.
    """
    known = len(lesson.names) - len(lesson.new_names)
    splits = [
        (child, parent)
        for child, parent in enumerate(lesson.declared.parents, start=known)
        if parent != NOVEL
    ]
    if not splits:
        return []
    labels = np.unique(np.concatenate([
        np.unique(inputs.new_labels), np.unique(inputs.old_labels)
    ]))
    rows = inputs.table[labels[labels != NO_LABEL]]
    return [
        (child, parent)
        for child, parent in splits
        if not (rows[:, parent] & ~rows[:, child]).any()
    ]


def warn(names, child, parent):
    """Says what would decide a split."""
    child, parent = names[child], names[parent]
    warnings.warn(
        f"No picture says that a '{parent}' is no '{child}', so training "
        f"will call every '{parent}' a '{child}'. What helps, best first: "
        f"label every '{child}' in the new pictures and say "
        f'unlabelled="not_new"; or label some old pictures of '
        f"'{parent}' anew and pass them in `x`; or say which part of "
        f"'{parent}' it was, as in shares={{{child!r}: 0.2}}.",
        PartialLabelWarning,
        stacklevel=2,
    )
