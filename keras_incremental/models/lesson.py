"""What a user hands to `learn`, made into arrays and indices at the door."""

import dataclasses

import numpy as np

from keras_incremental.data import as_source
from keras_incremental.data import check_class_names
from keras_incremental.data import to_indices


@dataclasses.dataclass(frozen=True)
class Lesson:
    """Pictures and what they show.

    Attributes:
        pictures: Array of shape `(num_samples, ...)`, raw as it came.
        labels: Ints of shape `(num_samples,)`: indices of `names`.
        names: Names of all classes, known and new.
        new_names: Those of them that were not known before.
    """

    pictures: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    new_names: tuple[str, ...] = ()

    @property
    def taught(self):
        """Indices of the classes that there are pictures of."""
        return np.unique(self.labels)


def read_lesson(x, y, classes, known, batch_size=32, steps=None, default=None):
    """Reads what `fit` takes, with labels by name or by position.

    Args:
        x: Pictures, or anything that yields `(pictures, labels)` batches.
        y: Labels, or `None` where `x` yields them or where all pictures show
            the one class in `classes`.
        classes: Names that integer labels index, or `None` for the names of
            the folders that the data was read from.
        known: Names of the classes known so far.
        batch_size: Int.
        steps: How many batches to read of data that never ends.
        default: Names to fall back on, or `None`.

    Returns:
        A `Lesson`.
    """
    source = as_source(x, y, batch_size=batch_size, steps=steps)
    names = _local_names(classes, source, y, default)
    new = tuple(name for name in names if name not in known)
    pictures, labels = source.collect()
    everything = (*known, *new)
    if labels is None:
        labels = _only_class(names, len(pictures))
    indices = to_indices(labels, names, everything)
    missing = [n for n in new if everything.index(n) not in indices]
    if missing:
        raise ValueError(
            f"There is no picture of the new classes {missing}. Received: "
            f"labels of {sorted({everything[i] for i in indices})} and "
            f"classes={list(names)}. Name only classes that the data shows."
        )
    return Lesson(pictures, indices, everything, new)


def read_known(x, y, classes, known, batch_size=32, steps=None):
    """Reads data of known classes only, a `Lesson` as of `read_lesson`."""
    lesson = read_lesson(x, y, classes, known, batch_size, steps, known)
    if lesson.new_names:
        raise ValueError(
            f"Classes {list(lesson.new_names)} are not known yet. Known "
            f"classes: {list(known)}. Teach them by `learn`."
        )
    return lesson


def read_validation(data, names, batch_size=32, steps=None):
    """Reads validation data, whose integer labels index all classes.

    Pictures read from class folders are matched by the names of the folders.

    Args:
        data: What `validation_data` of `fit` takes, or `None`.
        names: Names of all classes, the new ones among them.
        batch_size: Int.
        steps: How many batches to read of data that never ends.

    Returns:
        A `Lesson`, or `None`.
    """
    if data is None:
        return None
    x, y = data if isinstance(data, (tuple, list)) else (data, None)
    source = as_source(
        x, y, batch_size=batch_size, steps=steps, argument="validation_data"
    )
    local = source.class_names or names
    pictures, labels = source.collect()
    if labels is None:
        raise ValueError(
            "`validation_data` needs labels, to compare with. Received: "
            "pictures only. Give `(pictures, labels)`."
        )
    indices = to_indices(labels, local, names, argument="validation_data")
    return Lesson(pictures, indices, tuple(names))


def _local_names(classes, source, y, default):
    if classes is not None:
        if isinstance(classes, str):
            check_class_names(classes)
        return check_class_names(tuple(classes))
    if source.class_names:
        return check_class_names(tuple(source.class_names))
    if default is not None:
        return tuple(default)
    if y is not None and np.asarray(y).dtype.kind in "OSU":
        return check_class_names(tuple(dict.fromkeys(map(str, y))))
    raise ValueError(
        "`classes` is missing: the data does not say what its labels mean. "
        'Name them, as in `learn(birds, classes=["bird"])`.'
    )


def _only_class(names, count):
    if len(names) == 1:
        return np.zeros(count, int)
    raise ValueError(
        "`y` is missing. Pictures without labels can show one class only. "
        f"Received: classes={list(names)}. Pass labels, or one name."
    )
