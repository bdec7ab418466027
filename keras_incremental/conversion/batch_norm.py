import contextlib

import numpy as np
from keras import ops

from keras_incremental.utils import graph


def freeze_batch_norm(classifier):
    """Puts every BatchNormalization into inference mode, unless it may train.

    `training=False` in a functional graph is overridden by `fit` as soon as
    the layer is trainable; only `trainable = False` holds.

    Args:
        classifier: `IncrementalClassifier`.

    Returns:
        Bool. Whether one was not in inference mode before.
    """
    if classifier.train_batch_norm:
        return False
    layers = graph.batch_norms(classifier.features)
    free = [layer for layer in layers if layer.trainable]
    for layer in free:
        layer.trainable = False
    return bool(free)


@contextlib.contextmanager
def unchanged_statistics(classifier):
    """Proves that no moving statistic changes inside the block, if none may.

    Args:
        classifier: `IncrementalClassifier`.

    Raises:
        RuntimeError: if one did.
    """
    if classifier.train_batch_norm:
        yield
        return
    layers = graph.batch_norms(classifier.features)
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
            f"are learned, but the moving statistics of {moved} changed. A "
            "callback or a layer has made them trainable; remove it."
        )


def _statistics(layer):
    return [
        ops.convert_to_numpy(layer.moving_mean),
        ops.convert_to_numpy(layer.moving_variance),
    ]
