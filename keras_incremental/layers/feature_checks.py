"""Checks of what heads in closed form are given."""

from typing import Any

import numpy as np
from keras import ops

from keras_incremental.layers.column_layer import ColumnLayer
from keras_incremental.utils.types import Tensor


def check_positive(
    head: ColumnLayer, name: str, value: Any, most: float = np.inf
) -> None:
    """Raises unless an argument of a head is a number above 0."""
    number = isinstance(value, (int, float, np.number))
    if isinstance(value, bool) or not number or not 0 < value <= most:
        wanted = "above 0" if most == np.inf else f"above 0 and up to {most}"
        raise ValueError(
            f"`{name}` of {type(head).__name__} must be a number {wanted}. "
            f"Received: {name}={value!r}."
        )


def checked_features(head: ColumnLayer, features: Tensor) -> np.ndarray:
    """Returns the features as a float64 array that the head can read."""
    if not isinstance(features, np.ndarray):
        features = ops.convert_to_numpy(features)
    features = np.asarray(features, "float64")
    width = head.input_dim if head.built else "input_dim"
    if features.ndim < 2 or (head.built and features.shape[-1] != width):
        raise ValueError(
            f"`features` of {_name(head)} must have the shape "
            f"(num_samples, ..., {width}). "
            f"Received: shape {features.shape}. Give it what the layer below "
            "the head computes."
        )
    if not np.isfinite(features).all():
        bad = np.flatnonzero(~np.isfinite(features).all(-1).reshape(-1))
        raise ValueError(
            f"`features` of {_name(head)} must be finite. Received: NaN or "
            f"infinity in {len(bad)} of {features[..., 0].size} rows, first "
            f"in row {bad[0]}. Leave those rows out, or look for what makes "
            "them in the layers below."
        )
    return features


def checked_labels(
    head: ColumnLayer, labels: Tensor, features: np.ndarray
) -> np.ndarray:
    """Returns the labels as a flat array, one for each row of features."""
    if not isinstance(labels, np.ndarray):
        labels = ops.convert_to_numpy(labels)
    rows = int(np.prod(features.shape[:-1]))
    if labels.size != rows:
        raise ValueError(
            f"`labels` of {_name(head)} must be one int for each of the "
            f"{rows} feature vectors. Received: shape {labels.shape}. Give "
            "`labels.argmax(-1)` if they are one-hot."
        )
    labels = labels.reshape(-1)
    found = sorted(set(labels.tolist()))
    wrong = [k for k in found if k not in range(head.units)]
    if wrong:
        raise ValueError(
            f"`labels` of {_name(head)} must be ints from 0 to "
            f"{head.units - 1}. Received: {wrong[:5]}. `expand` the head for "
            "new classes, or leave those rows out."
        )
    return labels.astype(int)


def _name(head):
    return f"{type(head).__name__} '{head.name}'"
