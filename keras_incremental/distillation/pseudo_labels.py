"""Labels that the old model proposes for what nobody labeled.

Logits are NumPy arrays `(num_samples, ..., num_old)` of the teacher in
inference mode, on the pictures that the student sees, and of the size of the
annotations; `losses.logits_at` resizes them. Labels are ints of shape
`(num_samples, ...)`:

- -1 says nothing;
- an index of one of the `K` classes says exactly this class;
- `K` and above are rows of a table of candidate sets, whose first `K` rows
  are the classes: `CandidateSetCrossentropy(table, ignore_class=-1)`.

Reference:
- [Douillard et al., 2021](https://arxiv.org/abs/2011.11390), PLOP. Its code
  divides the entropy by more, so its base threshold of 0.001 is about 0.05
  here.
"""

import dataclasses

import numpy as np

from keras_incremental.losses import tables

NOTHING = -1
# Labels that annotations have where there is none.
UNLABELED = (-1, 255)
MEANINGS = ("unknown", "not_new", "background")
NOVEL = -1


@dataclasses.dataclass(frozen=True)
class PseudoLabels:
    """What annotations and the old model say together.

    Attributes:
        labels: Ints of the shape of the annotations.
        table: Boolean array `(num_labels, num_classes)`, what they mean.
        share: Floats of shape `(num_samples,)`, from 0 to 1: how much of
            what was unlabeled has a proposal. PLOP multiplies the loss of
            a picture by it, so that few new pixels do not outweigh the old.
    """

    labels: np.ndarray
    table: np.ndarray
    share: np.ndarray


def pseudo_labels(
    annotations,
    logits,
    parents,
    unlabeled: str,
    background: int | None = None,
    minimum: float = 0.05,
    thresholds=None,
) -> PseudoLabels:
    """Proposes labels for what is unlabeled, where the old model is sure.

    An annotation is never changed. What the old model is not sure of keeps
    the set of all classes that it may be.

    Args:
        annotations: Ints `(num_samples, ...)`: classes, and -1 or 255 where
            there is none.
        logits: Floats `(num_samples, ..., num_old)` of the old model.
        parents: Ints, one for each new class: the old class that it was part
            of, the background for one that was hidden there; -1 for one that
            occurred nowhere.
        unlabeled: What no annotation means. `"unknown"`: it may be
            anything; `"not_new"`: anything but a new class, because all of
            those were annotated; `"background"`: the background.
        background: Int, the index of the background, or `None` where there
            is none. Defaults to `None`.
        minimum: Float, the least threshold. Larger trusts the old model
            more. Defaults to `0.05`.
        thresholds: Floats `(num_old,)` to take in place of the medians of
            these logits. Defaults to `None`.

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
    said, entropies = guesses(logits)
    if thresholds is None:
        thresholds = entropy_thresholds(
            said[missing], entropies[missing], num_old, minimum
        )
    sure = is_sure(said, entropies, thresholds)
    if unlabeled == "background":
        sure = np.ones_like(sure)
    proposed = np.where(sure, ids[said], ids[-1])
    labels = np.where(missing, proposed, annotations).astype("int32")
    return PseudoLabels(labels, table, accepted_share(sure, missing))


def meanings(num_old, parents, unlabeled, background=None):
    """What the proposals of an old model mean.

    Args:
        num_old: Int, how many classes the old model has.
        parents: See `pseudo_labels`.
        unlabeled: See `pseudo_labels`.
        background: See `pseudo_labels`.

    Returns:
        The table, and ints `(num_old + 1,)`: the label of what the old model
        takes for each class, and at last of what it is not sure of.
    """
    parents = [int(parent) for parent in parents]
    _check_meaning(num_old, parents, unlabeled, background)
    num_classes = num_old + len(parents)
    everything = set(range(num_classes))
    if unlabeled == "background":
        sets = [{background}] * (num_old + 1)
    elif unlabeled == "not_new":
        sets = [{c} for c in range(num_old)] + [set(range(num_old))]
    else:
        homes = [background if p == NOVEL else p for p in parents]
        sets = [
            {c} | {k for k, home in enumerate(homes, num_old) if home == c}
            for c in range(num_old)
        ] + [everything]
    larger = [s for s in sets if 1 < len(s) < num_classes]
    larger = [s for i, s in enumerate(larger) if s not in larger[:i]]
    rows = [{c} for c in range(num_classes)] + larger
    table = tables.candidates(rows, num_classes)
    ids = [NOTHING if s == everything else rows.index(s) for s in sets]
    return table, np.array(ids)


def guesses(logits):
    """What the old model takes each position for, and how unsure it is.

    Args:
        logits: Floats `(..., num_old)`.

    Returns:
        Ints `(...)`, and the entropies from 0 to 1 of the softmax.
    """
    logits = np.asarray(logits, "float32")
    shifted = logits - logits.max(-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    entropies = -(np.exp(logs) * logs).sum(-1)
    most = np.log(max(logits.shape[-1], 2))
    return logits.argmax(-1), np.clip(entropies / most, 0, 1)


def entropy_thresholds(said, entropies, num_old, minimum=0.05):
    """The entropy below which the old model is trusted, for each class.

    The median, so that half of each class is accepted by and large, whatever
    the old model is surest of.

    Args:
        said: Ints of any shape, what the old model takes unlabeled
            positions of the new pictures for.
        entropies: Floats of the same shape.
        num_old: Int.
        minimum: Float, the least threshold, that of a class which is never
            said. Defaults to `0.05`.

    Returns:
        Floats `(num_old,)`.
    """
    found = [entropies[said == c] for c in range(num_old)]
    medians = [np.median(part) if part.size else 0.0 for part in found]
    return np.maximum(medians, minimum)


def is_sure(said, entropies, thresholds):
    """Where a proposal is accepted: bools of the shape of `said`."""
    return entropies < np.asarray(thresholds)[said]


def accepted_share(sure, missing):
    """For each sample, how much of what is missing is accepted; else 1."""
    axes = tuple(range(1, missing.ndim))
    accepted, wanted = (sure & missing).sum(axes), missing.sum(axes)
    return np.where(wanted > 0, accepted / np.maximum(wanted, 1), 1.0)


def soft_targets(logits, confidence: float = 0.9):
    """Targets of sigmoid outputs, from those of an old model.

    Args:
        logits: Floats `(..., num_old)`.
        confidence: Float from 0.5 to 1: how sure of "yes" or of "no" the old
            model must be. Defaults to `0.9`.

    Returns:
        Floats `(..., num_old)`: its probabilities, -1 where it is not sure.
    """
    if not 0.5 <= confidence <= 1:
        raise ValueError(
            "`confidence` must be from 0.5 to 1. Received: "
            f"confidence={confidence}."
        )
    logits = np.asarray(logits, "float32")
    probabilities = 0.5 * (1 + np.tanh(logits / 2))
    sure = np.maximum(probabilities, 1 - probabilities) > confidence
    return np.where(sure, probabilities, np.float32(-1))


def _unlabeled(annotations, num_classes):
    """Where there is no annotation; others must be classes."""
    codes = [k for k in UNLABELED if not 0 <= k < num_classes]
    missing = np.isin(annotations, codes)
    wrong = np.setdiff1d(annotations[~missing], np.arange(num_classes))
    if wrong.size:
        raise ValueError(
            f"`annotations` must be classes from 0 to {num_classes - 1}, or "
            f"{codes} where there are none. Received: {wrong[:10].tolist()}."
        )
    return missing


def _check_sizes(annotations, logits):
    if annotations.shape != logits.shape[:-1]:
        raise ValueError(
            "`logits` must have one row for each of `annotations`. Received: "
            f"annotations.shape={annotations.shape}, logits.shape="
            f"{logits.shape}. Resize them by `losses.logits_at(annotations, "
            "logits)`."
        )


def _check_meaning(num_old, parents, unlabeled, background):
    if unlabeled not in MEANINGS:
        raise ValueError(
            f"`unlabeled` must be one of {list(MEANINGS)}. Received: "
            f"unlabeled={unlabeled!r}. Say what no annotation means: it "
            "changes the result."
        )
    if background is None and unlabeled == "background":
        raise ValueError(
            "Without annotation is background, but there is none. Received: "
            "background=None. Name the index of the background."
        )
    known = {NOVEL, *range(num_old)}
    if not {*parents, NOVEL if background is None else background} <= known:
        raise ValueError(
            f"`parents` and `background` must be from 0 to {num_old - 1}, "
            "the old classes, and a parent -1 for a class that occurred "
            f"nowhere. Received: parents={parents}, background={background}."
        )
