"""The mean of a measure over examples, whatever is measured."""

import collections
import itertools

import keras
import numpy as np

from keras_incremental.regularizers.per_example.chunks import chunks


def mean_importance(
    model, data, make_measure, num_samples, batch_size, seed, verbose=0
):
    """Averages over examples what a measure sums over chunks of them.

    Args:
        model: Built model.
        data: Inputs, a tuple `(x, y)`, or an iterable of batches of either.
        make_measure: Function `(x, generator)` of a first chunk. It returns
            a function `(x, y, count)`: a list of arrays in the order of
            `model.trainable_variables`, the sums over the first `count`
            examples.
        num_samples: Int or `None` for all.
        batch_size: Int.
        seed: Int, of the draws.
        verbose: `0` or `1`, a progress bar.

    Returns:
        A dict from paths of trainable variables to float32 arrays.
    """
    _check(model, num_samples, batch_size)
    generator = np.random.default_rng(seed)
    stream = chunks(data, num_samples, batch_size, generator)
    first = next(stream, None)
    if first is None:
        raise ValueError(
            "`data` must hold at least one example. Received: none. An "
            "iterator that was read to its end is empty."
        )
    measure = make_measure(first[0], generator)
    totals, count = _accumulated(
        measure, itertools.chain([first], stream), num_samples, verbose
    )
    paths = [v.path for v in model.trainable_variables]
    return _finite(
        {
            path: (total / count).astype("float32")
            for path, total in zip(paths, totals, strict=True)
        }
    )


def _accumulated(measure, stream, num_samples, verbose):
    totals, count = 0.0, 0
    bar = keras.utils.Progbar(num_samples) if verbose else None
    for x, y, size in stream:
        # In float64: squares of very different sizes are added.
        sums = [s.astype("float64") for s in measure(x, y, size)]
        totals = (
            [t + s for t, s in zip(totals, sums, strict=True)]
            if count
            else sums
        )
        count += size
        if bar is not None:
            bar.update(count)
    if bar is not None and count != num_samples:
        bar.update(count, finalize=True)
    return totals, count


def _check(model, num_samples, batch_size):
    if not getattr(model, "built", False):
        raise ValueError(
            f"Model '{getattr(model, 'name', model)}' has no weights yet. "
            "Build it, or call it once on data."
        )
    for name, value in (
        ("num_samples", num_samples),
        ("batch_size", batch_size),
    ):
        if value is not None and value < 1:
            raise ValueError(
                f"`{name}` must be 1 or more. Received: {name}={value}."
            )
    check_paths(model)


def check_paths(model):
    """Raises unless the trainable variables can be told apart by path."""
    paths = collections.Counter(v.path for v in model.trainable_variables)
    twice = [path for path, count in paths.items() if count > 1]
    if not paths or twice:
        raise ValueError(
            f"Model '{model.name}' must have trainable variables, each with "
            f"a path of its own. Received: {len(paths)} paths, of several "
            f"variables: {twice[:5]}. Give the layers different names."
        )


def _finite(importance):
    broken = [p for p, v in importance.items() if not np.all(np.isfinite(v))]
    if broken:
        raise ValueError(
            "The importance of these variables is not finite: "
            f"{broken[:5]}. Look for NaN in the data and in the weights."
        )
    return importance
