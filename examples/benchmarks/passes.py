"""Bare passes over a network or its weights, as floors to compare with."""

import keras
from keras import ops


def forward_backward(model, x, y):
    """A function that computes the gradient of one batch, compiled."""
    x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y, "int32")
    return _GRADIENTS[keras.config.backend()](model, x, y)


def elementwise(variables):
    """A function that computes `g + 2 f (w - r)` for variables `w`.

    It is the least that a quadratic penalty does in each step.
    """
    # Copies: JAX takes the arrays of variables away when these change.
    weights = [ops.add(v, 0.0) for v in variables]
    others = [[ops.ones_like(w) for w in weights] for _ in range(3)]

    def add_pull(weights, gradients, importance, reference):
        return [
            g + 2 * f * (w - r)
            for w, g, f, r in zip(
                weights, gradients, importance, reference, strict=True
            )
        ]

    compiled = _COMPILERS[keras.config.backend()](add_pull)
    return lambda: compiled(weights, *others)


def _loss(logits, y):
    losses = ops.sparse_categorical_crossentropy(y, logits, from_logits=True)
    return ops.mean(losses)


def _tensorflow(model, x, y):
    import tensorflow as tf

    variables = [v.value for v in model.trainable_variables]

    def gradient(x, y):
        with tf.GradientTape() as tape:
            loss = _loss(model(x, training=False), y)
        return tape.gradient(loss, variables)

    compiled = tf.function(gradient, autograph=False)
    return lambda: compiled(x, y)


def _jax(model, x, y):
    import jax

    def loss(trainable, fixed, x, y):
        logits, _ = model.stateless_call(trainable, fixed, x, training=False)
        return _loss(logits, y)

    trainable = [v.value for v in model.trainable_variables]
    fixed = [v.value for v in model.non_trainable_variables]
    compiled = _compile_jax(jax.grad(loss))
    return lambda: compiled(trainable, fixed, x, y)


def _torch(model, x, y):
    import torch

    variables = [v.value for v in model.trainable_variables]
    return lambda: torch.autograd.grad(
        _loss(model(x, training=False), y), variables
    )


def _compile_tensorflow(function):
    import tensorflow as tf

    return tf.function(function, autograph=False)


def _compile_jax(function):
    import jax

    compiled = jax.jit(function)
    return lambda *args: jax.block_until_ready(compiled(*args))


def _compile_torch(function):
    import torch

    return torch.no_grad()(function)


_GRADIENTS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
_COMPILERS = {
    "tensorflow": _compile_tensorflow,
    "jax": _compile_jax,
    "torch": _compile_torch,
}
