"""Reading of a `PyDataset` in the threads or processes that it asks for."""

import collections
import concurrent.futures
import itertools
from collections.abc import Iterator

import keras

from keras_incremental.utils.types import Structure

_held: dict[str, keras.utils.PyDataset] = {}


def in_workers(dataset: keras.utils.PyDataset) -> Iterator[Structure]:
    """Returns an iterator over the batches of one pass, in order.

    Workers are used where `fit` would use them, and read ahead by
    `max_queue_size` batches.

    Args:
        dataset: `PyDataset`.
    """
    count, workers = dataset.num_batches, dataset.workers
    indices = iter(itertools.count() if count is None else range(count))
    processes = workers > 0 and dataset.use_multiprocessing
    if workers <= 1 and not processes:
        return map(dataset.__getitem__, indices)
    return _ahead(dataset, indices, processes)


def _ahead(dataset, indices, processes):
    if processes:
        # A process gets the data set once, not with every batch.
        pool = concurrent.futures.ProcessPoolExecutor(
            dataset.workers, initializer=_hold, initargs=(dataset,)
        )
        read = _read
    else:
        pool = concurrent.futures.ThreadPoolExecutor(dataset.workers)
        read = dataset.__getitem__
    size = max(dataset.max_queue_size, dataset.workers)
    try:
        ahead = itertools.islice(indices, size)
        queue = collections.deque(pool.submit(read, i) for i in ahead)
        while queue:
            yield queue.popleft().result()
            queue.extend(pool.submit(read, i) for i in _next(indices))
    finally:
        pool.shutdown(cancel_futures=True)


def _next(indices):
    return itertools.islice(indices, 1)


def _hold(dataset):
    _held["dataset"] = dataset


def _read(index):
    return _held["dataset"][index]
