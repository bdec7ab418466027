"""Loss scaling beside other wrappers of optimizers: it is the outermost."""

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


def unscaled(
    optimizer: keras.optimizers.Optimizer,
) -> keras.optimizers.Optimizer:
    """Returns an optimizer without its loss scaling, if it has one."""
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    return optimizer.inner_optimizer if scaled else optimizer


def scaled_like(
    wrapped: keras.optimizers.Optimizer, optimizer: keras.optimizers.Optimizer
) -> keras.optimizers.Optimizer:
    """Returns an optimizer with the loss scaling of another, if it has one.

    Args:
        wrapped: Optimizer without loss scaling.
        optimizer: The other one.
    """
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return wrapped
    return keras.optimizers.LossScaleOptimizer(
        wrapped,
        initial_scale=optimizer.initial_scale,
        dynamic_growth_steps=optimizer.dynamic_growth_steps,
        name=optimizer.name,
    )
