"""Yes or no of which only the yes is known."""

import warnings

import numpy as np

from keras_incremental.data.label_space import NOVEL
from keras_incremental.data.multi_hot import NO
from keras_incremental.data.multi_hot import YES
from keras_incremental.losses.partial_binary_crossentropy import UNKNOWN
from keras_incremental.models.problems.ambiguous_splits import (
    PartialLabelWarning,
)


def only_positive(inputs, samples):
    """Triples of new classes that no label denies, parents and shares.

    A "no" that follows from that of the parent does not tell a child from
    its parent.

    Args:
        inputs: `Inputs` with multi-hot labels.
        samples: `Samples`.
    """
    partial_labels = samples.partial_labels
    known = len(samples.names) - len(samples.new_classes)
    labels = inputs.all[1]
    found = zip(partial_labels.parents, partial_labels.shares, strict=True)
    for child, (parent, share) in enumerate(found, start=known):
        denied = labels[:, child] == NO
        if parent != NOVEL:
            denied &= labels[:, parent] != NO
        if not denied.any():
            yield child, parent, share


def unlabeled(labels, child, parent):
    """Which samples may show a class that was not looked for.

    Args:
        labels: Array or tensor `(num_samples, num_classes)`.
        child: Int, the class.
        parent: Int, the class that it came out of, or -1.
    """
    open_ = labels[:, child] == UNKNOWN
    return open_ if parent == NOVEL else open_ & (labels[:, parent] == YES)


def warn(inputs, samples):
    """Says which new classes will be seen everywhere."""
    labels = np.asarray(inputs.all[1])
    for child, parent, share in only_positive(inputs, samples):
        if share is None or not unlabeled(labels, child, parent).any():
            _warn(samples.names, child, parent)


def _warn(names, child, parent):
    name = names[child]
    where = "picture" if parent == NOVEL else f"'{names[parent]}'"
    warnings.warn(
        f"No label says that a {where} shows no '{name}', so training will "
        f"find '{name}' in every {where}. What helps, best first: label all "
        "new pictures for it, 1 or 0, or say "
        'unlabeled="not_new" if all that show it were labeled; or pass old '
        f"pictures as `old_data`, with parents={{{name!r}: None}} if none of "
        "them shows it; or say in which part of pictures that were not looked "
        f"at it is, as in shares={{{name!r}: 0.1}}, with such pictures in "
        "`x` or `old_data`.",
        PartialLabelWarning,
        stacklevel=2,
    )
