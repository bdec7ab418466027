"""A stream of batches, made into batches one after the other."""

import numpy as np

from keras_incremental.data import as_source
from keras_incremental.data import check_class_names
from keras_incremental.data import to_indices
from keras_incremental.data.names import normal
from keras_incremental.models.inputs.samples import MAX_BYTES
from keras_incremental.models.inputs.samples import Samples


def read_stream(x, y, classes, known, batch_size=32, steps=None):
    """Lessons of a stream, each a batch, read as they are asked for.

    Args:
        x: Pictures, or anything that yields `(pictures, labels)` batches.
        y: Labels, or `None` where `x` yields them.
        classes: Names that integer labels index, or `None` for the names of
            the folders that the data was read from, else the known classes.
        known: Names of the classes known before.
        batch_size: Int, rows in a batch of arrays.
        steps: How many batches to read, or `None` for all.

    Returns:
        Iterator of `Samples`; the names of each are those known by then.
    """
    source = as_source(x, y, batch_size=batch_size, steps=steps)
    if source.has_labels is False:
        raise _unlabelled("y")
    return _lessons(source, _local_names(classes, source), tuple(known))


def read_judges(data, known, batch_size=32):
    """Validation data of a stream, whose names may not be known yet.

    Args:
        data: What `validation_data` of `fit` takes, or `None`.
        known: Names that integer labels index.
        batch_size: Int.

    Returns:
        A `Samples`, or `None`.
    """
    if data is None:
        return None
    argument = "validation_data"
    source = as_source(
        tuple(data) if isinstance(data, list) else data,
        batch_size=batch_size,
        argument=argument,
    )
    endless = source.num_batches is None
    x, y = source.collect(MAX_BYTES if endless else None)
    local = _local_names(None, source)
    return _lesson(x, y, local, tuple(known), argument, argument)


def arrived(judges, names):
    """Which rows of validation data show one of these names, and what."""
    known = [name in names for name in judges.names]
    rows = np.flatnonzero(np.array(known)[judges.labels])
    shown = [judges.names[label] for label in judges.labels[rows]]
    return rows, np.array([names.index(name) for name in shown], int)


def _lessons(source, local, known):
    for x, y in source.batches():
        samples = _lesson(x, y, local, known)
        known = samples.names
        yield samples


def _lesson(x, y, local, known, argument="x", labels="y"):
    if y is None:
        raise _unlabelled(labels)
    local = local or _names_in(y) or known
    shown = to_indices(y, local, local, argument=labels)
    _, first = np.unique(shown, return_index=True)
    order = [local[k] for k in shown[np.sort(first)]]
    new = tuple(name for name in order if name not in known)
    names = (*known, *new)
    index = {name: position for position, name in enumerate(names)}
    indices = np.array([index.get(name, -1) for name in local])[shown]
    return Samples(x, indices, names, new, argument)


def _names_in(y):
    """The names in labels, in order of arrival; none if they are numbers."""
    if y.dtype.kind != "U":
        return ()
    names = dict.fromkeys(normal(name) for name in y.ravel().tolist())
    return check_class_names(list(names))


def _local_names(classes, source):
    names = source.class_names if classes is None else classes
    return None if names is None else check_class_names(names)


def _unlabelled(argument):
    return ValueError(
        f"`{argument}` has no labels. Received: pictures only. Give one name "
        "for each picture, or batches of `(pictures, names)`."
    )
