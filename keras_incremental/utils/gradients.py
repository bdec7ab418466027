"""Per-example gradients of a model, on whichever backend runs.

Keras has no public gradient. Three builders fill this gap, one for each
backend: `gradients_tensorflow`, `gradients_jax` and `gradients_torch`.
"""

import dataclasses
import importlib
from collections.abc import Callable

import keras
from keras import ops

from keras_incremental.utils.gradients_layers import called_once
from keras_incremental.utils.gradients_layers import capture
from keras_incremental.utils.gradients_layers import layers_with_rule


@dataclasses.dataclass(frozen=True)
class Task:
    """What to differentiate, and what to do with the gradients.

    Attributes:
        model: Built model, whose trainable variables are measured.
        predict: Function of a batch: the outputs to differentiate, float32
            of shape `(batch_size, units)`, in inference mode.
        cotangent: Function `(outputs, given, index)`: vectors of the shape
            of the outputs, that multiply them from the left.
        count: Int. How many cotangents there are for each example.
        measure: `ops.square` or `ops.abs`, applied to every element of the
            gradient of every example. Defaults to `ops.square`.
        layers: Layers measured by their rule; filled by `measured_sums`.
        variables: Other trainable variables, measured example by example;
            filled by `measured_sums`.
    """

    model: keras.Model
    predict: Callable
    cotangent: Callable
    count: int
    measure: Callable = ops.square
    layers: tuple = ()
    variables: tuple = ()

    @property
    def ruled_variables(self):
        return [v for x in self.layers for v in x.trainable_variables]

    def measure_calls(self, calls, deltas):
        """An array for each of `ruled_variables`, summed over examples."""
        found = {}
        for call, delta in zip(calls, deltas, strict=True):
            pairs = call.rule(call.layer, call.inputs, delta, self.measure)
            found.update({id(variable): value for variable, value in pairs})
        return [found[id(v)] for v in self.ruled_variables]


def measured_sums(task, x):
    """Builds the function that measures the gradients of a batch.

    Dense, 2D convolution, batch normalization and expandable layers cost
    one batched pass. Other layers, and those that are called more than
    once, are differentiated example by example, to the same exact result.

    Args:
        task: A `Task`.
        x: A batch of inputs, to see which layers it passes.

    Returns:
        A function `(x, given)`, `given` being a tuple of arrays with a row
        for each example. It returns a list of arrays in the order of
        `model.trainable_variables`: the sums over examples and cotangents
        of `measure(gradient)`.
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


def output_shape(model, predict, x):
    """The shape of `predict(x)`, without its first dimension."""
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
    name = f"{__name__}_{keras.config.backend()}"
    return importlib.import_module(name)
