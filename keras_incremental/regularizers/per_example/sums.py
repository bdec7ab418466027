"""Sums over examples of a measure of their gradients."""

import dataclasses
import importlib
from collections.abc import Callable
from collections.abc import Sequence

import keras
from keras import ops

from keras_incremental.regularizers.per_example.calls import called_once
from keras_incremental.regularizers.per_example.calls import capture
from keras_incremental.regularizers.per_example.calls import layers_with_rule
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor


@dataclasses.dataclass(frozen=True)
class Task:
    """Outputs to differentiate, and the measure of their gradients.

    Attributes:
        model: Built model.
        predict: Function of a batch. It returns the outputs to
            differentiate, float32 of shape `(batch_size, units)`, in
            inference mode.
        cotangent: Function `(outputs, given, index)`. It returns vectors of
            the shape of the outputs, which multiply them from the left.
        count: Int. Number of cotangents for each example.
        measure: `ops.square` or `ops.abs`, applied to every element of the
            gradient of every example. Defaults to `ops.square`.
        layers: Layers with a rule for per-example gradients. Set by
            `measured_sums`.
        variables: Other trainable variables, differentiated example by
            example. Set by `measured_sums`.
    """

    model: keras.Model
    predict: Callable
    cotangent: Callable
    count: int
    measure: Callable = ops.square
    layers: tuple = ()
    variables: tuple = ()

    @property
    def ruled_variables(self) -> list:
        return [v for x in self.layers for v in x.trainable_variables]

    def measure_calls(self, calls: Sequence, deltas: Sequence) -> list[Tensor]:
        """Returns the sums over examples for `ruled_variables`."""
        found = {}
        for call, delta in zip(calls, deltas, strict=True):
            pairs = call.rule(call.inputs, delta, self.measure)
            found.update({id(variable): value for variable, value in pairs})
        return [found[id(v)] for v in self.ruled_variables]


def measured_sums(task: Task, x: Structure) -> Callable:
    """Builds a function that measures the gradients of a batch.

    Layers with a rule cost one batched pass. Other layers, and those that
    are called more than once, are differentiated example by example. Both
    are exact.

    Args:
        task: A `Task`.
        x: Batch of inputs, to find the layers that are called.

    Returns:
        Function `(x, given)`, where `given` is a tuple of arrays with a row
        for each example. It returns a list of arrays in the order of
        `model.trainable_variables`: the sums of `measure(gradient)` over
        examples and cotangents.
    """
    task = _planned(task, x)
    step = _backend().build(task)
    order = [id(v) for v in [*task.ruled_variables, *task.variables]]

    def sums(x, given):
        found = dict(zip(order, step(x, given), strict=True))
        return [
            ops.convert_to_numpy(found[id(v)])
            for v in task.model.trainable_variables
        ]

    return sums


def output_shape(
    model: keras.Model, predict: Callable, x: Structure
) -> tuple[int, ...]:
    """Returns the shape of `predict(x)` without the batch dimension."""
    return tuple(_backend().look(predict, model, x).shape[1:])


def _planned(task, x):
    layers = layers_with_rule(task.model)
    with capture(layers, lambda output: output) as calls:
        _backend().look(task.predict, task.model, x)
    layers = tuple(called_once(layers, calls))
    ruled = {id(v) for layer in layers for v in layer.trainable_variables}
    rest = [v for v in task.model.trainable_variables if id(v) not in ruled]
    return dataclasses.replace(task, layers=layers, variables=tuple(rest))


def _backend():
    name = f"{__package__}.on_{keras.config.backend()}"
    return importlib.import_module(name)
