import keras

from keras_incremental.utils import state


def enable_lora(model: keras.Model, rank: int = 8) -> int:
    """Enables LoRA for the `Dense` layers of a model, and freezes the rest.

    A phase then trains few weights, and a teacher copies few. It calls
    `enable_lora` of Keras on each `Dense` layer. A `.keras` file holds the
    sum of the kernel and its low-rank update.

    Reference:
    - [Hu et al., 2021](https://arxiv.org/abs/2106.09685)

    Args:
        model: Built `keras.Model` without the head, changed in place.
        rank: Int, 1 or more. A larger one adapts more. Defaults to `8`.

    Returns:
        The number of Dense layers.

    Raises:
        ValueError: if the model has no Dense layer, or `rank` is below 1.

    Example:

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> enable_lora(model, rank=2)
    1
    >>> [tuple(v.shape) for v in model.trainable_variables]
    [(4, 2), (2, 3)]
    """
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise ValueError(
            "`rank` of enable_lora must be an int of 1 or more. Received: "
            f"rank={rank!r}."
        )
    leaves = [
        layer
        for layer in state.flatten_layers(model)
        if not isinstance(layer, keras.Model)
    ]
    dense = [x for x in leaves if isinstance(x, keras.layers.Dense)]
    if not dense:
        raise ValueError(
            f"Model '{model.name}' has no Dense layer for low-rank changes. "
            "Put one below the head, or fine-tune its last layers."
        )
    model.trainable = True
    for layer in leaves:
        layer.trainable = layer in dense
    for layer in dense:
        if not layer.lora_enabled:
            layer.enable_lora(rank)
        if layer.use_bias:
            layer.bias.trainable = False
    return len(dense)
