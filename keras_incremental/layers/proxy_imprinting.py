import numpy as np

from keras_incremental.layers.column_initializers import ColumnInitializer
from keras_incremental.utils.types import Tensor

ROUNDS = 20


class ProxyImprinting(ColumnInitializer):
    """Columns of a cosine head that point at the features of new classes.

    The column of a class is the mean of the directions of its features. With
    one feature, its cosine is 1. Several proxies are the cluster centers that
    k-means finds among the directions.

    Reference:
    - [Qi et al., 2018](https://arxiv.org/abs/1712.07136)
    - [Douillard et al., 2020](https://arxiv.org/abs/2004.13513), the proxies

    Args:
        features: Array of shape `(num_samples, input_dim)`.
        labels: Ints of shape `(num_samples,)`: 0 for the first new class.

    Raises:
        ValueError: where there are no features of a new class.
    """

    def __init__(self, features: Tensor, labels: Tensor):
        self.features = _directions(np.asarray(features, "float64"))
        self.labels = np.asarray(labels)

    def __call__(
        self, columns: dict[str, np.ndarray], units: int, seed: int | None
    ) -> dict[str, np.ndarray]:
        missing = sorted(set(range(units)) - set(self.labels.tolist()))
        if missing:
            raise ValueError(
                "`ProxyImprinting` needs features of every new class. "
                f"Received: none for the new classes {missing} of {units}."
            )
        kernel = columns["kernel"]
        proxies = kernel.shape[1] if kernel.ndim == 3 else 1
        length = np.linalg.norm(kernel, axis=0).mean() or 1.0
        random = np.random.default_rng(seed)
        centers = [
            centers_of(self.features[self.labels == k], proxies, random)
            for k in range(units)
        ]
        new = length * np.stack(centers, -1)
        new = np.swapaxes(new, 0, 1) if kernel.ndim == 3 else new[0]
        return {"kernel": new.astype(kernel.dtype)}


def centers_of(
    vectors: np.ndarray, count: int, random: np.random.Generator
) -> np.ndarray:
    """Returns the cluster centers of unit vectors, of length 1.

    Args:
        vectors: Array of shape `(num_samples, input_dim)`.
        count: Int, how many centers. Some are the same where there are fewer
            vectors.
        random: `numpy.random.Generator`, of the first centers.

    Returns:
        Array of shape `(count, input_dim)`.
    """
    order = random.permutation(len(vectors))
    centers = vectors[np.resize(order, count)]
    for _ in range(ROUNDS if count > 1 else 1):
        nearest = (vectors @ centers.T).argmax(1)
        moved = [vectors[nearest == k] for k in range(count)]
        centers = np.stack(
            [
                group.sum(0) if len(group) else center
                for group, center in zip(moved, centers, strict=True)
            ]
        )
        centers = _directions(centers)
    return centers


def _directions(vectors):
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)
