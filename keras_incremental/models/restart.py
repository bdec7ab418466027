import keras
from keras import ops


def restart(rest, head, seed=0):
    """Gives all that trains new weights, as if it had never been trained.

    Kernels are drawn by Glorot's rule; other weights, as biases and the
    scales of normalisations, get the value that their layer starts with.

    Args:
        rest: Model below the head, or `None`.
        head: `ExpandableHead`.
        seed: Int. Defaults to `0`.
    """
    for name, shape in head.column_shapes(head.input_dim, head.units).items():
        initializer = _seeded(head.column_initializer(name), seed)
        drawn = ops.convert_to_numpy(initializer(shape, dtype="float32"))
        head.assign_columns(name, drawn)
    if rest is None:
        return
    new = keras.models.clone_model(rest)
    for index, (variable, fresh) in enumerate(
        zip(rest.variables, new.variables, strict=True)
    ):
        if not variable.trainable:
            continue
        value = ops.convert_to_numpy(fresh)
        if value.ndim > 1:
            glorot = keras.initializers.GlorotUniform(seed=seed + index)
            value = glorot(value.shape)
        variable.assign(value)


def _seeded(initializer, seed):
    """The initializer, drawing by a seed if it draws at all."""
    config = initializer.get_config()
    if "seed" not in config:
        return initializer
    return type(initializer).from_config({**config, "seed": seed})
