"""Samples of several parts, in the form that a model reads."""

import keras
import numpy as np

from keras_incremental.data.arrays import samples_to_numpy
from keras_incremental.utils import records
from keras_incremental.utils import state
from keras_incremental.utils.varying import items_of

# The name of the only part of a list.
FIRST = "[0]"


def reads_lists(model):
    """Returns whether a model reads samples of several parts."""
    return not _is_one(state.inputs_of(model))


def _is_one(inputs):
    return isinstance(inputs, keras.KerasTensor)


def may_vary(model):
    """Returns whether samples of a model may differ in shape.

    They may along the open axes of its input, and pictures are resized. There
    must be one row of features for each sample, and one part in it.

    Args:
        model: Model, of the features of a classifier or a whole one.
    """
    if not state.has_graph(model) or len(model.output_shape) != 2:
        return False
    tensor = state.inputs_of(model)
    if not _is_one(tensor):
        return False
    is_open = None in tensor.shape[1:] or len(tensor.shape) == 4
    return is_open and tensor.dtype != "string"


def as_read(x, model, argument):
    """Returns samples with the parts that a model reads, in its order.

    Parts are found by the structure of the inputs, by the names of the input
    layers, or by their places. Others are left out.

    Args:
        x: Array, of records where samples have several parts.
        model: Model with a graph.
        argument: Name of the argument, for errors.

    Raises:
        ValueError: if a part is missing, or has another shape.
        TypeError: if a part holds strings where numbers are read.
    """
    inputs = state.inputs_of(model)
    if _is_one(inputs):
        return _one_part(x, inputs, argument)
    tensors = dict(
        zip(records.names_of(inputs), keras.tree.flatten(inputs), strict=True)
    )
    given = records.fields_of(x) if records.is_records(x) else {}
    found = _found(given, tensors)
    if found is None:
        raise ValueError(
            f"The classifier reads samples of the parts {_told(tensors)}. "
            f"Received: `{argument}` with {records.describe(x)}. Pass a dict "
            "or a list of arrays, as `model.fit` takes them."
        )
    parts = [
        _fitted(part, tensor, f"{argument}[{name!r}]")
        for (name, tensor), part in zip(tensors.items(), found, strict=True)
    ]
    return records.of_fields(tensors, parts)


def check_dtype(x, tensor, argument):
    """Raises a `TypeError` for text where numbers are read, or the reverse.

    Args:
        x: Array.
        tensor: Input of a model.
        argument: Name of the argument, for errors.
    """
    reads_text = tensor.dtype == "string"
    if x.dtype.kind in ("U" if reads_text else "biuf"):
        return
    fix = (
        "Give the text as it is."
        if reads_text
        else 'Convert it, for example with `.astype("float32")`, and read '
        "files first."
    )
    raise TypeError(
        f"`{argument}` must hold {'strings' if reads_text else 'numbers'}. "
        f"Received: {argument}.dtype={x.dtype}. {fix}"
    )


def _one_part(x, tensor, argument):
    if not records.is_records(x):
        return texts_in_rank(x, tensor)
    fields = records.fields_of(x)
    name = _name_of_part(fields, tensor)
    if name is not None:
        return texts_in_rank(fields[name], tensor)
    raise ValueError(
        f"The classifier reads one array of samples of shape "
        f"{tensor.shape[1:]}. Received: `{argument}` with the parts "
        f"{records.describe(x)}. Pass the array alone, or name it "
        f"'{tensor.name}', as the input layer."
    )


def _name_of_part(parts, tensor):
    """Returns the name of the part that one input reads, or `None`.

    Args:
        parts: Dict of names, and arrays or their specs.
        tensor: Input of a model.
    """
    if tensor.name in parts:
        return tensor.name
    if list(parts) == [FIRST]:
        return FIRST
    fitting = [name for name, part in parts.items() if _may_be(part, tensor)]
    return fitting[0] if len(fitting) == 1 else None


def _may_be(part, tensor):
    """Returns whether a part has the axes and channels of an input."""
    is_text = getattr(part.dtype, "kind", part.dtype) in ("U", "O", "string")
    if is_text != (tensor.dtype == "string"):
        return False
    given, wanted = part.shape[1:], tensor.shape[1:]
    if len(given) != len(wanted):
        return False
    # Pictures of another size are resized.
    ends = slice(-1, None) if len(wanted) == 3 else slice(None)
    pairs = zip(given[ends], wanted[ends], strict=True)
    return all(w in (None, g) for g, w in pairs)


def listed(x, model, argument="x"):
    """Returns samples that came in a list as one array, if a model reads one.

    Keras takes a list for one array for each input. A list of one array with
    the axes of a batch is that; any other has one sample in each item, and
    these may differ in shape.

    Args:
        x: Samples of any form.
        model: Model with a graph.
        argument: What errors call the samples by. Defaults to `"x"`.
    """
    is_list = isinstance(x, list) or items_of(x) is not None
    if not is_list or reads_lists(model):
        return x
    axes = len(state.inputs_of(model).shape)
    if len(x) == 1 and len(getattr(x[0], "shape", ())) == axes:
        return x[0]
    return samples_to_numpy(x, argument, varies=may_vary(model))


def one_part(x, model):
    """Returns the part of a batch that a model of one input reads.

    Args:
        x: Batch of samples, or specs of one.
        model: Model with a graph.
    """
    if not isinstance(x, dict) or reads_lists(model):
        return x
    parts = {name: part for name, part in x.items() if hasattr(part, "dtype")}
    name = _name_of_part(parts, state.inputs_of(model))
    return x if name is None else x[name]


def parts_read(x, model):
    """Returns a batch without the parts of a dict that a model does not read.

    Data sets give names of files, ids and boxes too.

    Args:
        x: Batch of samples, or specs of one.
        model: Model with a graph.
    """
    if not isinstance(x, dict):
        return x
    inputs = state.inputs_of(model)
    if _is_one(inputs):
        return one_part(x, model)
    names = [tensor.name for tensor in keras.tree.flatten(inputs)]
    for keys in (inputs if isinstance(inputs, dict) else (), names):
        if keys and set(keys) <= set(x):
            return {key: x[key] for key in keys}
    return x


def _found(given, tensors):
    """Returns the arrays for tensors, or `None` if one is missing."""
    names = [tensor.name for tensor in tensors.values()]
    for keys in (tensors, names):
        if set(keys) <= set(given):
            return [given[key] for key in keys]
    in_places = [f"[{place}]" for place in range(len(tensors))]
    return list(given.values()) if list(given) == in_places else None


def texts_in_rank(x, tensor):
    """Returns texts, or a column of them, in the form that a model reads.

    Args:
        x: Array. Numbers are returned as they are.
        tensor: Input of a model.
    """
    return _in_rank(x, tensor) if x.dtype.kind == "U" else x


def _in_rank(part, tensor):
    """Returns an array with or without a last axis of 1, as Keras reads it."""
    wanted = tensor.shape[1:]
    if part.ndim == len(wanted) and wanted[-1:] == (1,):
        return part[..., None]
    if part.ndim == len(wanted) + 2 and part.shape[-1] == 1:
        return part[..., 0]
    return part


def _fitted(part, tensor, argument):
    part = _in_rank(part, tensor)
    wanted, given = tensor.shape[1:], part.shape[1:]
    fits = len(given) == len(wanted) and all(
        w in (None, g) for g, w in zip(given, wanted, strict=True)
    )
    if not fits:
        raise ValueError(
            f"The classifier reads parts of shape {wanted}. Received: "
            f"`{argument}` with samples of shape {given}. Bring them to that "
            "shape."
        )
    if (tensor.dtype == "string") != (part.dtype.kind == "U"):
        raise TypeError(
            f"The classifier reads a part of dtype {tensor.dtype}. Received: "
            f"{argument}.dtype={part.dtype}. Convert it first."
        )
    return np.ascontiguousarray(part)


def _told(tensors):
    return {name: tensor.shape[1:] for name, tensor in tensors.items()}
