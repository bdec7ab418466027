import keras
import numpy as np
from keras import ops


def reinitialize(upper, head, seed=0):
    """Gives all that trains new weights, as if it had never been trained.

    The columns of the head start from 0, as those of new classes do. Other
    kernels are drawn by Glorot's rule; biases and the scales of normalisations
    get the value that their layer starts with.

    Args:
        upper: Model below the head, or `None`.
        head: `ExpandableHead`.
        seed: Int. Defaults to `0`.
    """
    for name in head.column_shapes(head.input_dim, head.units):
        head.assign_columns(name, np.zeros_like(head.columns(name)))
    if upper is None:
        return
    new = keras.models.clone_model(upper)
    for index, (variable, fresh) in enumerate(
        zip(upper.variables, new.variables, strict=True)
    ):
        if not variable.trainable:
            continue
        value = ops.convert_to_numpy(fresh)
        if value.ndim > 1:
            glorot = keras.initializers.GlorotUniform(seed=seed + index)
            value = glorot(value.shape)
        variable.assign(value)
