import collections.abc
import numbers

import keras

from keras_incremental.data import arrays
from keras_incremental.data.source import Source
from keras_incremental.data.source import check_batch
from keras_incremental.data.source import split_batch
from keras_incremental.data.wrapping import is_data_loader
from keras_incremental.data.wrapping import is_tf_dataset


def as_source(x, y=None, batch_size=32, steps=None, argument="x"):
    """Wraps data so that it can be read as NumPy batches.

    Args:
        x: Array or tensor, tuple of arrays `(x, y)`, `tf.data.Dataset`,
            `keras.utils.PyDataset`, torch `DataLoader`, or iterator of
            batches. Data sets yield batches of `(x, y)` or of `x`.
        y: Labels, only if `x` is an array. Defaults to `None`.
        batch_size: Int, rows in a batch of arrays. Defaults to `32`.
        steps: Int, batches in a pass. Needed where the data has no end.
            Defaults to `None`, all.
        argument: Name of `x` in the messages. Defaults to `"x"`.

    Returns:
        A `Source`.

    Raises:
        TypeError: if `x` is of another type.
        ValueError: if it can be seen without reading that the data is
            empty, endless, unbatched, weighted, or does not fit together.

    Example:

    >>> import numpy as np
    >>> from keras_incremental.data import as_source
    >>> source = as_source(np.zeros((5, 2)), np.arange(5), batch_size=4)
    >>> [len(x) for x, y in source.batches()]
    [4, 1]
    """
    if isinstance(x, Source):
        return x
    if steps is not None:
        _check_count("steps", steps)
    for matches, make in _KINDS:
        if matches(x):
            _refuse_labels(y, x, argument)
            return make(x, steps, argument)
    return _from_arrays(x, y, batch_size, steps, argument)


def _refuse_labels(y, x, argument):
    if y is not None:
        raise ValueError(
            f"`y` must not be passed when `{argument}` is a data set that "
            f"yields (x, y). Received: {type(x).__name__} and y of type "
            f"{type(y).__name__}. Drop `y`."
        )


def _check_count(name, value):
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < 1:
        raise ValueError(
            f"`{name}` must be an integer of 1 or more. Received: "
            f"{name}={value!r}."
        )


def _from_arrays(x, y, batch_size, steps, argument):
    if isinstance(x, tuple) and y is None:
        x, y = split_batch(x, argument)
    x = arrays.to_numpy(x, argument)
    y = None if y is None else arrays.to_numpy(y, "y")
    check_batch(x, y, f"`{argument}`")
    if len(x) == 0:
        raise ValueError(
            f"`{argument}` is empty. Received: {argument}.shape={x.shape}. "
            "Check the path or the filter it is made with."
        )
    _check_count("batch_size", batch_size)

    def opener():
        for i in range(0, len(x), batch_size):
            part = slice(i, i + batch_size)
            yield (x[part],) if y is None else (x[part], y[part])

    num_batches = -(-len(x) // batch_size)
    read = slice(None if steps is None else steps * batch_size)
    x, y = x[read], None if y is None else y[read]
    for i in range(0, len(x), 256):
        arrays.check_finite(x[i : i + 256], argument, i)
    return Source(
        "arrays",
        opener,
        argument,
        steps,
        has_labels=y is not None,
        num_examples=len(x),
        num_batches=num_batches,
        dtype=x.dtype,
        whole=(x, y),
    )


def _from_tf_data(dataset, steps, argument):
    cardinality = int(dataset.cardinality())
    _refuse_endless(cardinality == -1, steps, "`dataset.take(n)`", argument)
    if cardinality == 0:
        raise ValueError(
            f"`{argument}` is empty. Received: a `tf.data.Dataset` without "
            "batches. Check the path or the filter it is made with."
        )
    x, y = split_batch(dataset.element_spec, f"`{argument}`")
    _check_specs(x, y, argument)
    return Source(
        "tf.data",
        lambda: iter(dataset),
        argument,
        steps,
        class_names=getattr(dataset, "class_names", None),
        has_labels=y is not None,
        num_batches=cardinality if cardinality > 0 else None,
    )


def _check_specs(x, y, argument):
    for spec, name in ((x, argument), (y, "y")):
        if isinstance(spec, (dict, tuple, list)) or (
            "Sparse" in type(spec).__name__ or "Ragged" in type(spec).__name__
        ):
            raise TypeError(
                f"`{name}` must be one dense tensor. Received: {spec}. Make "
                "it dense, and join several inputs into one."
            )
    shapes = [s.shape for s in (x, y) if s is not None]
    ranks = [shape.rank for shape in shapes]
    firsts = [shape[0] for shape in shapes if shape.rank]
    differ = None not in firsts and len(set(firsts)) > 1
    if 0 in ranks or differ:
        raise ValueError(
            f"`{argument}` must yield batches. Received: single examples "
            f"of shapes {[tuple(shape) for shape in shapes]}. Pass "
            f"`{argument}.batch(32)`."
        )


def _from_py_dataset(dataset, steps, argument):
    count = dataset.num_batches
    _refuse_endless(count is None, steps, "`num_batches`", argument)
    if count == 0:
        raise ValueError(f"`{argument}` is empty. Received: 0 batches.")
    stop = count if count is not None else steps
    return Source(
        "PyDataset",
        lambda: (dataset[index] for index in range(stop)),
        argument,
        steps,
        class_names=getattr(dataset, "class_names", None),
        num_batches=count,
    )


def _from_loader(loader, steps, argument):
    sized = hasattr(loader.dataset, "__len__")
    return Source(
        "DataLoader",
        lambda: iter(loader),
        argument,
        steps,
        class_names=getattr(loader.dataset, "classes", None),
        num_examples=len(loader.dataset) if sized and not steps else None,
        num_batches=len(loader) if sized else None,
    )


def _from_iterator(iterator, steps, argument):
    return Source(
        "generator", lambda: iterator, argument, steps, reiterable=False
    )


def _refuse_endless(endless, steps, remedy, argument):
    if endless and steps is None:
        raise ValueError(
            f"`{argument}` has no end. Received: steps=None. Pass `steps`, "
            f"the number of batches to read, or give it an end with {remedy}."
        )


_KINDS = (
    (is_tf_dataset, _from_tf_data),
    (lambda x: isinstance(x, keras.utils.PyDataset), _from_py_dataset),
    (is_data_loader, _from_loader),
    (lambda x: isinstance(x, collections.abc.Iterator), _from_iterator),
)
