from collections.abc import Callable
from typing import Any

import keras
from keras import ops
from keras import tree

from keras_incremental.regularizers.per_example.calls import capture
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor


def look(predict: Callable, model: keras.Model, x: Structure) -> Tensor:
    """Calls `predict` on one example."""
    import torch

    with torch.no_grad():
        return predict(tree.map_structure(lambda a: a[:1], x))


def build(task: Any) -> Callable:
    """Builds the function `(x, given)` that measures a batch of a `Task`."""

    def step(x, given):
        x, given = tree.map_structure(ops.convert_to_tensor, (x, given))
        return _by_layer(task, x, given) + _by_example(task, x, given)

    return step


def _by_layer(task, x, given):
    import torch

    if not task.layers:
        return []
    with torch.enable_grad(), capture(task.layers, _same) as calls:
        outputs = task.predict(x)
    sources = [call.output for call in calls]
    with torch.no_grad():
        return _summed(
            task.measure_calls(calls, deltas)
            for deltas in _pulled(task, outputs, given, sources)
        )


def _by_example(task, x, given):
    import torch

    if not task.variables:
        return []

    def one(index):
        row, own = tree.map_structure(
            lambda a: a[index : index + 1], (x, given)
        )
        with torch.enable_grad():
            outputs = task.predict(row)
        sources = [v.value for v in task.variables]
        with torch.no_grad():
            return _summed(
                [task.measure(g.float()) for g in gradients]
                for gradients in _pulled(task, outputs, own, sources)
            )

    return _summed(one(i) for i in range(len(tree.flatten(given)[0])))


def _pulled(task, outputs, given, sources):
    import torch

    for index in range(task.count):
        cotangent = task.cotangent(outputs.detach(), given, index)
        gradients = torch.autograd.grad(
            outputs,
            sources,
            cotangent,
            retain_graph=index + 1 < task.count,
            allow_unused=True,
        )
        yield [
            torch.zeros_like(s) if g is None else g
            for s, g in zip(sources, gradients, strict=True)
        ]


def _summed(lists):
    total = None
    for values in lists:
        total = (
            values
            if total is None
            else [t + v for t, v in zip(total, values, strict=True)]
        )
    return total


def _same(output):
    return output
