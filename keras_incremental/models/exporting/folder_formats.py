"""Formats of an export that is a folder: SavedModel and OpenVINO."""

import tempfile

import keras

from keras_incremental.models.exporting.formats import Format
from keras_incremental.models.exporting.formats import check_names
from keras_incremental.models.exporting.formats import unwarned
from keras_incremental.models.exporting.served import NAMES

SERVE, DEFAULT = "serve", "serving_default"


class SavedModel(Format):
    """A folder that TensorFlow, and TensorFlow Serving, load."""

    name = "tf_saved_model"
    alone = "a SavedModel is a folder"
    packages = {"tensorflow": ("tensorflow",), "jax": ("tensorflow",)}
    reason = "graphs of torch are not converted to TensorFlow"
    notes = "assets.extra"

    def outputs(self, artifact):
        return [*artifact.served.output_names, NAMES]

    def write(self, artifact, path):
        import tensorflow as tf

        check_names(artifact.served)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            self.convert(artifact, folder)
            with unwarned():
                module = _with_names(tf, folder, artifact)
                signatures = {SERVE: module.serve, DEFAULT: module.serve}
                # Gradients that JAX defines cannot be saved a second time.
                options = tf.saved_model.SaveOptions(
                    experimental_custom_gradients=False
                )
                tf.saved_model.save(module, str(path), signatures, options)


def _with_names(tf, folder, artifact):
    """Returns a loaded SavedModel that answers by name too."""
    module = tf.Module()
    module.graph = tf.saved_model.load(folder)
    answer = artifact.served.decoder.answer
    names = tf.constant(artifact.names)

    def serve(inputs):
        outputs = dict(module.graph.serve(inputs))
        return {**outputs, NAMES: _named(tf, names, outputs[answer])}

    module.serve = tf.function(serve, input_signature=_specs(tf, artifact))
    return module


def _named(tf, names, answers):
    if answers.dtype == tf.bool:
        return tf.where(answers, names, "")
    return tf.gather(names, answers)


def _specs(tf, artifact):
    return keras.tree.map_structure(
        lambda spec: tf.TensorSpec(spec.shape, spec.dtype, spec.name),
        artifact.signature,
    )


class OpenVINOFolder(Format):
    """A folder with OpenVINO's two files, and those of the names."""

    name = "openvino"
    filename = "model.xml"
    alone = (
        "a model of OpenVINO is two files, which only a folder replaces "
        "together"
    )
    packages = {"tensorflow": ("openvino",)}
    reason = "OpenVINO reads neither graphs of JAX nor named outputs of torch"

    def outputs(self, artifact):
        return artifact.served.output_names

    def write(self, artifact, path):
        self.convert(artifact, path)
