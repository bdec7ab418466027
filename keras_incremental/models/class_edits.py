"""Changes of the classes of a label space, without any training."""

import dataclasses

import numpy as np

from keras_incremental.data.names import check_class_names
from keras_incremental.data.names import normal


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
