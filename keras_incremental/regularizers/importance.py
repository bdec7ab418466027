"""Mean of a measure of gradients over samples."""

import itertools
from collections.abc import Callable

import keras
import numpy as np

from keras_incremental.regularizers.per_example.chunks import chunks
from keras_incremental.utils.long_progress import LongProgress
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Importance
from keras_incremental.utils.variable_keys import trainable_keys


def mean_importance(
    model: keras.Model,
    data: Data,
    make_measure: Callable,
    num_samples: int | None,
    batch_size: int,
    seed: int,
    verbose: int = 0,
) -> Importance:
    """Computes the mean of a measure over all samples.

    Args:
        model: Built model.
        data: Inputs, a tuple `(x, y)`, or an iterable of batches of either.
        make_measure: Function `(x, generator)` of the first chunk. It
            returns a function `(x, y, count)`, which returns a list of
            arrays in the order of `model.trainable_variables`: the sums over
            the first `count` samples.
        num_samples: Int, or `None` for all.
        batch_size: Int.
        seed: Int. Seed of the draws.
        verbose: `0`, or `1` for a progress bar. Defaults to `0`.

    Returns:
        Dict of paths of trainable variables and float32 arrays, see
        `variable_keys`.
    """
    _check(model, num_samples, batch_size)
    generator = np.random.default_rng(seed)
    stream = chunks(data, num_samples, batch_size, generator)
    first = next(stream, None)
    if first is None:
        raise ValueError(
            "`data` must hold at least one sample. Received: none. Pass data "
            "that was not read before: an exhausted iterator is empty."
        )
    measure = make_measure(first[0], generator)
    totals, count = _accumulated(
        measure, itertools.chain([first], stream), num_samples, verbose
    )
    paths = [key for key, _ in trainable_keys(model)]
    return _finite(
        {
            path: (total / count).astype("float32")
            for path, total in zip(paths, totals, strict=True)
        }
    )


def _accumulated(measure, stream, num_samples, verbose):
    totals, count = 0.0, 0
    bar = keras.utils.Progbar(num_samples) if verbose else None
    progress = LongProgress("measuring importance", num_samples)
    for x, y, size in stream:
        # In float64, because squares of very different sizes are added.
        sums = [s.astype("float64") for s in measure(x, y, size)]
        totals = (
            [t + s for t, s in zip(totals, sums, strict=True)]
            if count
            else sums
        )
        count += size
        if bar is not None:
            bar.update(count)
        else:
            progress.add(size)
    if bar is not None and count != num_samples:
        bar.update(count, finalize=True)
    return totals, count


def _check(model, num_samples, batch_size):
    if not getattr(model, "built", False):
        raise ValueError(
            f"Model '{getattr(model, 'name', model)}' has no weights yet. "
            "Received: a model that is not built. Build it, or call it on data."
        )
    for name, value in (
        ("num_samples", num_samples),
        ("batch_size", batch_size),
    ):
        if value is not None and value < 1:
            raise ValueError(
                f"`{name}` must be an int of 1 or more. Received: "
                f"{name}={value}."
            )
    if not model.trainable_variables:
        raise ValueError(
            f"Model '{model.name}' must have trainable variables. Received: "
            "none. Set `trainable = True` on the layers to protect."
        )


def _finite(importance):
    broken = [p for p, v in importance.items() if not np.all(np.isfinite(v))]
    if broken:
        raise ValueError(
            "The importance must be finite. Received: NaN or infinity for "
            f"the variables {broken[:5]}. Check the data and the weights for "
            "NaN."
        )
    return importance
