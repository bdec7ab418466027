"""A classifier as a plain Keras model, without anything of this package."""

import json
import os
import tempfile
import zipfile

import keras
import numpy as np

from keras_incremental.models.exporting.served import SCORES
from keras_incremental.models.exporting.served import ServedModel
from keras_incremental.models.loading import KEY
from keras_incremental.models.loading import METADATA
from keras_incremental.problems.decoders import HIDDEN
from keras_incremental.utils import files
from keras_incremental.utils import probes
from keras_incremental.utils import state
from keras_incremental.utils.copies import copy_model


def plain_model(
    classifier: keras.Model, num_classes: int | None = None
) -> keras.Model:
    """A Functional model that ends in a `Dense` layer, weights copied.

    Args:
        classifier: `IncrementalClassifier`.
        num_classes: Int. How many classes it has outputs for, the first
            ones. Defaults to `None`, all.

    Raises:
        ValueError: if it computes something else on random samples.
    """
    count = len(classifier.classes) if num_classes is None else num_classes
    _check_cut(classifier, count)
    others, joined = classifier.others, classifier.features
    if others is not None:
        joined = others.joined_with(joined)
    joined = copy_model(joined)
    head = classifier.readout or classifier.head
    outputs = head.plain(joined.outputs[0])
    outputs = _without_removed(classifier, outputs)
    # Probabilities are those among the classes that are left.
    if not classifier.gives_logits:
        outputs = _first(outputs, count)
    if classifier.activation is not None:
        _make_room(classifier, state.inputs_of(joined), outputs)
        outputs = keras.layers.Activation(
            classifier.activation, dtype="float32", name=_name(classifier)
        )(outputs)
    outputs = _first(_merged(classifier, outputs), count)
    inputs = state.inputs_of(joined)
    model = keras.Model(inputs, outputs, name=classifier.name)
    _check_same(ServedModel(classifier, count), model)
    if others is not None:
        structure = others.layout.packed(outputs, joined.outputs[1:])
        model = keras.Model(inputs, structure, name=classifier.name)
    model.class_names = list(classifier.classes[:count])
    return model


def _name(classifier):
    if classifier.others is not None:
        return classifier.others.layout.chosen
    return "logits" if classifier.gives_logits else "probabilities"


def _make_room(classifier, inputs, logits):
    """Leaves the name of an output to what follows the head."""
    if classifier.others is None:
        return
    chosen = classifier.others.layout.chosen
    for layer in keras.Model(inputs, logits).layers:
        if layer.name == chosen:
            layer.name = f"{chosen}_logits"


def _first(outputs, count):
    return outputs if outputs.shape[-1] == count else outputs[..., :count]


def _check_cut(classifier, count):
    if count < len(classifier.classes) and classifier.label_space.merged:
        raise ValueError(
            "A plain Keras model of the first classes cannot add up the "
            "probabilities of merged ones. Received: "
            f"num_classes={count}, with merged classes. Leave `num_classes` "
            "out, or export to another format."
        )


def _check_same(served, model):
    classifier = served.classifier
    samples, received = probes.probe_of(model, finite=False)
    expected = probes.outputs_of(
        lambda *args, **kwargs: served(*args, **kwargs)[SCORES], samples
    )
    distance = probes.differ(expected, received, model.compute_dtype)
    if distance is not None:
        raise ValueError(
            f"The plain form of the head '{classifier.head.name}' of class "
            f"{type(classifier.head).__name__} computes something else than "
            f"the head. Received: outputs that differ by up to {distance:.2g} "
            "on random samples. Keep the classifier, by `save`."
        )


def _without_removed(classifier, logits):
    """Logits that leave removed classes no chance."""
    removed = list(classifier.label_space.removed)
    if not removed:
        return logits
    bias = np.zeros(logits.shape[-1], "float32")
    bias[removed] = HIDDEN
    return _linear(logits, np.eye(len(bias)), bias, "without_removed")


def _merged(classifier, outputs):
    """Probabilities added up where classes were merged."""
    label_space = classifier.label_space
    if not label_space.merged:
        return outputs
    if classifier.multi_label:
        raise ValueError(
            "Where classes do not exclude each other, a merged class is as "
            "probable as the surer of the two, which no layer of Keras "
            f"computes. Received: merged={label_space.merged}. Keep the "
            "classifier, by `save`."
        )
    if classifier.gives_logits:
        raise ValueError(
            "Merged classes have summed probabilities, which no layer of "
            "Keras makes of logits. Received: a classifier of logits, with "
            f"merged={label_space.merged}. End the model in `softmax`, or keep "
            "the classifier, by `save`."
        )
    answers = label_space.merged_into
    kernel = answers[:, None] == np.arange(len(answers))
    return _linear(outputs, kernel, None, "merged")


def _linear(inputs, kernel, bias, name):
    layer = keras.layers.Dense(
        len(kernel), use_bias=bias is not None, dtype="float32", name=name
    )
    outputs = layer(inputs)
    layer.set_weights([w for w in (kernel, bias) if w is not None])
    return outputs


def write_plain(model: keras.Model, filepath: str | os.PathLike) -> None:
    """Saves a plain model, the names of its classes in the metadata."""
    filepath = os.fspath(filepath)
    if not filepath.endswith(".keras"):
        raise ValueError(
            "`filepath` must end in `.keras`, the format that keeps the names "
            f"of the classes. Received: filepath={filepath!r}."
        )
    with files.replacing(filepath) as part:
        with tempfile.TemporaryDirectory(dir=part.parent) as folder:
            unnamed = os.path.join(folder, "model.keras")
            model.save(unnamed)
            _copy_with_names(unnamed, part, list(model.class_names))


def _copy_with_names(source, target, names):
    with (
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(target, "w") as new,
    ):
        for item in old.infolist():
            data = old.read(item)
            if item.filename == METADATA:
                data = json.dumps({**json.loads(data), KEY: names})
            new.writestr(item, data)
