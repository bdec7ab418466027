import re

import numpy as np

from keras_incremental.models.exporting.artifact import CLASSES
from keras_incremental.models.exporting.artifact import LABELS
from keras_incremental.models.exporting.formats import Format
from keras_incremental.models.exporting.served import NAMES


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

        super().convert(artifact, path)
        try:
            onnx.checker.check_model(onnx.load(path))
        except onnx.checker.ValidationError as error:
            unknown = re.findall(r"No Op registered for (\w+)", str(error))
            raise ValueError(
                "The network has operations that ONNX does not know. "
                f"Received: {unknown or str(error).splitlines()[0]}. Replace "
                "the layers that they come from, or export by "
                '`format="tf_saved_model"`.'
            ) from error


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
