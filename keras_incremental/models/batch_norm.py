import contextlib

import numpy as np
from keras import ops

from keras_incremental.utils import graph


def freeze_batch_norm(model):
    """Puts every BatchNormalization of a model into inference mode.

    `training=False` in a functional graph is overridden by `fit` as soon as
    the layer is trainable; only `trainable = False` holds.

    Returns:
        Bool. Whether one was not in inference mode before.
    """
    free = [layer for layer in graph.batch_norms(model) if layer.trainable]
    for layer in free:
        layer.trainable = False
    return bool(free)


@contextlib.contextmanager
def unchanged_statistics(model):
    """Proves that no moving statistic changes inside the block.

    Raises:
        RuntimeError: if one did.
    """
    layers = graph.batch_norms(model)
    before = [_statistics(layer) for layer in layers]
    yield
    moved = [
        layer.name
        for layer, old in zip(layers, before, strict=True)
        if not all(
            np.array_equal(a, b)
            for a, b in zip(old, _statistics(layer), strict=True)
        )
    ]
    if moved:
        raise RuntimeError(
            "BatchNormalization must stay in inference mode while new classes "
            f"are learnt, but the moving statistics of {moved} changed. A "
            "callback or a layer has made them trainable; remove it."
        )


def _statistics(layer):
    return [
        ops.convert_to_numpy(layer.moving_mean),
        ops.convert_to_numpy(layer.moving_variance),
    ]
