"""Loss scaling beside other wrappers of optimizers: it is the outermost."""

from collections.abc import Callable

import keras


def check_unscaled(optimizer: keras.optimizers.Optimizer, owner: str) -> None:
    """Raises if a wrapper would be put around a `LossScaleOptimizer`.

    Keras asks the outermost optimizer to scale the loss. Inside another one
    it would divide gradients by a scale that nobody has multiplied with.

    Args:
        optimizer: Optimizer to wrap.
        owner: String, the class of the wrapper.
    """
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        inner = type(optimizer.inner_optimizer).__name__
        raise ValueError(
            f"{owner} cannot be put around loss scaling, which must be the "
            "outermost. Received: optimizer=LossScaleOptimizer. Use "
            f"`LossScaleOptimizer({owner}({inner}(...)))`."
        )


def wrapped_below_scaling(
    optimizer: keras.optimizers.Optimizer,
    wrap: Callable[[keras.optimizers.Optimizer], keras.optimizers.Optimizer],
) -> keras.optimizers.Optimizer:
    """Returns an optimizer with wrappers, below its loss scaling if it has one.

    Args:
        optimizer: Optimizer.
        wrap: Function of an optimizer without loss scaling.
    """
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return wrap(optimizer)
    return keras.optimizers.LossScaleOptimizer(
        wrap(optimizer.inner_optimizer),
        initial_scale=optimizer.initial_scale,
        dynamic_growth_steps=optimizer.dynamic_growth_steps,
        name=optimizer.name,
    )
