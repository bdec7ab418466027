"""Whether a phase reads samples without labels, and what they brought."""

import numpy as np
from keras import ops

from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.models.phases.plan import DESCRIBED
from keras_incremental.models.phases.plan import SOLVED
from keras_incremental.utils import large_arrays

# Samples that a report lists, and bytes of features that are read at a time.
SHOWN, AT_ONCE = 10, 2**22
HOOKS = ("select_samples", "teacher_outputs")


def check_is_read(run):
    """Raises if a phase would not read its auxiliary samples.

    Args:
        run: `PhaseRun` that has read its samples.

    Raises:
        ValueError: if nothing of the phase reads them.
    """
    reason = _reason_against(run)
    if reason:
        raise ValueError(
            "`auxiliary` samples would not be used. Received: "
            f"{len(run.auxiliary.x)} of them, where {reason}."
        )


def _reason_against(run):
    """Returns why auxiliary samples would not be read, else `""`."""
    head, plan = run.classifier.head, run.plan
    if head.is_closed_form:
        return (
            f"{type(head).__name__} is solved from labeled samples. Leave "
            "them out, or use a recipe with distillation, such as `lwf`"
        )
    if plan.way == SOLVED:
        return (
            "the head is solved from samples and statistics of old and new "
            "classes. Leave them out, or pass `epochs` to train it"
        )
    if plan.way == DESCRIBED or _trains_on_them(run):
        return ""
    return (
        "no term of the loss reads unlabeled samples. Leave them out, or "
        "use a recipe with distillation, such as `lwf`"
    )


def _trains_on_them(run):
    # A term may be any loss of teacher and student.
    terms = (term for factor, term in run.plan.terms if factor > 0)
    return (
        any(getattr(term, "reads_unlabeled", True) for term in terms)
        or not run.samples.partial_labels.is_plain
        or any(_chooses(callback) for callback in run.plan.phase_callbacks)
    )


def _chooses(callback):
    return any(
        getattr(type(callback), hook) is not getattr(PhaseCallback, hook)
        for hook in HOOKS
    )


def brought(run, features, others):
    """Returns what auxiliary samples brought to classes that are described.

    Args:
        run: `PhaseRun`, whose head has the classes.
        features: Array of shape `(samples, features)`, those of the samples.
        others: Dict of classes and numbers, see `ExpandableDense.describe`.

    Returns:
        A string of what they are used for, and one that lists which of them
        look like the classes.
    """
    parts = [
        f"{count} tell where {_name(run, label)} ends"
        if count
        else f"too few to tell where {_name(run, label)} ends"
        for label, count in others.items()
    ]
    used = f"of {len(features)} auxiliary samples {' and '.join(parts)}"
    logits = _logits(run.classifier.head, features)
    lists = [_listed(run, logits, label) for label in others]
    return used, "; ".join(lists)


def _logits(head, features):
    found = [
        ops.convert_to_numpy(head(features[rows].astype("float32")))
        for rows in large_arrays.slices(features, AT_ONCE)
    ]
    return np.concatenate(found)


def _listed(run, logits, label):
    """Returns which samples are most of a class, in words."""
    rest = np.delete(logits, label, axis=-1).max(-1)
    margins = logits[:, label] - rest
    rows = np.flatnonzero(margins > 0)
    rows = rows[np.argsort(-margins[rows], kind="stable")]
    shown = ", ".join(map(str, rows[:SHOWN].tolist()))
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return f"{len(rows)} like {_name(run, label)}" + (
        f", at {shown}{more}" if shown else ""
    )


def _name(run, label):
    return repr(run.samples.classes[label])
