import keras

from keras_incremental.data.batch_checks import check_rank
from keras_incremental.data.batch_checks import check_ranks
from keras_incremental.data.labels import is_one_hot
from keras_incremental.data.map_batches import map_batches
from keras_incremental.data.map_batches import refuse_processes
from keras_incremental.data.source import Source
from keras_incremental.data.source import checked_source
from keras_incremental.losses.joined_labels import refuse_joined
from keras_incremental.memory.replay import Replay
from keras_incremental.memory.replay import of_several_shapes
from keras_incremental.memory.replay import unlabeled
from keras_incremental.utils import records
from keras_incremental.utils.types import Data
from keras_incremental.utils.varying import is_varying


def mix(
    data: Data, source: Source, replay: Replay, batch_size: int, seed: int
) -> tuple[Data, Source]:
    """Returns what `fit` takes: new data with exemplars in every batch.

    Args:
        data: Whatever `fit` takes, without sample weights.
        source: `Source` of the data.
        replay: `Replay`.
        batch_size: Int, for arrays and iterators.
        seed: Int, of the order of arrays.

    Returns:
        The mixed data, and a `Source` from which the new data can be read
        again.
    """
    refuse_processes(data, "cannot share one memory")
    replay.check_one_shape()
    once = not source.reiterable or source.kind == "generator function"
    if source.whole is None and once:
        source = _held(source, batch_size)
    if source.has_labels is False:
        raise unlabeled(source.kind)
    if source.whole is not None:
        return _mix_arrays(source, replay, batch_size, seed), source

    def add(x, y, sample_weight):
        _check_form(y)
        is_structure = records.is_structure(x)
        check_rank([0] if is_structure else x, y, "`data`")
        return *replay((x, y, sample_weight)), None

    def spec(x, y, sample_weight):
        check_ranks(x, "data")
        if y.dtype == "string":
            raise TypeError(
                "Labels to mix must be numbers. Received: a `tf.data.Dataset` "
                "with labels of dtype string. Turn names into numbers with "
                "`data.to_indices`."
            )
        x = replay.part_of(x)
        parts = records.names_of(x) if records.is_structure(x) else ()
        replay.check_parts(parts)
        if parts:
            return keras.tree.map_structure(_longer, x), _longer(y), None
        dtype = "U" if x.dtype.name == "string" else x.dtype.as_numpy_dtype
        _check_layout(replay, x.shape[1:], dtype, y.shape)
        return _longer(x), _longer(y), None

    return map_batches(data, add, spec), source


def _mix_arrays(source, replay, batch_size, seed):
    x, y = source.whole
    if is_varying(x):
        raise of_several_shapes("`data`", x.shape)
    _check_form(y)
    replay.check(y)
    replay.check_parts(x.dtype.names or ())
    _check_layout(replay, x.shape[1:], source.dtype, y.shape)
    return replay.batches(x, y, source.dtype, batch_size, seed)


def _held(source, batch_size):
    x, y = source.collect()
    return checked_source(x, y, batch_size, source.dtype)


def _check_form(y):
    refuse_joined(y, "data")
    wide = y is not None and y.ndim == 2 and y.shape[1] > 1
    if wide and not is_one_hot(y):
        raise ValueError(
            "Labels to mix must be integers or one-hot. Received: y.shape="
            f"{y.shape}, not one-hot. Give the index of each class."
        )


def _check_layout(replay, shape, dtype, y_shape):
    if not replay.is_empty:
        replay.check_layout(shape, dtype, y_shape)


def _longer(spec):
    return type(spec)([None, *spec.shape[1:]], spec.dtype)
