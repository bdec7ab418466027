import warnings
from collections.abc import Callable
from typing import Any

import keras
from keras import ops
from keras import tree

from keras_incremental.regularizers.per_example.calls import capture
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor

# Gradients of as many examples at once as have so many elements together.
MAX_ELEMENTS = 2**24


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
    if not task.variables:
        return []
    count = len(tree.flatten(given)[0])
    size = max(1, MAX_ELEMENTS // sum(v.value.numel() for v in task.variables))
    try:
        return _summed(
            _at_once(task, *_rows(x, given, slice(start, start + size)))
            for start in range(0, count, size)
        )
    except RuntimeError:
        # `vmap` refuses what looks at values, as `if` does.
        return _summed(
            _one(task, *_rows(x, given, slice(index, index + 1)))
            for index in range(count)
        )


def _at_once(task, x, given):
    """Sums over some examples, vectorized."""
    import torch

    with torch.no_grad():
        outputs = task.predict(x)
        # A label is drawn by operations that `vmap` refuses.
        cotangents = torch.stack(
            [task.cotangent(outputs, given, i) for i in range(task.count)], 1
        )

    def measured(row, own):
        def forward(values):
            mapping = list(zip(task.variables, values, strict=True))
            with keras.StatelessScope(state_mapping=mapping):
                return task.predict(tree.map_structure(lambda a: a[None], row))

        _, pull = torch.func.vjp(forward, [v.value for v in task.variables])
        return _summed(
            [task.measure(g.float()) for g in pull(cotangent[None])[0]]
            for cotangent in own
        )

    with warnings.catch_warnings():
        # Operations without a rule of batches are slower, but right.
        warnings.filterwarnings("ignore", "There is a performance drop")
        return [s.sum(0) for s in torch.func.vmap(measured)(x, cotangents)]


def _one(task, x, given):
    """Sums over one example, by plain differentiation."""
    import torch

    with torch.enable_grad():
        outputs = task.predict(x)
    sources = [v.value for v in task.variables]
    with torch.no_grad():
        return _summed(
            [task.measure(g.float()) for g in gradients]
            for gradients in _pulled(task, outputs, given, sources)
        )


def _rows(x, given, rows):
    return tree.map_structure(lambda a: a[rows], (x, given))


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
