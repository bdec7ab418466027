"""Checks of data against a classifier, before anything is changed."""

import dataclasses

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory
from keras_incremental.models.inputs.image_size import resized
from keras_incremental.models.inputs.image_size import size_to_resize
from keras_incremental.models.recipe import AUXILIARY


def phase_classes(samples, classifier):
    """A samples to learn, that fits a classifier and its memory."""
    check_memory(classifier)
    _check_room(classifier.memory, samples)
    return fitted(samples, classifier)


def fitted(samples, classifier):
    """A samples that fits the input and the classes of a classifier."""
    if samples is None:
        return None
    samples = _counted(samples, classifier.label_space)
    pictures, model = samples.pictures, classifier.features
    _check_dtype(pictures, model, samples.argument)
    size = size_to_resize(pictures, model)
    if size is not None:
        return dataclasses.replace(samples, pictures=resized(pictures, size))
    _check_shape(pictures.shape, model, samples.argument)
    return samples


def _counted(samples, label_space):
    """A samples whose labels are what classes are counted as now."""
    if samples.labels is None or not (
        label_space.merged or label_space.removed
    ):
        return samples
    labels, gone = samples.problem.codec.remap(
        samples.labels, label_space, len(samples.names)
    )
    if gone.size:
        names = sorted({samples.names[label] for label in gone.tolist()})
        raise ValueError(
            f"Classes {names} were removed. Received: `{samples.argument}` "
            "that shows them. Leave these pictures out, or teach them under "
            "another name."
        )
    return dataclasses.replace(samples, labels=labels)


def check_memory(classifier):
    """Exemplars must be pictures of the classes of this classifier."""
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
    shape = (len(memory), *memory.sample_shape)
    _check_shape(shape, classifier.features, "memory")


def _check_room(memory, samples):
    """A memory that is too small for the classes is said before training."""
    if not isinstance(memory, ExemplarMemory) or memory.per_class:
        return
    stored = set(memory.classes) | set(samples.phase_classes.tolist())
    if memory.budget < len(stored):
        raise ValueError(
            f"A memory of budget={memory.budget} cannot keep one picture of "
            f"each of {len(stored)} classes. Use "
            f"ExemplarMemory({20 * len(stored)}) or more."
        )


def check_gate(gate, samples, validation):
    """A limit on the drop needs something to measure it on."""
    if gate.is_open:
        return
    known = len(samples.names) - len(samples.new_classes)
    seen = (
        set() if validation is None else set(validation.phase_classes.tolist())
    )
    unseen = [
        name for i, name in enumerate(samples.names[:known]) if i not in seen
    ]
    if len(unseen) == known or (unseen and gate.max_class_drop is not None):
        raise ValueError(
            "`max_drop` and `max_class_drop` compare the accuracy of the old "
            "classes before and after. Received: no validation pictures of "
            f"{unseen}. Pass them in `validation_data`."
        )


def check_auxiliary(recipe, auxiliary):
    """A recipe that learns from unlabeled pictures needs them."""
    if recipe.trains_on == AUXILIARY and auxiliary is None:
        raise ValueError(
            f"The recipe '{recipe.name}' learns from pictures without labels. "
            "Received: auxiliary=None. Pass pictures that look like those "
            "of old and new classes in `auxiliary`."
        )


def checked_data(classifier, x, y, arguments=("x", "y")):
    """Data of `fit` whose labels are inside the head, names made indices."""
    pictures, labels = arguments
    codec, classes = classifier.problem.codec, classifier.classes
    loss = getattr(classifier, "loss", None)
    if y is not None:
        return x, codec.check_fit(y, classes, loss, labels)
    if x is None or isinstance(x, (tuple, list)):
        raise ValueError(
            f"`{pictures}` has no labels. Received: {pictures} of type "
            f"{type(x).__name__}. Pass pictures and labels, or a data set of "
            "`(pictures, labels)`."
        )
    return codec.check_dataset(x, classes, loss), None


def checked_validation(classifier, kwargs):
    """Arguments of `fit`, `validation_data` checked as the data is."""
    data = kwargs.get("validation_data")
    if data is None:
        return kwargs
    x, y, *weights = data if _is_pair(data) else (data, None)
    x, y = checked_data(classifier, x, y, ("validation_data",) * 2)
    data = x if y is None else (x, y, *weights)
    return {**kwargs, "validation_data": data}


def _is_pair(data):
    return isinstance(data, (tuple, list)) and len(data) in (2, 3)


def _check_dtype(pictures, model, argument):
    if pictures.dtype.kind in "biuf" or model.inputs[0].dtype == "string":
        return
    raise TypeError(
        f"`{argument}` must hold numbers. Received: {argument}.dtype="
        f"{pictures.dtype}. Convert it, for example with "
        '`.astype("float32")`, and read files first.'
    )


def _check_shape(given, model, argument):
    wanted = model.input_shape
    fits = len(given) == len(wanted) and all(
        w in (None, g) for g, w in zip(given[1:], wanted[1:], strict=True)
    )
    if not fits:
        raise ValueError(
            f"The classifier reads pictures of shape {wanted[1:]}. Received: "
            f"`{argument}` with pictures of shape {given[1:]}. Bring them to "
            "the same rank and number of channels; height and width of new "
            "pictures are resized for you."
        )
