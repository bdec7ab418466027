"""Texts, as the tokens that the preprocessor of a classifier makes of them."""

import functools

import keras
import numpy as np
from keras import ops

from keras_incremental.data.adapters import adapter_of
from keras_incremental.data.arrays import as_array
from keras_incremental.data.arrays import to_numpy
from keras_incremental.data.batch_checks import split_batch
from keras_incremental.data.map_batches import map_batches
from keras_incremental.data.map_batches import refuse_processes
from keras_incremental.data.map_batches import unpack
from keras_incremental.models.inputs.pipelines import is_arrays
from keras_incremental.utils import records
from keras_incremental.utils import state

AT_ONCE = 256


def with_tokens(classifier, x, argument="x"):
    """Returns data whose samples are tokens, which the network reads.

    Tokens are returned as they are.

    Args:
        classifier: `IncrementalClassifier`, with a preprocessor or without.
        x: Samples, or a data set.
        argument: What errors call the data by. Defaults to `"x"`.
    """
    if classifier.preprocessor is None or x is None:
        return x
    inputs = state.inputs_of(classifier.features)
    tokens = functools.partial(
        _tokens, classifier.preprocessor, inputs, argument=argument
    )
    if is_arrays(x):
        return tokens(x)
    spec = adapter_of(x).element_spec
    if spec is not None and _are_tokens(unpack(spec)[0], inputs):
        return x
    refuse_processes(x, "cannot run a preprocessor")
    if adapter_of(x).kind == "generator function":
        return lambda: _mapped(x(), tokens)
    return _mapped(x, tokens)


def read_with_tokens(classifier, x, y, argument="x"):
    """Returns samples and labels, or a data set, as `with_tokens`.

    Args:
        classifier: `IncrementalClassifier` with a preprocessor.
        x: Samples, a tuple of samples and labels, or a data set.
        y: Labels of samples, or `None`.
        argument: What errors call the data by. Defaults to `"x"`.
    """
    if y is None and isinstance(x, (tuple, dict)):
        x, y = split_batch(x, f"`{argument}`")
    return with_tokens(classifier, x, argument), y


def _mapped(data, tokens):
    def read(x, y, sample_weight):
        return tokens(x), y, sample_weight

    def read_spec(x, y, sample_weight):
        first, segments = keras.tree.flatten(x)[0], len(_segments(x))
        made = {
            name: type(first)((first.shape[0], *array.shape[1:]), array.dtype)
            for name, array in tokens((["a"],) * segments).items()
        }
        return made, y, sample_weight

    return map_batches(data, read, read_spec)


def _tokens(preprocessor, inputs, x, argument):
    """Returns a dict of arrays, as many texts at a time as fit."""
    if _are_tokens(x, inputs):
        return x
    segments = [_column(part, argument) for part in _segments(x)]
    lengths = [len(part) for part in segments]
    if len(set(lengths)) != 1 or not lengths[0]:
        raise ValueError(
            f"`{argument}` must have one text or more, and as many second "
            f"texts where there are such. Received: {lengths} texts. Pass a "
            "list of texts, or a tuple of such lists."
        )
    chunks = []
    for start in range(0, lengths[0], AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        texts = [_texts(part[rows], argument) for part in segments]
        given = texts[0] if len(texts) == 1 else tuple(texts)
        made = preprocessor(given, y=None, sample_weight=None)
        chunks.append([ops.convert_to_numpy(made[name]) for name in inputs])
    arrays = map(np.concatenate, zip(*chunks, strict=True))
    return dict(zip(inputs, arrays, strict=True))


def _are_tokens(x, inputs):
    if records.is_records(x):
        return set(inputs) <= set(x.dtype.names)
    return isinstance(x, dict) and set(inputs) <= set(x)


def _segments(x):
    """Returns the texts that make up a sample, in a tuple."""
    if isinstance(x, dict) and len(x) == 1:
        x = next(iter(x.values()))
    return x if isinstance(x, tuple) else (x,)


def _column(part, argument):
    """Returns texts that can be counted and sliced."""
    part = as_array(part)
    if hasattr(part, "__len__") and not isinstance(part, (str, bytes, dict)):
        return part
    raise TypeError(
        f"`{argument}` must be a list of texts, or what `preprocessor` of the "
        f"classifier makes of them. Received: {part!r:.80}. Pass `[text]`."
    )


def _texts(part, argument):
    """Returns strings in a list; a column of them is one."""
    array = to_numpy(part, argument)
    if array.dtype.kind == "U" and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind == "U" and array.ndim == 1:
        return array.tolist()
    raise TypeError(
        f"`{argument}` must hold texts, one for each sample, or what "
        "`preprocessor` of the classifier makes of them. Received: "
        f"{argument} of shape {array.shape} and dtype {array.dtype}. Pass a "
        "list of strings, or a data set of batches of them."
    )
