import dataclasses
from collections.abc import Callable
from typing import Any

import keras
from keras import ops
from keras import tree

from keras_incremental.regularizers.per_example.calls import capture
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor


def look(predict: Callable, model: keras.Model, x: Structure) -> Tensor:
    """Calls `predict` on shapes only."""
    import jax

    def scoped(values, x):
        with _scope(model.variables, values):
            return predict(x)

    return jax.eval_shape(scoped, [v.value for v in model.variables], x)


def build(task: Any) -> Callable:
    """Builds the function `(x, given)` that measures a batch of a `Task`."""
    import jax

    variables = task.model.variables

    @jax.jit
    def step(values, x, given):
        return _by_layer(task, values, x, given) + _by_example(
            task, values, x, given
        )

    def run(x, given):
        return step(
            [v.value for v in variables],
            *tree.map_structure(ops.convert_to_tensor, (x, given)),
        )

    return run


def _by_layer(task, values, x, given):
    import jax

    if not task.layers:
        return []
    variables, calls = task.model.variables, []

    def forward(bumps):
        # The bumps are zero; the gradient with respect to them is wanted.
        bumps = iter(bumps)
        with (
            _scope(variables, values),
            capture(task.layers, lambda output: output + next(bumps)) as seen,
        ):
            outputs = task.predict(x)
        calls[:] = seen
        return outputs, [call.inputs for call in seen]

    outputs, pull, inputs = jax.vjp(
        forward, _zeros_like_outputs(task, values, x), has_aux=True
    )
    seen = [
        dataclasses.replace(call, inputs=value)
        for call, value in zip(calls, inputs, strict=True)
    ]

    def measured(cotangent):
        with _scope(variables, values):
            return task.measure_calls(seen, pull(cotangent)[0])

    return _over_cotangents(task, outputs, given, measured)


def _zeros_like_outputs(task, values, x):
    import jax
    from jax import numpy as jnp

    def forward(values, x):
        with (
            _scope(task.model.variables, values),
            capture(task.layers, lambda output: output) as calls,
        ):
            task.predict(x)
        return [call.output for call in calls]

    shapes = jax.eval_shape(forward, values, x)
    return [jnp.zeros(s.shape, s.dtype) for s in shapes]


def _by_example(task, values, x, given):
    import jax

    if not task.variables:
        return []
    variables = task.model.variables
    place = {id(v): i for i, v in enumerate(variables)}
    wanted = [place[id(v)] for v in task.variables]

    def one(row, own):
        row, own = tree.map_structure(lambda a: a[None], (row, own))

        def forward(part):
            full = list(values)
            for index, value in zip(wanted, part, strict=True):
                full[index] = value
            with _scope(variables, full):
                return task.predict(row)

        outputs, pull = jax.vjp(forward, [values[i] for i in wanted])

        def measured(cotangent):
            return [
                task.measure(g.astype("float32")) for g in pull(cotangent)[0]
            ]

        return _over_cotangents(task, outputs, own, measured)

    return [sums.sum(0) for sums in jax.vmap(one)(x, given)]


def _over_cotangents(task, outputs, given, measured):
    from jax import lax

    def at(index):
        return measured(task.cotangent(outputs, given, index))

    def add(index, sums):
        return [s + f for s, f in zip(sums, at(index), strict=True)]

    return lax.fori_loop(1, task.count, add, at(0)) if task.count > 1 else at(0)


def _scope(variables, values):
    return keras.StatelessScope(
        state_mapping=list(zip(variables, values, strict=True))
    )
