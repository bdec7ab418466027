"""Changes of what a classifier knows, without any training."""

import dataclasses

import numpy as np

from keras_incremental.data.labels import check_class_names
from keras_incremental.data.labels import normal
from keras_incremental.models import memory_update
from keras_incremental.models.transaction import callbacks_of
from keras_incremental.models.transaction import changing
from keras_incremental.utils.compilation import recompile

FILES = "files and exports that were made before"


def renamed(label_space, names):
    """Returns a label space whose classes have other names.

    Args:
        label_space: `LabelSpace`.
        names: Dict of names and new names.
    """
    changed = list(label_space.classes)
    for old, new in _chosen(label_space, names).items():
        changed[changed.index(old)] = new
    return dataclasses.replace(label_space, classes=check_class_names(changed))


def merged(label_space, names):
    """Returns a label space in which classes are merged into others.

    Args:
        label_space: `LabelSpace`.
        names: Dict of names, and the name that each is merged into.
    """
    chosen = _chosen(label_space, names)
    index, pairs = label_space.classes.index, []
    for source, target in chosen.items():
        _check_active(label_space, target)
        if source == target or target in chosen:
            raise ValueError(
                f"A class cannot be merged into '{target}', which is "
                f"merged itself. Received: names={names}."
            )
        pairs.append((index(source), index(target)))
    return dataclasses.replace(
        label_space, merged=(*label_space.merged, *pairs)
    )


def removed(label_space, names):
    """Returns a label space without some classes, and their indices.

    Args:
        label_space: `LabelSpace`.
        names: List of names.
    """
    names = check_class_names(names)
    for name in names:
        _check_active(label_space, name)
    gone = [label_space.classes.index(name) for name in names]
    merged_into = label_space.merged_into
    gone = np.flatnonzero(np.isin(merged_into, gone)).tolist()
    if set(merged_into) <= {-1, *gone}:
        raise ValueError(
            "A classifier needs one class at least. Received: "
            f"names={list(names)}, of {list(label_space.classes)}."
        )
    changed = dataclasses.replace(
        label_space, removed=(*label_space.removed, *gone)
    )
    return changed, gone


def _chosen(label_space, names):
    if not isinstance(names, dict) or not names:
        raise TypeError(
            "`names` must be a dict of names of classes. Received: "
            f"names={names!r}. Pass, for example, "
            f"{{{label_space.classes[0]!r}: ...}}."
        )
    chosen = {normal(old): normal(new) for old, new in names.items()}
    for name in chosen:
        _check_active(label_space, name)
    return chosen


def _check_active(label_space, name):
    merged_into = label_space.merged_into
    known = [
        name
        for index, name in enumerate(label_space.classes)
        if merged_into[index] == index
    ]
    if name not in known:
        raise ValueError(
            "`names` must name classes that are neither merged nor removed. "
            f"Received: {name!r}. Such classes: {known}."
        )


@dataclasses.dataclass(frozen=True)
class ErasureReport:
    """Report of deleted samples, and of everything that may depend on them.

    Attributes:
        exemplars: Int. How many were deleted from the memory.
        counted: Int. How many samples were taken out of the statistics.
        remains: Tuple of strings, what was computed from the samples and is
            as before.
    """

    exemplars: int
    counted: int
    remains: tuple[str, ...]

    def __str__(self):
        return (
            f"deleted {self.exemplars} exemplars, and took {self.counted} "
            f"samples out of the statistics; what remains: "
            f"{'; '.join(self.remains)}"
        )


def forget(classifier, ids):
    """Deletes exemplars, and takes them out of statistics.

    Args:
        classifier: `IncrementalClassifier` with a memory.
        ids: Ints, as in `memory.ids`.

    Returns:
        An `ErasureReport`.
    """
    memory, head = classifier.memory, classifier.head
    rows = np.flatnonzero(np.isin(memory.ids, ids))
    with changing(classifier):
        counted, remains = 0, []
        if len(rows):
            x, labels = memory.arrays(rows)
            backbone = classifier.backbone
            features = backbone.features_of(backbone.student_inputs(x))
            counted, remains = _uncounted(classifier, features, labels)
            # Which part of a mixture is of a sample is not known.
            classifier.deviations = classifier.deviations.without(labels)
            if head.is_closed_form and _counts(head.statistics, labels):
                head.forget_state(features, labels)
        removed = memory.drop(ids)
        _adapt_readout(classifier)
        _drop_derived(classifier)
    memory.erase()
    return ErasureReport(removed, counted, _remains(classifier, remains))


def remove(classifier, label_space, gone):
    """Deletes classes and all that is kept of them.

    Args:
        classifier: `IncrementalClassifier`.
        label_space: `LabelSpace` without them.
        gone: Ints, their indices.

    Returns:
        An `ErasureReport`.
    """
    memory, head = classifier.memory, classifier.head
    with changing(classifier):
        removed = 0 if memory is None else memory.drop_classes(gone)
        before, remains = classifier.statistics, []
        classifier.statistics = before.without(gone)
        classifier.deviations = classifier.deviations.without(gone)
        counted = len(before) - len(classifier.statistics)
        if counted:
            remains.append("the covariance that all classes share")
        head.forget_classes(gone)
        _adapt_readout(classifier)
        classifier.label_space = label_space
        _drop_derived(classifier)
    if memory is not None:
        memory.erase()
    return ErasureReport(removed, counted, _remains(classifier, remains))


def _uncounted(classifier, features, labels):
    """Takes samples out of the statistics, where these have them."""
    statistics = classifier.statistics
    if not _counts(statistics, labels):
        return 0, []
    try:
        found = statistics - type(statistics).of(features, labels)
    except ValueError:
        return 0, [f"statistics of {statistics.means.shape[-1]} features"]
    classifier.statistics = found
    return len(labels), []


def _counts(statistics, labels):
    """Returns whether statistics have so many samples of each class."""
    found = np.bincount(labels, minlength=len(statistics.counts))
    known = np.zeros(len(found), int)
    known[: len(statistics.counts)] = statistics.counts
    return bool(np.all(found <= known))


def _adapt_readout(classifier):
    """Computes a readout again, of the exemplars that stay."""
    readout, memory = classifier.readout, classifier.memory
    if readout is None or memory is None:
        return
    if len(memory):
        memory_update.adapt_readout(
            classifier, classifier.backbone, _Kept(*memory.arrays())
        )
    elif readout.is_closed_form:
        readout.reset()


@dataclasses.dataclass(frozen=True)
class _Kept:
    x: np.ndarray
    labels: np.ndarray


def _drop_derived(classifier):
    """Deletes what was computed of samples and can be had again."""
    classifier.previous = None
    classifier.drop_cached_features(erase=True)
    classifier._calibration = None
    for callback in callbacks_of(classifier.recipe):
        # It holds the optimizer of the last phase.
        callback.set_model(None)
    recompile(classifier)


def _remains(classifier, remains):
    names = [*remains]
    if not classifier.head.is_closed_form:
        names.append("the columns of the head, until it is solved or trained")
    if classifier.features.trainable_variables:
        names.append("the weights below the head that train")
    return (*names, FILES)
