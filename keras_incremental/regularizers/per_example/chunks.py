"""Chunks of equal size from any kind of data."""

from collections.abc import Iterator

import keras
import numpy as np
from keras import ops
from keras import tree

from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Structure


def chunks(
    data: Data,
    num_samples: int | None,
    batch_size: int,
    generator: np.random.Generator,
) -> Iterator[tuple[Structure, Structure, int]]:
    """Splits data into chunks of equal size.

    Args:
        data: Inputs, a tuple `(x, y)`, or an iterable of batches of either.
        num_samples: Int or `None`. Maximum number of samples: drawn at
            random from arrays, the first of an iterable.
        batch_size: Int. Samples in a chunk.
        generator: `np.random.Generator`, for the draw.

    Yields:
        `(x, y, count)`: NumPy arrays; `y` may be `None`. If there are several
        chunks, the last is padded to `batch_size` rows. The first `count`
        rows are samples.
    """
    limit = np.inf if num_samples is None else num_samples
    batches = _batches(data, limit, generator)
    first = True
    for x, y in _rebatched(_limited(batches, limit), batch_size):
        count = _length((x, y))
        yield *((x, y) if first else _filled((x, y), batch_size)), count
        first = False


def _batches(data, limit, generator):
    if isinstance(data, (tuple, dict)) or hasattr(data, "shape"):
        x, y = _standardized(data)
        size = _length((x, y))
        if size > limit:
            chosen = np.sort(generator.permutation(size)[: int(limit)])
            x, y = _rows((x, y), chosen)
        return [(x, y)]
    if not hasattr(data, "__iter__"):
        raise TypeError(
            "`data` must be an array, a tuple `(x, y)` or an iterable of "
            f"batches. Received: data={data!r} of type "
            f"{type(data).__name__}. Pass arrays or a data set."
        )
    return (_standardized(batch) for batch in data)


def _standardized(batch):
    batch = tuple(batch) if isinstance(batch, list) else batch
    x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
    x, y = tree.map_structure(_array, (x, y))
    lengths = {len(a) for a in tree.flatten((x, y)) if a is not None}
    if len(lengths) != 1:
        raise ValueError(
            "All arrays of `data` must have the same number of samples. "
            f"Received: {sorted(lengths)} samples. Pass one label for each "
            "sample."
        )
    return x, y


def _array(value):
    if value is None:
        return None
    if ops.is_tensor(value):
        value = ops.convert_to_numpy(value)
    value = np.asarray(value)
    return value.astype("float32") if value.dtype == "float64" else value


def _limited(batches, limit):
    seen = 0
    for batch in batches:
        size = min(_length(batch), limit - seen)
        if size > 0:
            yield _rows(batch, slice(0, int(size)))
        seen += size
        if seen >= limit:
            return


def _rebatched(batches, size):
    waiting = None
    for batch in batches:
        waiting = batch if waiting is None else _joined(waiting, batch)
        while _length(waiting) >= size:
            yield _rows(waiting, slice(0, size))
            waiting = _rows(waiting, slice(size, None))
    if waiting is not None and _length(waiting):
        yield waiting


def _filled(batch, size):
    # Compiled functions are traced again for each shape.
    rows = np.minimum(np.arange(size), _length(batch) - 1)
    return _rows(batch, rows)


def _length(batch):
    return len(next(a for a in tree.flatten(batch) if a is not None))


def _rows(batch, rows):
    return tree.map_structure(lambda a: None if a is None else a[rows], batch)


def _joined(first, second):
    return tree.map_structure(
        lambda a, b: None if a is None else np.concatenate([a, b]),
        first,
        second,
    )
