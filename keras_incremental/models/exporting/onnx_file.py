import contextlib
import re

import keras
import numpy as np

from keras_incremental.models.exporting.artifact import CLASSES
from keras_incremental.models.exporting.artifact import LABELS
from keras_incremental.models.exporting.formats import Format
from keras_incremental.models.exporting.served import NAMES

# The first version of the operators of ONNX in which sizes are a tensor.
SINCE = 5


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
