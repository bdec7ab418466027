"""Recording the inputs and outputs of the layers of a model."""

import collections
import contextlib
import dataclasses
import functools
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import keras

from keras_incremental.regularizers.per_example.rules import rule_of
from keras_incremental.utils import state


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a layer, with the output before its activation."""

    layer: keras.layers.Layer
    rule: Callable
    inputs: Any
    output: Any


@contextlib.contextmanager
def replaced(
    layer: keras.layers.Layer, name: str, value: Any
) -> Iterator[None]:
    """Replaces an attribute of a layer inside the block, unseen by Keras."""
    kept = vars(layer)[name]
    vars(layer)[name] = value
    try:
        yield
    finally:
        vars(layer)[name] = kept


@contextlib.contextmanager
def capture(
    layers: Iterable[keras.layers.Layer], tap: Callable
) -> Iterator[list[Call]]:
    """Records a `Call` at each call of `layers` inside the block.

    Args:
        layers: Layers that have a rule.
        tap: Function of an output. Its result replaces the output.
    """
    calls: list[Call] = []
    for layer in layers:
        vars(layer)["call"] = _tapped(layer, tap, calls)
    try:
        yield calls
    finally:
        for layer in layers:
            vars(layer).pop("call")


def _tapped(layer, tap, calls):
    call, rule = layer.call, rule_of(layer)

    @functools.wraps(call)
    def tapped(inputs, *args, **kwargs):
        activation = vars(layer).get("activation")
        if activation is None:
            output = tap(call(inputs, *args, **kwargs))
        else:
            with replaced(layer, "activation", None):
                output = tap(call(inputs, *args, **kwargs))
        calls.append(Call(layer, rule, inputs, output))
        return output if activation is None else activation(output)

    return tapped


def layers_with_rule(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers of a model that have a rule and share no weights."""
    leaves = list({id(x): x for x in _leaves(model)}.values())
    owners = collections.Counter(id(v) for x in leaves for v in x.weights)
    return [
        layer
        for layer in leaves
        if layer.trainable_variables
        and all(owners[id(v)] == 1 for v in layer.weights)
        and rule_of(layer) is not None
    ]


def called_once(
    layers: Iterable[keras.layers.Layer], calls: Iterable[Call]
) -> list[keras.layers.Layer]:
    """Returns the layers that occur exactly once in `calls`."""
    counts = collections.Counter(id(call.layer) for call in calls)
    return [layer for layer in layers if counts[id(layer)] == 1]


def _leaves(layer):
    # A layer without a graph may use its inner layers in any way.
    if isinstance(layer, keras.Model) and state.has_graph(layer):
        for child in layer.layers:
            yield from _leaves(child)
    else:
        yield layer
