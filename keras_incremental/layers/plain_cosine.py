import keras
import numpy as np
from keras import layers


def plain_cosine(head, inputs):
    """Logits of an `ExpandableCosine` by layers of Keras alone.

    Args:
        head: Built `ExpandableCosine`.
        inputs: `keras.KerasTensor` of what it reads, of two dimensions.

    Returns:
        `keras.KerasTensor` of the logits, in float32.
    """
    center = keras.ops.convert_to_numpy(head.center)
    centred = layers.Normalization(
        mean=center,
        variance=np.ones_like(center),
        dtype="float32",
        name=f"{head.name}_center",
    )(inputs)
    directions = layers.UnitNormalization(
        dtype="float32", name=f"{head.name}_directions"
    )(centred)
    cosines = _dense(head, directions)
    if head.proxies > 1:
        cosines = _pooled(head, cosines)
    scale = float(keras.ops.convert_to_numpy(head.scale))
    return layers.Rescaling(scale, dtype="float32", name=head.name)(cosines)


def _dense(head, directions):
    """Cosines with all columns, those of the first proxies first."""
    kernel = head.columns("kernel")
    lengths = np.maximum(np.linalg.norm(kernel, axis=0), 1e-12)
    kernel = (kernel / lengths).reshape(len(kernel), -1)
    dense = layers.Dense(
        kernel.shape[-1],
        use_bias=False,
        dtype="float32",
        name=f"{head.name}_cosines",
    )
    outputs = dense(directions)
    dense.set_weights([kernel])
    return outputs


def _pooled(head, cosines):
    """The sum over proxies, each weighted by their softmax."""
    shape = (head.proxies, head.units)
    parts = layers.Reshape(shape, dtype="float32")(cosines)
    weights = layers.Softmax(axis=1, dtype="float32")(parts)
    weighted = layers.Multiply(dtype="float32")([weights, parts])
    mean = layers.GlobalAveragePooling1D(dtype="float32")(weighted)
    return layers.Rescaling(float(head.proxies), dtype="float32")(mean)
