"""Models of several outputs, of which one has classes that grow."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from keras_incremental.utils import state
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor

FORMS = {"dict": dict, "tuple": tuple, "list": list}


@dataclasses.dataclass(frozen=True)
class OutputLayout:
    """The names of the outputs of a model, and one of them.

    Attributes:
        names: Tuple of strings, in the order of the outputs.
        chosen: String, the name of the one whose classes grow.
        form: `"dict"`, `"tuple"` or `"list"`, how the model returns them.
    """

    names: tuple[str, ...]
    chosen: str
    form: str

    @property
    def others(self) -> list[str]:
        """Names of the outputs that stay as they are."""
        return [name for name in self.names if name != self.chosen]

    def packed(self, scores: Tensor, others: Sequence[Tensor]) -> Structure:
        """Returns all outputs as the model returned them.

        Args:
            scores: Output of the name `chosen`.
            others: The other outputs, in their order.
        """
        found = dict(zip(self.others, others, strict=True))
        found[self.chosen] = scores
        ordered = {name: found[name] for name in self.names}
        return (
            ordered
            if self.form == "dict"
            else FORMS[self.form](ordered.values())
        )

    def part_of(self, value: Any) -> Any:
        """Returns what an argument of `compile` says of the chosen output.

        Args:
            value: Dict of names, list of as many as there are outputs, or a
                value for all of them.
        """
        if isinstance(value, dict):
            return value.get(self.chosen)
        if self._is_list(value):
            return value[self.names.index(self.chosen)]
        return value

    def with_part(self, value: Any, part: Any) -> Any:
        """Returns an argument of `compile`, with another `part_of` it."""
        if isinstance(value, dict):
            return {**value, self.chosen: part}
        if self._is_list(value):
            pairs = zip(self.names, value, strict=True)
            return type(value)(
                part if name == self.chosen else v for name, v in pairs
            )
        return part

    def _is_list(self, value):
        is_list = isinstance(value, (list, tuple))
        return is_list and len(value) == len(self.names)


def named_outputs(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """Returns the outputs of a model with a graph, by name.

    Outputs in a dict have its keys, others the names of their layers.
    """
    given = model.output
    if isinstance(given, dict):
        return dict(given)
    return dict(zip(model.output_names, model.outputs, strict=True))


def layout_of(model: keras.Model, chosen: str) -> OutputLayout:
    """Returns the `OutputLayout` of a model with several outputs."""
    form = next(
        (name for name, kind in FORMS.items() if isinstance(model.output, kind))
    )
    return OutputLayout(tuple(named_outputs(model)), chosen, form)


def layout_of_layer(
    model: keras.Model, layer: keras.layers.Layer
) -> OutputLayout | None:
    """Returns the `OutputLayout` that chooses the only output of a layer.

    Args:
        model: `keras.Model`.
        layer: Layer at any depth.

    Returns:
        `None` if the model has one output, or no graph, or if several outputs
        are computed from the layer.
    """
    if not state.has_graph(model) or len(model.outputs) < 2:
        return None
    reading = [
        name
        for name, tensor in named_outputs(model).items()
        if _reads(model, tensor, layer)
    ]
    return layout_of(model, reading[0]) if len(reading) == 1 else None


def _reads(model, tensor, layer):
    below = keras.Model(state.inputs_of(model), tensor)
    return any(x is layer for x in state.flatten_layers(below))
