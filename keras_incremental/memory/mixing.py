import keras
import numpy as np

from keras_incremental.data.source import split_batch
from keras_incremental.data.sources import as_source
from keras_incremental.data.wrapping import MappedDataset
from keras_incremental.data.wrapping import map_loader
from keras_incremental.memory.replay import unlabeled

MOST_BYTES = 2**32


class ArrayBatches(keras.utils.PyDataset):
    """Arrays as batches, in a new order for each pass.

    Args:
        x: Array of shape `(n, ...)`.
        y: Array of shape `(n, ...)`.
        batch_size: Int.
        dtype: dtype of the batches of `x`.
        seed: Int.
    """

    def __init__(self, x, y, batch_size, dtype, seed=0):
        super().__init__()
        self._x, self._y = x, y
        self._batch_size = batch_size
        self._dtype = dtype
        self._seed = seed
        self._pass = 0
        self._served = 0
        self._shuffle()

    @property
    def num_batches(self):
        return -(-len(self._x) // self._batch_size)

    def __getitem__(self, index):
        start = index * self._batch_size
        rows = self._order[start : start + self._batch_size]
        self._served += 1
        return self._x[rows].astype(self._dtype, copy=False), self._y[rows]

    def on_epoch_begin(self):
        # An epoch of `steps_per_epoch` may end in the middle of a pass.
        if self._served >= self.num_batches:
            self._pass += 1
            self._shuffle()

    def _shuffle(self):
        self._served = 0
        rng = np.random.default_rng([self._seed, self._pass])
        self._order = rng.permutation(len(self._x))


def mix(data, source, replay, batch_size, seed):
    """What `fit` takes: new data with exemplars in every batch.

    Returns:
        The mixed data, and a `Source` from which the new data can be read
        again.
    """
    if source.whole is None and not source.reiterable:
        source = _held(source, batch_size)
    if source.has_labels is False:
        raise unlabeled(source.kind)
    if source.whole is not None:
        return _mix_arrays(source, replay, batch_size, seed), source
    return _ROUTES[source.kind](data, replay), source


def _held(source, batch_size):
    x, y = source.collect(MOST_BYTES)
    held = as_source(x, y, batch_size)
    held.dtype = source.dtype
    return held


def _mix_arrays(source, replay, batch_size, seed):
    x, y = source.whole
    replay.check(y)
    if not replay.is_empty:
        replay.check_layout(x.shape[1:], source.dtype, y.shape)
    batches = ArrayBatches(x, y, batch_size, source.dtype, seed)
    return MappedDataset(batches, replay)


def _mix_py_dataset(data, replay):
    if data.use_multiprocessing:
        raise ValueError(
            "A `PyDataset` in several processes cannot share one memory. "
            "Received: use_multiprocessing=True. Use threads: "
            "`use_multiprocessing=False`, `workers` as it is."
        )
    return MappedDataset(data, replay)


def _mix_loader(data, replay):
    return map_loader(data, replay)


def _mix_tf_data(data, replay):
    import tensorflow as tf

    x_spec, y_spec = split_batch(data.element_spec, "data")
    tail, y_tail = x_spec.shape[1:], y_spec.shape[1:]
    strings = x_spec.dtype == tf.string
    dtype = np.dtype("U") if strings else x_spec.dtype.as_numpy_dtype

    def check(y):
        replay.check(y)
        return y

    def only_check(x, y, *rest):
        checked = tf.numpy_function(check, [y], y.dtype)
        return x, tf.ensure_shape(checked, y_spec.shape)

    def draw(y):
        replay.check(y)
        return replay.draw(dtype, y)

    def join(x, y, *rest):
        old_x, old_y = tf.numpy_function(draw, [y], (x.dtype, y.dtype))
        old_x = tf.ensure_shape(old_x, [None, *tail])
        old_y = tf.ensure_shape(old_y, [None, *y_tail])
        return tf.concat([x, old_x], 0), tf.concat([y, old_y], 0)

    if not replay.is_empty:
        replay.check_layout(tail.as_list(), dtype, y_spec.shape.as_list())
    mapped = data.map(only_check if replay.is_empty else join)
    return mapped.prefetch(tf.data.AUTOTUNE)


_ROUTES = {
    "PyDataset": _mix_py_dataset,
    "DataLoader": _mix_loader,
    "tf.data": _mix_tf_data,
}
