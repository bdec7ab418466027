"""Data made to fit a classifier, or refused before anything is changed."""

import dataclasses
import functools

import numpy as np
from keras import ops

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory
from keras_incremental.data.arrays import LISTED
from keras_incremental.data.arrays import check_known
from keras_incremental.data.by_name import by_name
from keras_incremental.data.by_name import table_by_name
from keras_incremental.data.map_batches import unpack
from keras_incremental.losses.function_loss import compiled_loss
from keras_incremental.models.inputs.parts import as_read
from keras_incremental.models.inputs.parts import check_dtype
from keras_incremental.models.inputs.pipelines import arrays_to_read
from keras_incremental.models.inputs.pipelines import as_loss_reads
from keras_incremental.models.inputs.pipelines import batches_to_read
from keras_incremental.models.inputs.pipelines import check_steps
from keras_incremental.models.inputs.pipelines import is_arrays
from keras_incremental.models.inputs.pipelines import with_chosen_labels
from keras_incremental.models.inputs.texts import with_tokens
from keras_incremental.utils import large_arrays
from keras_incremental.utils import records
from keras_incremental.utils import state
from keras_incremental.utils.varying import VaryingSamples
from keras_incremental.utils.varying import by_shape
from keras_incremental.utils.varying import common_shape

RESIZED_AT_ONCE = 64


def learnable(samples, classifier):
    """Returns samples that fit a classifier and its memory."""
    check_memory(classifier)
    _check_room(classifier.memory, samples)
    return compatible(samples, classifier)


def compatible(samples, classifier):
    """Returns samples that fit the input and the classes of a classifier.

    Labels of merged classes are remapped, images are resized.
    """
    if samples is None:
        return None
    samples = _remapped(samples, classifier.label_space)
    model = classifier.features
    x = as_read(samples.x, model, samples.argument)
    samples = dataclasses.replace(samples, x=x)
    if records.is_records(x):
        return samples
    check_dtype(x, state.inputs_of(model), samples.argument)
    size = size_to_resize(x, model)
    if size is not None:
        return dataclasses.replace(samples, x=resized(x, size))
    _check_shape(x.shape, model, samples.argument)
    return samples


def _remapped(samples, label_space):
    """Returns samples with the labels that merged classes have now."""
    if samples.labels is None:
        return samples
    if not (label_space.merged or label_space.removed):
        return samples
    labels, gone = samples.codec.remap(
        samples.labels, label_space, len(samples.classes)
    )
    if gone.size:
        names = sorted({samples.classes[label] for label in gone.tolist()})
        raise ValueError(
            f"Classes {names} were removed. Received: `{samples.argument}` "
            "that shows them. Leave these samples out, or teach them under "
            "another name."
        )
    samples = dataclasses.replace(samples, labels=labels)
    if samples.read_labels is None:
        return samples
    everything, _ = samples.codec.remap(
        samples.read_labels, label_space, len(samples.classes)
    )
    return dataclasses.replace(samples, read_labels=everything)


def check_memory(classifier):
    """Raises if exemplars are not samples of the classes of a classifier."""
    memory, classes = classifier.memory, classifier.classes
    if memory is None or not len(memory):
        return
    outside = [label for label in memory.classes if label >= len(classes)]
    if outside:
        raise ValueError(
            f"The memory belongs to another classifier. Received: exemplars "
            f"of classes {outside}; there are {len(classes)} classes: "
            f"{list(classes)}. Load the file that was saved with this "
            "classifier, or start with a new `ExemplarMemory`."
        )
    held = memory.arrays(np.arange(1))[0]
    if records.is_records(as_read(held, classifier.features, "memory")):
        return
    _check_shape(held.shape, classifier.features, "memory")


def _check_room(memory, samples):
    """Raises before training if a memory is too small for the classes."""
    if not isinstance(memory, ExemplarMemory) or memory.per_class:
        return
    stored = set(memory.classes) | set(samples.shown.tolist())
    if memory.budget < len(stored):
        raise ValueError(
            f"A memory of budget={memory.budget} cannot keep one sample of "
            f"each of {len(stored)} classes. Use "
            f"ExemplarMemory({20 * len(stored)}) or more."
        )


def check_gate(gate, samples, validation):
    """Raises if a gate has no validation samples to measure on."""
    if gate.is_open:
        return
    known = len(samples.classes) - len(samples.new_classes)
    seen = set() if validation is None else set(validation.shown.tolist())
    unseen = [
        name for i, name in enumerate(samples.classes[:known]) if i not in seen
    ]
    if len(unseen) == known or (unseen and gate.max_class_drop is not None):
        raise ValueError(
            "`max_drop` and `max_class_drop` compare the accuracy of the old "
            "classes before and after. Received: no validation samples of "
            f"{unseen}. Pass them in `validation_data`."
        )


def checked_data(classifier, x, y, arguments=("x", "y")):
    """Returns data of `fit` with labels checked, and names made indices.

    Labels of a data set with folder names are matched by these names.
    """
    inputs, labels = arguments
    codec, classes = classifier.problem.codec, classifier.classes
    loss, model = compiled_loss(classifier), classifier.features
    x, y = with_chosen_labels(classifier, x, y)
    if isinstance(x, dict) and y is None:
        x, y, _ = unpack(x)
    if y is not None:
        if not classifier.classifies_positions:
            y = table_by_name(y, classes, codec.encode, labels)
        y = codec.check_fit(y, classes, loss, labels)
        x = with_tokens(classifier, x, inputs)
        return as_loss_reads(classifier, arrays_to_read(x, model, inputs), y)
    if x is None or is_arrays(x):
        check_known(x, inputs)
        raise ValueError(
            f"`{inputs}` has no labels. Received: {inputs} of type "
            f"{type(x).__name__}. Pass samples and labels, or a data set of "
            f"`(samples, labels)`.{LISTED if isinstance(x, list) else ''}"
        )
    x = batches_to_read(with_tokens(classifier, x, inputs), model, inputs)
    x = by_name(x, classes, codec.encode, inputs)
    x = codec.check_dataset(x, classes, loss)
    return as_loss_reads(classifier, x, None)


def checked_validation(classifier, given):
    """Returns arguments of `fit`, with `validation_data` checked."""
    data, argument = given.get("validation_data"), "validation_data"
    if data is None:
        return given
    steps = given.get("validation_steps")
    check_steps(data, steps, "validation_steps", argument)
    x, y, *weights = data if _is_pair(data) else (data, None)
    x, y = checked_data(classifier, x, y, (argument, argument))
    data = x if y is None else (x, y, *weights)
    return {**given, argument: data}


def _is_pair(data):
    is_pair = isinstance(data, (tuple, list)) and len(data) in (2, 3)
    return is_pair and is_arrays(data)


def _check_shape(given, model, argument):
    wanted = model.input_shape
    fits = len(given) == len(wanted) and all(
        w in (None, g) for g, w in zip(given[1:], wanted[1:], strict=True)
    )
    if fits:
        return
    is_image = len(wanted) == 4
    fix = "the same rank and number of channels" if is_image else "that shape"
    more = "; images of another size are resized" if is_image else ""
    raise ValueError(
        f"The classifier reads samples of shape {wanted[1:]}. Received: "
        f"`{argument}` with samples of shape {given[1:]}. Bring them to "
        f"{fix}{more}."
    )


def to_input_size(inputs, model):
    """Pictures at the height and width that a model was made for.

    Args:
        inputs: Tensor of shape `(batch_size, height, width, channels)`;
            anything else is returned as it is.
        model: Model whose `input_shape` may leave height and width open.

    Returns:
        Tensor of shape `(batch_size, model_height, model_width, channels)`.
    """
    size = size_to_resize(inputs, model)
    if size is None:
        return inputs
    pictures = ops.cast(inputs, "float32")
    return ops.image.resize(pictures, size, data_format="channels_last")


def size_to_resize(inputs, model):
    """The size that pictures must get, or `None` if they fit."""
    wanted = model.input_shape
    if not isinstance(wanted, tuple) or len(wanted) != 4:
        return None
    given = getattr(inputs, "shape", ())
    if len(given) != 4 or given[-1] != wanted[-1]:
        return None
    size = tuple(wanted[1:3])
    return None if None in size or tuple(given[1:3]) == size else size


def resized(pictures, size):
    """Array of pictures at another size, in the same dtype.

    Args:
        pictures: Array of shape `(num_samples, height, width, channels)`, or
            `VaryingSamples`.
        size: `(height, width)`.
    """
    count, _, _, channels = pictures.shape
    result = large_arrays.empty((count, *size, channels), pictures.dtype)
    for start in range(0, count, RESIZED_AT_ONCE):
        rows = slice(start, start + RESIZED_AT_ONCE)
        result[rows] = by_shape(
            functools.partial(_resized, size=size), pictures[rows]
        )
        large_arrays.release(pictures)
        large_arrays.release(result)
    return result


def _resized(pictures, size):
    floats = pictures.astype("float32")
    result = ops.convert_to_numpy(
        ops.image.resize(floats, size, data_format="channels_last")
    )
    if not np.issubdtype(pictures.dtype, np.integer):
        return result
    limits = np.iinfo(pictures.dtype)
    return np.clip(np.rint(result), limits.min, limits.max)


def in_one_shape(backbone, *parts, augmentation=None):
    """Returns what a student reads, padded where it differs in shape.

    It is padded by the number that the network leaves out, so that nothing
    but the shape changes.

    Args:
        backbone: `Backbone`.
        *parts: Arrays or `VaryingSamples`, to be joined.
        augmentation: Function on batches of them, or `None`.

    Returns:
        Tuple of arrays of samples of one shape.

    Raises:
        ValueError: if they differ, and the network leaves out no number, or
            an augmentation might change it.
    """
    shape = common_shape([part.shape[1:] for part in parts])
    if None not in shape:
        return parts
    varying = [VaryingSamples.of(x, x.shape[1:], x.dtype) for x in parts]
    sizes = np.concatenate([part.shapes for part in varying])
    longest = tuple(sizes.max(0).tolist())
    if np.all(sizes == longest):
        return tuple(part.padded(None) for part in varying)
    check_one_shape(backbone, shape, augmentation=augmentation)
    value = backbone.masked_value
    return tuple(part.padded(value, longest) for part in varying)


def check_one_shape(backbone, *shapes, augmentation=None):
    """Raises if samples of some shapes cannot lie in one batch.

    Args:
        backbone: `Backbone`.
        *shapes: Shapes of samples, `None` where they differ.
        augmentation: Function on batches of them, or `None`.
    """
    shape = common_shape(shapes)
    if None not in shape:
        return
    if augmentation is not None:
        raise ValueError(
            "An augmentation would change what shorter samples are padded by. "
            f"Received: samples of shape {shape}, and a memory with "
            f"augmentation={augmentation!r}. Use a memory without it, or pad "
            "or resize all samples to one shape."
        )
    if backbone.masked_value is not None:
        return
    fix = (
        "Freeze all layers below the head"
        if backbone.is_trainable
        else "Let `learn` solve the head, without a recipe that trains it, "
        "`epochs` and `optimizer`"
    )
    raise ValueError(
        "Training reads batches of one shape. Received: samples of shape "
        f"{shape}, and layers that would see what shorter ones are padded by. "
        f"{fix}: features are then computed of each sample in its own shape. "
        "Or pad or resize all samples to one shape, those of the memory too. "
        "Or let the network begin with `Masking` or "
        "`Embedding(mask_zero=True)`, and only have layers that use the mask."
    )
