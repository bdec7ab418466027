"""Data of `fit`, `evaluate` and `predict`, as a graph and its loss read it."""

import inspect

import keras
import numpy as np

from keras_incremental.data.adapters import ArraysAdapter
from keras_incremental.data.adapters import adapter_of
from keras_incremental.data.arrays import as_keras_reads
from keras_incremental.data.arrays import check_known
from keras_incremental.data.arrays import refuse_ragged
from keras_incremental.data.arrays import to_numpy
from keras_incremental.data.batch_checks import check_batched
from keras_incremental.data.batch_checks import check_length
from keras_incremental.data.batch_checks import check_rank
from keras_incremental.data.batch_checks import check_ranks
from keras_incremental.data.endless import WatchedEnd
from keras_incremental.data.map_batches import map_batches
from keras_incremental.data.map_batches import unpack
from keras_incremental.losses.function_loss import as_loss
from keras_incremental.losses.function_loss import compiled_loss
from keras_incremental.losses.function_loss import reads_one_hot
from keras_incremental.models.inputs.parts import check_dtype
from keras_incremental.models.inputs.parts import listed
from keras_incremental.models.inputs.parts import one_part
from keras_incremental.models.inputs.parts import reads_lists
from keras_incremental.models.inputs.parts import texts_in_rank
from keras_incremental.utils import records
from keras_incremental.utils import state
from keras_incremental.utils.varying import VaryingSamples
from keras_incremental.utils.varying import items_of


def is_arrays(x):
    """Returns whether data is arrays, and no data set."""
    return isinstance(adapter_of(x), ArraysAdapter)


def named_arguments(method, args, kwargs):
    """Returns the arguments of `fit` or `evaluate` by their names.

    Args:
        method: Bound method of `keras.Model`.
        args: Tuple of arguments.
        kwargs: Dict of arguments.
    """
    given = dict(inspect.signature(method).bind(*args, **kwargs).arguments)
    # What a method takes by `**kwargs` is one argument of that name.
    return {**given.pop("kwargs", {}), **given}


def check_steps(data, steps, name, argument):
    """Raises a `ValueError` where a data set has no end, nor a number of steps.

    Args:
        data: Data of any kind.
        steps: Int, or `None`.
        name: What errors call `steps` by.
        argument: What errors call the data by.
    """
    if not is_arrays(data):
        check_length(adapter_of(data), steps, argument, name)


def arrays_to_read(x, model, argument="x", varies=False):
    """Returns samples that are no data set, as the graph of a model reads.

    Args:
        x: Samples of any form.
        model: Model with a graph.
        argument: What errors call the samples by. Defaults to `"x"`.
        varies: Bool. Whether those that differ in shape are returned as they
            are, and not refused. Defaults to `False`.
    """
    if isinstance(x, dict):
        x, _, _ = unpack(x)
    check_known(x, argument)
    if not isinstance(x, list):
        refuse_ragged(x, argument)
    x = one_part(listed(x, model, argument), model)
    _refuse_varying_parts(x, argument)
    x = keras.tree.map_structure(lambda part: as_keras_reads(part, argument), x)
    is_varying = isinstance(x, VaryingSamples)
    if (isinstance(x, np.ndarray) or is_varying) and not reads_lists(model):
        tensor = state.inputs_of(model)
        check_dtype(x, tensor, argument)
        x = texts_in_rank(x, tensor)
    return x if is_varying and varies else records.readable(x)


def batches_to_read(data, model, argument="x", labeled=True):
    """Returns a data set whose batches have what a model reads.

    Labels in a dict, and the one part of it that a model reads, are found by
    their names.

    Args:
        data: Data set.
        model: Model with a graph.
        argument: What errors call the data by. Defaults to `"x"`.
        labeled: Bool. `False` leaves out labels where that costs nothing:
            Keras has no dtype for names in NumPy. Defaults to `True`.
    """
    spec = adapter_of(data).element_spec
    _check_spec(spec, argument)
    if spec is not None and not _in_dict(spec, model):
        return data

    def read(x, y, sample_weight):
        x, y = _as_arrays(x, y, model, argument)
        if spec is not None:
            # Those of TensorFlow become tensors anyway.
            return x, y, sample_weight
        kept = (y, sample_weight) if labeled else (None, None)
        return records.readable(x), *kept

    def read_spec(x, y, sample_weight):
        return one_part(x, model), y, sample_weight

    return map_batches(data, read, read_spec)


def _check_spec(spec, argument):
    """Raises if a data set does not have dense batches of one rank."""
    refuse_ragged(spec, argument)
    if spec is None:
        return
    x, y, _ = unpack(spec)
    check_ranks(x, argument)
    check_batched(x, y, argument)


def _as_arrays(x, y, model, argument):
    """Returns samples that a model reads, and labels, of one batch."""
    x = listed(one_part(x, model), model, argument)
    y = to_numpy(y, "y") if isinstance(y, list) else y
    if not keras.tree.is_nested(x):
        check_rank(x, y if hasattr(y, "ndim") else None, f"`{argument}`")
        _check_axes(x, state.inputs_of(model), argument)
    return x, y


def _check_axes(x, tensor, argument):
    """Raises if a batch has the axes of one sample.

    Keras adds a last axis of 1 where that is missing.
    """
    axes = getattr(tensor, "shape", ())
    lacks_batch = np.ndim(x) == len(axes) - 1 and axes[-1] != 1
    if lacks_batch and tensor.dtype != "string":
        check_rank(0, None, f"`{argument}`")


def batches_to_predict(data, model, steps):
    """Returns a data set that `predict` of Keras takes.

    Args:
        data: Data set.
        model: Model with a graph.
        steps: Int, batches to read, or `None`.
    """
    adapter = adapter_of(data)
    check_length(adapter, steps, "x")
    if adapter.kind in ("generator", "generator function"):
        return _tuples(adapter.batches(), model)
    y = (
        None
        if adapter.element_spec is None
        else unpack(adapter.element_spec)[1]
    )
    _check_spec(adapter.element_spec, "x")
    if getattr(y, "dtype", None) == "string":
        # Only TensorFlow has a dtype for names.
        data = data.map(lambda *batch: (_samples_in(batch),))
    return batches_to_read(data, model, labeled=False)


def watched(data, steps, callbacks):
    """Returns callbacks of `predict`, with one that looks for the end of data.

    Args:
        data: Data set.
        steps: Int, batches to read, or `None`.
        callbacks: One or several callbacks, or `None`.
    """
    if steps is not None or adapter_of(data).num_batches is not None:
        return callbacks
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return callbacks
    return [*keras.tree.flatten(callbacks or []), WatchedEnd("x")]


def _refuse_varying_parts(x, argument):
    """Raises if a part is a list of arrays that differ in shape.

    Keras would take each for an input.
    """
    parts = x.values() if isinstance(x, dict) else x
    for part in parts if isinstance(x, (dict, list, tuple)) else ():
        if items_of(part) is not None:
            to_numpy(part, argument)


def _samples_in(batch):
    return unpack(batch[0] if len(batch) == 1 else batch)[0]


def _in_dict(spec, model):
    """Returns whether labels, or the only input, are inside of a dict."""
    x, _, _ = unpack(spec)
    labeled = isinstance(spec, dict) and x is not spec
    return labeled or (isinstance(x, dict) and not reads_lists(model))


def _tuples(batches, model):
    """Yields batches of samples alone; Keras takes no others of a generator."""
    for batch in batches:
        x, _, _ = unpack(batch)
        x, _ = _as_arrays(x, None, model, "x")
        yield (records.readable(x),)


def with_chosen_labels(classifier, x, y):
    """Returns data whose labels are those of the chosen output.

    Labels of several outputs come in a dict of their names, weights too.

    Args:
        classifier: `IncrementalClassifier`.
        x: Samples, or a data set.
        y: Labels of samples, or `None`.
    """
    if classifier.others is None:
        return x, y
    chosen = classifier.others.layout.chosen
    if y is not None or is_arrays(x):
        return x, _part(y, chosen)
    spec = adapter_of(x).element_spec
    if spec is not None and not isinstance(unpack(spec)[1], dict):
        return x, y

    def choose(x, y, sample_weight):
        return x, _part(y, chosen), _part(sample_weight, chosen)

    return map_batches(x, choose, choose), y


def chosen_of(classifier, value):
    """Returns the chosen part of a dict of outputs; else what was given."""
    if classifier.others is None:
        return value
    return _part(value, classifier.others.layout.chosen)


def _part(value, chosen):
    return (
        value[chosen] if isinstance(value, dict) and chosen in value else value
    )


def as_loss_reads(classifier, x, y):
    """Returns data of `fit`, with one-hot labels where the loss reads them.

    Labels that are one-hot already stay as they are.

    Args:
        classifier: `IncrementalClassifier`.
        x: Samples, or a data set.
        y: Labels of samples, or `None`.
    """
    if not _reads_one_hot(classifier):
        return x, y
    size = len(classifier.classes)
    if y is not None:
        return x, _one_hot(np.asarray(y), size)

    def widen(x, y, sample_weight):
        return x, _one_hot(y, size), sample_weight

    def spec(x, y, sample_weight):
        if _is_sparse(y):
            y = type(y)((*y.shape[:1], size), "float32")
        return x, y, sample_weight

    return map_batches(x, widen, spec), None


def _reads_one_hot(classifier):
    loss = compiled_loss(classifier)
    if loss is None:
        return False
    exclusive = classifier.problem.codec.exclusive
    single = exclusive and not classifier.classifies_positions
    return single and reads_one_hot(as_loss(loss))


def _one_hot(labels, size):
    if not _is_sparse(labels):
        return labels
    return np.eye(size, dtype="float32")[labels.reshape(-1).astype(int)]


def _is_sparse(labels):
    """Whether labels have one value for each sample, or have a spec of it."""
    return len(labels.shape) == 1 or tuple(labels.shape[1:]) == (1,)
