"""Pseudo-labels of the old model for unlabeled samples or pixels.

Logits are NumPy arrays of shape `(num_samples, ..., num_old)`: the outputs of
the old model in inference mode, at the size of the annotations. See
`losses.logits_at` to resize them. Labels are ints of shape `(num_samples,
...)`:

- -1 stands for any class;
- an index below the number of classes `K` stands for that class;
- `K` and above are rows of a table of candidate sets, whose first `K` rows
  are the classes. See `CandidateSetCrossentropy(table, ignore_class=-1)`.

Reference:
- [Douillard et al., 2021](https://arxiv.org/abs/2011.11390), PLOP. Its code
  divides the entropy by more, so its base threshold of 0.001 is about 0.05
  here.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.losses import tables
from keras_incremental.utils.probabilities import entropy_thresholds
from keras_incremental.utils.probabilities import normalized_entropy

# The label that stands for any class.
ANY_CLASS = -1
# Values of annotations at unlabeled positions.
UNLABELED = (-1, 255)
MEANINGS = ("unknown", "not_new", "background")
# The parent of a new class that was part of no old class.
NO_PARENT = -1


@dataclasses.dataclass(frozen=True)
class PseudoLabels:
    """Labels that combine annotations and pseudo-labels.

    Attributes:
        labels: Ints of the shape of the annotations.
        table: Boolean array `(num_labels, num_classes)`, the candidate
            classes of each label.
        share: Floats of shape `(num_samples,)`, from 0 to 1: share of the
            unlabeled positions that get a pseudo-label. PLOP multiplies the
            loss of an image by it, so that a few new pixels do not outweigh
            the old ones.
    """

    labels: np.ndarray
    table: np.ndarray
    share: np.ndarray


def pseudo_labels(
    annotations: ArrayLike,
    logits: ArrayLike,
    parents: Sequence[int],
    unlabeled: str,
    background: int | None = None,
    minimum: float = 0.05,
    thresholds: ArrayLike | None = None,
) -> PseudoLabels:
    """Fills unlabeled positions with confident predictions of the old model.

    Annotations are never changed. A position for which the old model is
    uncertain gets the set of all classes that are possible there.

    Args:
        annotations: Ints `(num_samples, ...)`: class indices, and -1 or 255
            at unlabeled positions.
        logits: Floats `(num_samples, ..., num_old)` of the old model.
        parents: Ints, one for each new class: the index of the old class, or
            of the background, that it was part of; -1 for a class that did
            not occur in old data.
        unlabeled: String. Meaning of a missing annotation. `"unknown"`: any
            class. `"not_new"`: any class but a new one, because all new
            classes are annotated. `"background"`: the background.
        background: Int or `None`. Index of the background. Defaults to
            `None`, no background.
        minimum: Float. Lower bound of the entropy thresholds. A larger value
            accepts more predictions. Defaults to `0.05`.
        thresholds: Floats `(num_old,)`, entropy thresholds of the classes.
            Defaults to `None`: see `utils.probabilities.entropy_thresholds`.

    Returns:
        A `PseudoLabels`.

    Example:

    >>> found = pseudo_labels(
    ...     [2, -1, -1], [[9.0, 0], [9, 0], [0, 0]], [-1], "not_new"
    ... )
    >>> found.labels.tolist(), found.table[3].astype(int).tolist()
    ([2, 0, 3], [1, 1, 0])
    """
    annotations, logits = np.asarray(annotations), np.asarray(logits)
    _check_sizes(annotations, logits)
    num_old = logits.shape[-1]
    table, ids = meanings(num_old, parents, unlabeled, background)
    missing = _unlabeled(annotations, table.shape[1])
    predicted, entropies = logits.argmax(-1), normalized_entropy(logits)
    if thresholds is None:
        thresholds = entropy_thresholds(
            entropies[missing], predicted[missing], num_old, minimum
        )
    certain = entropies < np.asarray(thresholds)[predicted]
    if unlabeled == "background":
        certain = np.ones_like(certain)
    proposed = np.where(certain, ids[predicted], ids[-1])
    labels = np.where(missing, proposed, annotations).astype("int32")
    return PseudoLabels(labels, table, accepted_share(certain, missing))


def meanings(
    num_old: int,
    parents: Sequence[int],
    unlabeled: str,
    background: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the candidate sets of the predictions of an old model.

    Args:
        num_old: Int. Number of classes of the old model.
        parents: See `pseudo_labels`.
        unlabeled: See `pseudo_labels`.
        background: See `pseudo_labels`.

    Returns:
        Boolean table `(num_labels, num_classes)`, and ints `(num_old + 1,)`:
        the label for each predicted class, and last the label for an
        uncertain prediction.
    """
    parents = [int(parent) for parent in parents]
    _check_meaning(num_old, parents, unlabeled, background)
    num_classes = num_old + len(parents)
    everything = set(range(num_classes))
    sets: list[set]
    if unlabeled == "background":
        sets = [{background}] * (num_old + 1)
    elif unlabeled == "not_new":
        sets = [{c} for c in range(num_old)] + [set(range(num_old))]
    else:
        homes = [background if p == NO_PARENT else p for p in parents]
        sets = [
            {c} | {k for k, home in enumerate(homes, num_old) if home == c}
            for c in range(num_old)
        ] + [everything]
    larger = [s for s in sets if 1 < len(s) < num_classes]
    larger = [s for i, s in enumerate(larger) if s not in larger[:i]]
    rows = [{c} for c in range(num_classes)] + larger
    table = tables.candidates(rows, num_classes)
    ids = [ANY_CLASS if s == everything else rows.index(s) for s in sets]
    return table, np.array(ids)


def accepted_share(certain: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Computes the share of unlabeled positions with a certain prediction.

    Args:
        certain: Bools of shape `(num_samples, ...)`.
        missing: Bools of the same shape, the unlabeled positions.

    Returns:
        Floats of shape `(num_samples,)`; 1 if no position is unlabeled.
    """
    axes = tuple(range(1, missing.ndim))
    accepted, total = (certain & missing).sum(axes), missing.sum(axes)
    return np.where(total > 0, accepted / np.maximum(total, 1), 1.0)


def _unlabeled(annotations, num_classes):
    """Returns the mask of unlabeled positions, and checks the others."""
    codes = [k for k in UNLABELED if not 0 <= k < num_classes]
    missing = np.isin(annotations, codes)
    wrong = np.setdiff1d(annotations[~missing], np.arange(num_classes))
    if wrong.size:
        raise ValueError(
            f"`annotations` must be classes from 0 to {num_classes - 1}, or "
            f"{codes} at unlabeled positions. Received: "
            f"{wrong[:10].tolist()}."
        )
    return missing


def _check_sizes(annotations, logits):
    if annotations.shape != logits.shape[:-1]:
        raise ValueError(
            "`logits` must have one row for each annotation. Received: "
            f"annotations.shape={annotations.shape}, logits.shape="
            f"{logits.shape}. Resize them with `losses.logits_at(annotations, "
            "logits)`."
        )


def _check_meaning(num_old, parents, unlabeled, background):
    if unlabeled not in MEANINGS:
        raise ValueError(
            f"`unlabeled` must be one of {list(MEANINGS)}. Received: "
            f"unlabeled={unlabeled!r}. Pass the meaning of a missing "
            "annotation, because it changes the result."
        )
    if background is None and unlabeled == "background":
        raise ValueError(
            "`unlabeled='background'` needs a background class. Received: "
            "background=None. Pass the index of the background."
        )
    known = {NO_PARENT, *range(num_old)}
    given = {*parents, NO_PARENT if background is None else background}
    if not given <= known:
        raise ValueError(
            f"`parents` and `background` must be from 0 to {num_old - 1}, "
            "the old classes, or -1 for a new class without a parent. "
            f"Received: parents={parents}, background={background}."
        )
