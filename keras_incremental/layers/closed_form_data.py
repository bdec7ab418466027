"""What a closed-form head is adapted to, checked before anything changes."""

import numpy as np
from keras import ops


def checked_features(head, features):
    """The features as a float64 array, if the head can read them."""
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


def checked_labels(head, labels, features):
    """The labels as a flat array of ints, one for each row of features."""
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
