"""Classifiers that go on learning on a device, see `keras_incremental.edge`."""

import keras
from keras import ops

from keras_incremental.edge.edge_classifier import HEAD
from keras_incremental.edge.head import Head
from keras_incremental.edge.runtimes import LITERT
from keras_incremental.edge.runtimes import ONNX
from keras_incremental.models.exporting.artifact import CARD
from keras_incremental.models.exporting.artifact import Artifact
from keras_incremental.models.exporting.served import signature_of
from keras_incremental.models.inputs.checks import to_input_size
from keras_incremental.models.phases.solvable import is_open
from keras_incremental.reporting.card import model_card
from keras_incremental.statistics.low_rank import MOST_FEATURES
from keras_incremental.statistics.solved_columns import LinearColumns

BACKBONES = {"onnx": ONNX, "litert": LITERT}


class FeaturesModel(keras.Model):
    """The layers below the head of a classifier, as a model of one output.

    Args:
        classifier: `IncrementalClassifier`, of which it shares the layers.
    """

    def __init__(self, classifier):
        super().__init__(name=classifier.name)
        self.features = classifier.features

    def call(self, inputs, training=None):
        inputs = to_input_size(inputs, self.features)
        features = self.features(inputs, training=False)
        return {"features": ops.cast(features, "float32")}


def head_of(classifier):
    """Returns the `Head` of a classifier, as a device continues it.

    Raises:
        ValueError: if `learn` would not solve it from statistics.
    """
    _check(classifier)
    head = classifier.head
    columns = LinearColumns(head.columns("kernel"), head.columns("bias"))
    activation = classifier.activation or ""
    if classifier.gives_logits and activation:
        activation = "log_softmax"
    return Head.of(
        classifier.classes,
        columns,
        activation,
        classifier.statistics,
        classifier.class_weight,
    )


def write(classifier, chosen, signature, options, folder):
    """Writes the backbone and the head into a new folder.

    Args:
        classifier: `IncrementalClassifier`.
        chosen: `Format` of the backbone.
        signature: Input signature, or `None`.
        options: Dict of arguments for the conversion.
        folder: Path.
    """
    if chosen.name not in BACKBONES or "quantize" in options:
        raise ValueError(
            "A device continues the statistics of float features, by "
            f"{' or '.join(BACKBONES)}. Received: format={chosen.name!r}, "
            f"{sorted(options)}. Leave `extendable` out, or choose one of "
            "these without `quantize`."
        )
    head = head_of(classifier)
    model = FeaturesModel(classifier)
    signature = signature or signature_of(classifier)
    model(keras.tree.map_structure(_zeros, signature[0]))
    folder.mkdir()
    artifact = Artifact(model, signature, options)
    path = folder / BACKBONES[chosen.name]
    chosen.convert(artifact, path)
    head.save(folder / HEAD)
    (folder / CARD).write_text(model_card(classifier), encoding="utf-8")


def _zeros(spec):
    return ops.zeros([1 if n is None else n for n in spec.shape], spec.dtype)


def _check(classifier):
    if not is_open(classifier, classifier.backbone) or classifier.readout:
        raise ValueError(
            "Only a classifier whose head `learn` solves from statistics can "
            "learn on a device: a frozen backbone, no recipe that says "
            "otherwise, classes that exclude each other, none of them "
            "merged, removed or divided. Received: "
            f"recipe={classifier.recipe.name!r}, trainable weights below the "
            f"head: {bool(classifier.features.trainable_variables)}. Freeze "
            "the backbone, or export without `extendable`."
        )
    width = classifier.head.input_dim
    if width > MOST_FEATURES:
        raise ValueError(
            "The statistics of a head on so many features are too large for "
            f"a device. Received: {width} features, and {MOST_FEATURES} at "
            "most. Put a pooling layer below the head, or export without "
            "`extendable`."
        )
    missing = [
        name
        for label, name in enumerate(classifier.classes)
        if not classifier.statistics.covers([label])
    ]
    if missing or classifier.head.described:
        raise ValueError(
            "Nothing is known of where some classes lie, so that a device "
            f"cannot solve the head. Received: no statistics of {missing}. "
            "Call `remember` with samples of them, and `learn`."
        )
    if classifier.statistics.units() is not None:
        raise ValueError(
            "Features below the head differ too much in size for a device, "
            "which learns with one penalty for all of them: one varies so "
            "much that half of the others count for nothing. Received: "
            "extendable=True. A `Normalization` that was adapted where a "
            "feature was constant makes such features. Adapt it on samples of "
            "all classes, or export without `extendable`."
        )
