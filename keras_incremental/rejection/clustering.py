import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.rejection.splitting import is_two
from keras_incremental.rejection.splitting import ward

# Ward's clustering stores the distances of all pairs: 1.6 GB.
MAX_SAMPLES = 20_000
# Maximum distance of a sample from the center of its cluster, in medians.
FAR = 3.0


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Clusters:
    """Clusters of samples that may be classes. See `cluster`.

    Attributes:
        indices: Ints of shape `(num_samples,)`, the indices of the samples.
        labels: Ints of the same shape, the cluster of each sample: 0 for the
            largest cluster, -1 for outliers.
        sizes: Tuple of ints. Number of samples of each cluster.
        centers: Tuple of ints. Index of the most central sample of each
            cluster.
    """

    indices: np.ndarray
    labels: np.ndarray
    sizes: tuple[int, ...]
    centers: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.sizes)

    def members(self, cluster: int) -> np.ndarray:
        """Returns the indices of the samples of a cluster, or of -1."""
        return self.indices[self.labels == cluster]

    def named(
        self, names: Mapping[int, str | None] | Sequence[str | None]
    ) -> dict[int, str | None]:
        """Returns the names of samples for given names of clusters.

        Args:
            names: Dict of clusters and names, or list of names, one for each
                cluster. Use `None` for a cluster without a clear class.

        Returns:
            Dict of indices and names, for `ReviewQueue.answer`.

        Raises:
            ValueError: if a cluster does not exist.
        """
        if not isinstance(names, Mapping):
            names = dict(enumerate(names))
        missing = [k for k in names if k not in range(len(self))]
        if missing:
            raise ValueError(
                f"`names` must be of the {len(self)} clusters, from 0. "
                f"Received: names of the clusters {missing}. Pass names of "
                "existing clusters."
            )
        return {
            int(index): name
            for cluster, name in names.items()
            for index in self.members(cluster)
        }

    def __str__(self) -> str:
        lines = [
            f"cluster {k}: {size} samples, such as index {self.centers[k]}"
            for k, size in enumerate(self.sizes)
        ]
        outliers = len(self.members(-1))
        return "\n".join([*lines, f"outliers: {outliers} samples"])

    __repr__ = __str__


def cluster(
    features: ArrayLike,
    min_size: int = 5,
    indices: ArrayLike | None = None,
    seed: int = 0,
) -> Clusters:
    """Clusters samples of unknown classes, and infers the number of clusters.

    The tree of Ward's clustering is split from the top, as long as the two
    parts are further apart than the halves of a single normal distribution
    would be. A class with another distribution may give several clusters:
    give them the same name. The function needs scikit-learn.

    Reference:
    - [Ward, 1963](https://doi.org/10.1080/01621459.1963.10500845);
      [Kimes et al., 2017](https://arxiv.org/abs/1411.5259), the test of cuts

    Args:
        features: Array of shape `(num_samples, features)`.
        min_size: Int, 2 or more. Samples of smaller clusters are outliers. A
            larger value gives fewer clusters. Defaults to `5`.
        indices: Ints. Indices of the samples. Defaults to `None`: row
            numbers.
        seed: Int. Seed of the random samples for the test of splits.
            Defaults to `0`.

    Returns:
        `Clusters`, the largest first.

    Raises:
        ImportError: if scikit-learn is not installed.
        ValueError: if `features` is not a matrix of finite numbers.

    Example:

    >>> import numpy as np
    >>> from keras_incremental.rejection import cluster
    >>> noise = np.random.default_rng(0).normal(size=(30, 2))
    >>> clusters = cluster(noise + np.repeat([[0], [20]], [20, 10], axis=0))
    >>> clusters.sizes
    (20, 10)
    """
    rows = _checked(features, min_size)
    indices = np.arange(len(rows)) if indices is None else np.asarray(indices)
    groups = [_without_outliers(rows, g) for g in _groups(rows, min_size, seed)]
    groups = sorted(groups, key=len, reverse=True)
    labels = np.full(len(rows), -1)
    for label, group in enumerate(groups):
        labels[group] = label
    return Clusters(
        indices,
        labels,
        tuple(len(group) for group in groups),
        tuple(int(indices[_most_central(rows, group)]) for group in groups),
    )


def _groups(rows, min_size, seed):
    """Yields the row numbers of each cluster."""
    if len(rows) < min_size:
        return
    generator = np.random.default_rng(seed)
    tree = ward(n_clusters=None, distance_threshold=0).fit(rows).children_
    nodes = [2 * len(rows) - 2]
    while nodes:
        node = nodes.pop()
        group = _leaves(tree, node)
        if len(group) < min_size:
            continue
        # A group with several rows is never a leaf.
        sides = tree[node - len(rows)]
        if is_two(rows, *(_leaves(tree, side) for side in sides), generator):
            nodes.extend(sides)
        else:
            yield group


def _leaves(tree, node):
    """Returns the row numbers below a node of the tree."""
    count, leaves, nodes = len(tree) + 1, [], [node]
    while nodes:
        node = nodes.pop()
        if node < count:
            leaves.append(node)
        else:
            nodes.extend(tree[node - count])
    return np.sort(np.array(leaves, int))


def _without_outliers(rows, group):
    distances = _from_center(rows, group)
    return group[distances <= FAR * np.median(distances)]


def _most_central(rows, group):
    return group[_from_center(rows, group).argmin()]


def _from_center(rows, group):
    return np.linalg.norm(rows[group] - rows[group].mean(0), axis=-1)


def _checked(features, min_size):
    rows = np.asarray(features, "float64")
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise ValueError(
            "`features` of `cluster` must be rows of finite numbers. "
            f"Received: an array of shape {rows.shape}. Pool maps first, and "
            "remove NaN and infinite values."
        )
    if len(rows) > MAX_SAMPLES:
        raise ValueError(
            f"`cluster` takes up to {MAX_SAMPLES} samples. Received: "
            f"{len(rows)}. Pass a random subset."
        )
    if min_size < 2:
        raise ValueError(
            "`min_size` of `cluster` must be 2 or more. Received: "
            f"min_size={min_size}."
        )
    return rows
