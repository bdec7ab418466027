"""Formats of an export that is one file: Keras, LiteRT and ONNX."""

import contextlib
import dataclasses
import re
import zipfile

import keras
import numpy as np

from keras_incremental.models.exporting.artifact import CLASSES
from keras_incremental.models.exporting.artifact import LABELS
from keras_incremental.models.exporting.formats import Format
from keras_incremental.models.exporting.formats import check_names
from keras_incremental.models.exporting.plain import plain_model
from keras_incremental.models.exporting.plain import write_plain
from keras_incremental.models.exporting.served import NAMES
from keras_incremental.models.exporting.served import SCORES

# Samples that int8 finds its ranges by.
MOST = 200
# The first version of the operators of ONNX in which sizes are a tensor.
SINCE = 5


class KerasFile(Format):
    """A plain `.keras` file, see `IncrementalClassifier.to_keras`."""

    name = "keras"
    filename = "model.keras"
    suffix = ".keras"
    packages = {"tensorflow": (), "jax": (), "torch": ()}

    def outputs(self, artifact):
        return [SCORES, *artifact.served.other_names]

    def write(self, artifact, path):
        _refuse_options(artifact.options)
        served = artifact.served
        write_plain(plain_model(served.classifier, served.num_classes), path)


def _refuse_options(options):
    if options:
        raise ValueError(
            '`format="keras"` has no arguments of its own. Received: '
            f"{sorted(options)}. Leave them out."
        )


class LiteRTFile(Format):
    """A LiteRT file, with the names of the classes in its metadata.

    `labels.txt` and `classes.json` are associated files, as those of LiteRT's
    metadata: a ZIP archive at the end of the file.
    """

    name = "litert"
    filename = "model.tflite"
    suffix = ".tflite"
    since = "3.13"
    packages = {"tensorflow": ("tensorflow",)}
    reason = (
        "Keras converts to LiteRT by TensorFlow, and by torch without a "
        "batch of any size"
    )

    def outputs(self, artifact):
        return artifact.served.output_names

    def convert(self, artifact, path):
        check_names(artifact.served)
        super().convert(artifact, path)

    def write(self, artifact, path):
        self.convert(_with_ranges(artifact), path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(LABELS, artifact.labels)
            archive.writestr(
                CLASSES, artifact.description(self.outputs(artifact))
            )


def _with_ranges(artifact):
    """Returns the artifact with what int8 needs, if it is asked for."""
    options = dict(artifact.options)
    quantize = options.pop("quantize", None)
    if quantize is None:
        return artifact
    if quantize != "int8":
        raise ValueError(
            f'`quantize` must be "int8". Received: quantize={quantize!r}. '
            "Leave it out for float32."
        )
    import tensorflow as tf

    options["optimizations"] = [tf.lite.Optimize.DEFAULT]
    options["representative_dataset"] = _representatives(artifact)
    return dataclasses.replace(artifact, options=options)


def _representatives(artifact):
    memory = artifact.classifier.memory
    if memory is None or not len(memory):
        raise ValueError(
            "Int8 needs samples, to find the range of each number. Received: "
            "a classifier without exemplars. Give it a `memory` and call "
            "`remember`, or pass `optimizations` and "
            "`representative_dataset` of your own."
        )
    rows = np.unique(np.linspace(0, len(memory) - 1, MOST).astype(int))
    x = memory.arrays(rows)[0]
    (spec,) = keras.tree.flatten(artifact.signature)
    return lambda: ([x[k][None].astype(spec.dtype)] for k in range(len(x)))


class OnnxFile(Format):
    """An ONNX file, with the names of the classes as an output."""

    name = "onnx"
    filename = "model.onnx"
    suffix = ".onnx"
    packages = {"tensorflow": ("onnx", "tf2onnx"), "torch": ("onnx",)}
    reason = "graphs of JAX are not converted to ONNX"

    def outputs(self, artifact):
        return [*artifact.served.output_names, NAMES]

    def write(self, artifact, path):
        import onnx

        self.convert(artifact, path)
        model = onnx.load(path)
        _rename(onnx, model.graph, artifact.served.output_names)
        _add_names(onnx, model.graph, artifact)
        onnx.helper.set_model_props(
            model,
            {
                LABELS: artifact.labels,
                CLASSES: artifact.description(self.outputs(artifact)),
            },
        )
        onnx.checker.check_model(model)
        onnx.save(model, path)

    def convert(self, artifact, path):
        import onnx

        with _on_torch():
            super().convert(artifact, path)
        try:
            onnx.checker.check_model(onnx.load(path))
        except onnx.checker.ValidationError as error:
            unknown = re.findall(r"No Op registered for (\w+)", str(error))
            operations = unknown or str(error).splitlines()[0]
            instead = 'export by `format="tf_saved_model"`'
            raise _unknown(operations, instead) from error


def _unknown(operations, instead):
    return ValueError(
        "The classifier has operations that are not converted to ONNX. "
        f"Received: {operations}. Replace the layers that they come from, or "
        f"{instead}."
    )


@contextlib.contextmanager
def _on_torch():
    """Lets torch convert what `ops.take` runs, and tells what it cannot."""
    if keras.config.backend() != "torch":
        yield
        return
    from torch import onnx

    onnx.register_custom_op_symbolic("aten::ravel", _ravel, SINCE)
    try:
        yield
    except onnx.errors.UnsupportedOperatorError as error:
        operations = re.findall(r"aten::\w+", str(error))[:1]
        instead = "load the classifier with KERAS_BACKEND=tensorflow"
        raise _unknown(operations, instead) from error
    finally:
        onnx.unregister_custom_op_symbolic("aten::ravel", SINCE)


def _ravel(graph, values):
    import torch

    size = graph.op("Constant", value_t=torch.tensor([-1]))
    return graph.op("Reshape", values, size)


def _rename(onnx, graph, names):
    """Gives outputs, which converters keep in their order, their names."""
    for output, name in zip(graph.output, names, strict=True):
        if output.name != name:
            graph.node.append(
                onnx.helper.make_node("Identity", [output.name], [name])
            )
            output.name = name


def _add_names(onnx, graph, artifact):
    """Adds an output of strings."""
    answer = artifact.served.decoder.answer
    outputs = {output.name: output for output in graph.output}
    _add_strings(onnx, graph, "class_names", artifact.names)
    inputs = ["class_names", answer]
    kind = "Gather"
    if outputs[answer].type.tensor_type.elem_type == onnx.TensorProto.BOOL:
        _add_strings(onnx, graph, "no_name", [""])
        kind, inputs = "Where", [answer, "class_names", "no_name"]
    graph.node.append(onnx.helper.make_node(kind, inputs, [NAMES]))
    names = graph.output.add()
    names.CopyFrom(outputs[answer])
    names.name = NAMES
    names.type.tensor_type.elem_type = onnx.TensorProto.STRING


def _add_strings(onnx, graph, name, strings):
    graph.initializer.append(
        onnx.helper.make_tensor(
            name,
            onnx.TensorProto.STRING,
            np.shape(strings),
            [text.encode() for text in strings],
        )
    )
