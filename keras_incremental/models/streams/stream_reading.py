"""A stream, read batch by batch as `Samples`."""

import numpy as np

from keras_incremental.data import check_class_names
from keras_incremental.data import to_indices
from keras_incremental.data.names import normal
from keras_incremental.models.inputs.reading import Reader
from keras_incremental.models.inputs.reading import collect
from keras_incremental.models.inputs.reading import local_names
from keras_incremental.models.inputs.samples import Samples


class StreamReader(Reader):
    """Reads a stream, in which any batch may bring a new name."""

    def batches(self, x, y=None, classes=None):
        """Returns an iterator of `Samples`, read as they are asked for.

        The classes of each are those known by then.

        Args:
            x: Samples, or anything that yields `(samples, labels)` batches.
            y: Labels, or `None` where `x` yields them.
            classes: Names that integer labels index, or `None` for the names
                of the folders that the data was read from, else the known
                classes.
        """
        source = self.source(x, y)
        if source.has_labels is False:
            raise _without_labels("y")
        return self._batches(source, local_names(classes, source))

    def validation(self, data, classes=()):
        """Returns `Samples` to measure on, or `None`.

        Args:
            data: What `validation_data` of `fit` takes, or `None`. Its names
                may not have arrived yet.
            classes: Not used: integer labels index the known classes.
        """
        if data is None:
            return None
        argument = "validation_data"
        data = tuple(data) if isinstance(data, list) else data
        source = self.source(data, argument=argument)
        x, y = collect(source)
        local = local_names(None, source)
        return _samples(x, y, local, self.known, argument, argument)

    def _batches(self, source, local):
        known = self.known
        for x, y in source.batches():
            samples = _samples(x, y, local, known)
            known = samples.classes
            yield samples


def arrived(validation, classes):
    """Returns rows of validation samples whose class has arrived.

    Args:
        validation: `Samples`.
        classes: Names of the classes that have arrived.

    Returns:
        Ints, the rows, and their labels as indices of `classes`.
    """
    known = [name in classes for name in validation.classes]
    rows = np.flatnonzero(np.array(known)[validation.labels])
    shown = [validation.classes[label] for label in validation.labels[rows]]
    return rows, np.array([classes.index(name) for name in shown], int)


def _samples(x, y, local, known, argument="x", labels="y"):
    if y is None:
        raise _without_labels(labels)
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
    """Returns the names in labels, in order of arrival; none of numbers."""
    if y.dtype.kind != "U":
        return ()
    names = dict.fromkeys(normal(name) for name in y.ravel().tolist())
    return check_class_names(list(names))


def _without_labels(argument):
    return ValueError(
        f"`{argument}` has no labels. Received: samples only. Give one name "
        "for each sample, or batches of `(samples, names)`."
    )
