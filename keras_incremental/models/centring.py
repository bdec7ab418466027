"""Training a linear head in coordinates where its inputs are centred.

Features of a pretrained network are mostly positive: their mean is by far
their largest component, and a column that is pulled towards a new class is
pulled towards every class. Taking the mean off, and training an equivalent
head, cures that. The stored head stays in the coordinates of the network.
"""

import contextlib

import numpy as np


class FeatureStatistics:
    """Running mean and spread of the features of all pictures learnt.

    Attributes:
        count: Int. How many pictures it has seen.
        mean: Array of shape `(features,)`, or `None` before the first.
        spread: Float. Sum over pictures of the mean squared distance of a
            feature to its mean.
    """

    def __init__(self, count=0, mean=None, spread=0.0):
        self.count = count
        self.mean = mean
        self.spread = spread

    def updated(self, features):
        """The statistics with more features of shape `(n, features)`."""
        features = np.asarray(features, "float64").reshape(
            -1, np.shape(features)[-1]
        )
        mean = features.mean(0)
        spread = np.square(features - mean).mean(1).sum()
        if not self.count:
            return FeatureStatistics(len(features), mean, spread)
        count = self.count + len(features)
        step = mean - self.mean
        share = len(features) / count
        between = np.square(step).mean() * self.count * share
        return FeatureStatistics(
            count, self.mean + share * step, self.spread + spread + between
        )

    @property
    def scale(self):
        """Float. Root mean squared distance of a feature to its mean."""
        scale = np.sqrt(self.spread / max(self.count, 1))
        return float(scale) if scale > 1e-12 else 1.0


@contextlib.contextmanager
def centred(head, statistics):
    """Holds the head, inside the block, in centred coordinates.

    With `u = (features - mean) / scale`, the same logits come from the
    kernel `scale * kernel` and the bias `bias + mean @ kernel`. Columns of
    frozen groups come back to the bit.
    """
    mean, scale = statistics.mean, statistics.scale
    before = {name: head.columns(name) for name in ("kernel", "bias")}
    kernel = before["kernel"].astype("float64")
    head.assign_columns("kernel", kernel * scale)
    head.assign_columns("bias", before["bias"] + mean @ kernel)
    yield
    kernel = head.columns("kernel").astype("float64") / scale
    bias = head.columns("bias") - mean @ kernel
    frozen = sum(head.group_sizes[: head.frozen_groups])
    for name, value in (("kernel", kernel), ("bias", bias)):
        value[..., :frozen] = before[name][..., :frozen]
        head.assign_columns(name, value)


def can_centre(head):
    """Whether moving to other coordinates leaves the loss as it is."""
    plain = all(variable.regularizer is None for variable in head.weights)
    return plain and set(head.column_shapes(1, 1)) == {"kernel", "bias"}
