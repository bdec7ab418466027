import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.rejection.splitting import is_two
from keras_incremental.rejection.splitting import ward

# Ward's clustering holds the distances of all pairs: 1.6 GB.
MAX_SAMPLES = 20_000
# Further from the center than so many medians, a sample belongs nowhere.
FAR = 3.0


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Clusters:
    """Samples in groups that may be classes. Made by `cluster`.

    Attributes:
        indices: Ints of shape `(num_samples,)`: what the samples are called.
        labels: Ints of the same shape: the cluster of each, from 0 for the
            largest one; -1 for samples that belong nowhere.
        sizes: Tuple of ints, how many samples each cluster has.
        centers: Tuple of ints, the index of the most central sample of each.
    """

    indices: np.ndarray
    labels: np.ndarray
    sizes: tuple[int, ...]
    centers: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.sizes)

    def members(self, cluster: int) -> np.ndarray:
        """Indices of the samples of one cluster, or of -1."""
        return self.indices[self.labels == cluster]

    def named(
        self, names: Mapping[int, str | None] | Sequence[str | None]
    ) -> dict[int, str | None]:
        """Names of single samples, from names of clusters.

        Args:
            names: Dict of clusters and their names; or a list of names, one
                for each cluster in order. `None` for what is not clear.

        Returns:
            Dict of indices and names, for `ReviewQueue.answer`.

        Raises:
            ValueError: if there is no such cluster.
        """
        if not isinstance(names, Mapping):
            names = dict(enumerate(names))
        missing = [k for k in names if k not in range(len(self))]
        if missing:
            raise ValueError(
                f"There are {len(self)} clusters, from 0. Received: names of "
                f"the clusters {missing}. Name those that there are."
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
        nowhere = len(self.members(-1))
        return "\n".join([*lines, f"nowhere: {nowhere} samples"])

    __repr__ = __str__


def cluster(
    features: ArrayLike,
    min_size: int = 5,
    indices: ArrayLike | None = None,
    seed: int = 0,
) -> Clusters:
    """Groups samples of unknown classes, and finds out how many there are.

    Ward's tree is cut from the top, as long as the two sides of a cut are
    further apart than the halves of one normal distribution would be. What
    is no normal distribution may come in several clusters: give those one
    name. It needs scikit-learn.

    Reference:
    - [Ward, 1963](https://doi.org/10.1080/01621459.1963.10500845);
      [Kimes et al., 2017](https://arxiv.org/abs/1411.5259), the test of cuts

    Args:
        features: Array of shape `(num_samples, features)`.
        min_size: Int, 2 or more: samples of smaller clusters belong nowhere.
            A larger value gives fewer clusters. Defaults to `5`.
        indices: Ints, what the samples are called. Defaults to `None`: their
            rows.
        seed: Int. Decides what cuts are compared with. Defaults to `0`.

    Returns:
        `Clusters`, the largest first.

    Raises:
        ImportError: if scikit-learn is not installed.
        ValueError: if the features are no rows of finite numbers.

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
    groups = [_without_far_ones(rows, g) for g in _groups(rows, min_size, seed)]
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
    """Arrays of row numbers, one for each cluster."""
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
        # A group this large is never a leaf.
        sides = tree[node - len(rows)]
        if is_two(rows, *(_leaves(tree, side) for side in sides), generator):
            nodes.extend(sides)
        else:
            yield group


def _leaves(tree, node):
    """Row numbers below a node of a tree of pairs."""
    count, leaves, nodes = len(tree) + 1, [], [node]
    while nodes:
        node = nodes.pop()
        if node < count:
            leaves.append(node)
        else:
            nodes.extend(tree[node - count])
    return np.sort(np.array(leaves, int))


def _without_far_ones(rows, group):
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
            "look for what is not finite."
        )
    if len(rows) > MAX_SAMPLES:
        raise ValueError(
            f"`cluster` takes up to {MAX_SAMPLES} samples. Received: "
            f"{len(rows)}. Pass a part of them, drawn at random."
        )
    if min_size < 2:
        raise ValueError(
            "`min_size` of `cluster` must be 2 or more. Received: "
            f"min_size={min_size}."
        )
    return rows
