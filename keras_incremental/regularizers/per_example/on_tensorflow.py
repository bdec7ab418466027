from collections.abc import Callable
from typing import Any

import keras
from keras import tree

from keras_incremental.regularizers.per_example.calls import capture
from keras_incremental.utils import devices
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor


def look(predict: Callable, model: keras.Model, x: Structure) -> Tensor:
    """Calls `predict` on one example."""
    return predict(tree.map_structure(lambda a: a[:1], x))


def build(task: Any) -> Callable:
    """Builds the function `(x, given)` that measures a batch of a `Task`."""
    import tensorflow as tf

    def step(x, given):
        return _by_layer(task, x, given) + _by_example(task, x, given)

    compiled = tf.function(step, autograph=False)

    def run(x, given):
        return compiled(*tree.map_structure(tf.convert_to_tensor, (x, given)))

    return run


def _by_layer(task, x, given):
    import tensorflow as tf

    if not task.layers:
        return []

    def watched(output):
        tape.watch(output)
        return output

    with (
        tf.GradientTape(
            persistent=True, watch_accessed_variables=False
        ) as tape,
        capture(task.layers, watched) as calls,
    ):
        outputs = task.predict(x)

    def measured(cotangent):
        deltas = tape.gradient(
            outputs,
            [call.output for call in calls],
            cotangent,
            unconnected_gradients="zero",
        )
        return task.measure_calls(calls, deltas)

    return _over_cotangents(
        task, outputs, given, measured, task.ruled_variables
    )


def _by_example(task, x, given):
    import tensorflow as tf

    if not task.variables:
        return []

    def one(index):
        row, own = tree.map_structure(
            lambda a: a[index : index + 1], (x, given)
        )
        with tf.GradientTape(persistent=True) as tape:
            outputs = task.predict(row)

        def measured(cotangent):
            gradients = tape.gradient(
                outputs,
                [devices.value_of(v) for v in task.variables],
                cotangent,
                unconnected_gradients="zero",
            )
            return [task.measure(tf.convert_to_tensor(g)) for g in gradients]

        return _over_cotangents(task, outputs, own, measured, task.variables)

    size = tree.flatten(given)[0].shape[0]
    return _sum_over(size, one, task.variables)


def _over_cotangents(task, outputs, given, measured, variables):
    return _sum_over(
        task.count,
        lambda i: measured(task.cotangent(outputs, given, i)),
        variables,
    )


def _sum_over(count, function, variables):
    import tensorflow as tf

    if count == 1:
        return function(0)

    def body(index, sums):
        return index + 1, [
            s + tf.cast(f, "float32")
            for s, f in zip(sums, function(index), strict=True)
        ]

    zeros = [tf.zeros(v.shape) for v in variables]
    # One at a time: a chunk of examples should decide how much memory.
    return tf.while_loop(
        lambda index, _: index < count,
        body,
        (0, zeros),
        parallel_iterations=1,
    )[1]
