"""Classes that a head knows by where their samples lie."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_incremental.statistics.gaussian import RANK
from keras_incremental.statistics.gaussian import Gaussian
from keras_incremental.utils import devices
from keras_incremental.utils import state
from keras_incremental.utils.types import Store
from keras_incremental.utils.types import Tensor

# Samples of a class that are enough to hold out some of them.
LEAST = 5
FOLDS = 5
MOST_DRAWN = 200
PREFIX = "described_"
PARTS = ("center", "directions", "shares")


def describe(
    features: np.ndarray, logits: np.ndarray, recall: float
) -> dict[str, np.ndarray]:
    """Returns the description of a class.

    Its samples are near to each other in the features, and in what the head
    says of them. Both are Mahalanobis distances. Each is standardized by its
    values on samples that are left out in turn, and the sum is compared with
    the one that a share `recall` of these samples stays below.

    Args:
        features: Array of shape `(num_samples, input_dim)`, of 5 samples or
            more.
        logits: Array of shape `(num_samples, base)`, of the classes that are
            not described.
        recall: Float in `(0, 1]`.

    Returns:
        Dict of arrays, see `DescribedClasses`.
    """
    logits = _centered(logits, np)
    parts = [Gaussian.of(rows) for rows in (features, logits)]
    left_out = [_left_out(rows) for rows in (features, logits)]
    means = [distances.mean() for distances in left_out]
    # A distance that is the same for all says nothing.
    factors = [1 / d.std() if d.std() > 0 else 0.0 for d in left_out]
    sums = sum(
        factor * (distances - mean)
        for factor, distances, mean in zip(
            factors, left_out, means, strict=True
        )
    )
    # The logistic distribution of the same spread.
    slope = np.pi / np.sqrt(3 * sums.var()) if sums.var() > 0 else 1.0
    threshold = np.quantile(sums, recall) + np.dot(factors, means)
    scales = [
        factor / np.sqrt(part.variance)
        for factor, part in zip(factors, parts, strict=True)
    ]
    return {
        **_rows(parts[0], ""),
        **_rows(parts[1], "logit_"),
        "line": slope * np.array([threshold, *scales]),
        "spread": np.array([parts[0].variance, len(features)]),
    }


class DescribedClasses:
    """Logits of classes by the distance of samples from what was seen of them.

    With `d` the distance of a sample from a class, `t` its threshold and `a`
    its slope, the logit is

        z = logsumexp(z[:base]) + a * (t - d)

    so that a sample is taken for the class where `d < t`, and the logits of
    all other classes stay as they are.

    Weights have one row for each described class: `center`, `directions` and
    `shares` of its `Gaussian` in the features, and the same of that in the
    logits; `line`: `a * t` and the factors of both distances; `spread`: the
    variance of the first `Gaussian`, and how many samples there were. None of
    them is trained.

    Args:
        owner: The head, whose weights they are.
        classes: Ints in rising order, the described classes.
    """

    def __init__(self, owner: keras.layers.Layer, classes: Sequence[int] = ()):
        self.owner = owner
        self.classes = tuple(int(k) for k in classes)
        self.weights: dict[str, keras.Variable] = {}

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def base(self) -> int:
        """Int. The number of classes before the first described one."""
        return self.classes[0]

    def build(self) -> None:
        """Makes weights of zeros, to be loaded."""
        if self.classes:
            shapes = self._shapes()
            self._make({n: np.zeros(shape) for n, shape in shapes.items()})

    def add(self, rows: dict[int, dict[str, np.ndarray]]) -> None:
        """Adds or replaces descriptions of classes.

        Args:
            rows: Dict of classes and what `describe` returns.
        """
        old = self.arrays()
        known = {
            label: {name: value[index] for name, value in old.items()}
            for index, label in enumerate(self.classes)
        }
        known.update(rows)
        self.restore(
            tuple(sorted(known)),
            {
                name: np.stack([known[label][name] for label in sorted(known)])
                for name in self._shapes(1)
            },
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns a dict of the weights."""
        return {
            name: ops.convert_to_numpy(value).copy()
            for name, value in self.weights.items()
        }

    def restore(
        self, classes: Sequence[int], arrays: dict[str, np.ndarray]
    ) -> None:
        """Brings back the classes and the weights that there were."""
        state.remove_variables(self.owner, self.weights.values())
        self.weights = {}
        self.classes = tuple(classes)
        if self.classes:
            self._make(arrays)

    def draw(self, label: int) -> np.ndarray:
        """Returns features of a class, drawn from its `Gaussian`.

        They are as many as it was described by, up to 200.
        """
        index = self.classes.index(label)
        row = {
            name: value[index].astype("float64")
            for name, value in self.arrays().items()
        }
        variance, count = row["spread"]
        gaussian = Gaussian(
            row["center"], row["directions"], row["shares"], variance
        )
        return gaussian.draw(min(int(count), MOST_DRAWN), seed=label)

    def completed(self, inputs: Tensor, raw: Tensor) -> Tensor:
        """Returns logits with those of the described classes put in.

        Args:
            inputs: Tensor of shape `(batch_size, input_dim)`.
            raw: Tensor of shape `(batch_size, units)`.
        """
        if not self.classes:
            return raw
        base = ops.cast(raw[..., : self.base], "float32")
        features = ops.cast(inputs, "float32")
        line = self.weights["line"]
        own = (
            line[:, 0]
            - line[:, 1] * self._lengths(features, "")
            - line[:, 2] * self._lengths(_centered(base, ops), "logit_")
        )
        own = own + ops.logsumexp(base, axis=-1, keepdims=True)
        return self._put_in(raw, ops.cast(own, raw.dtype))

    def plain(
        self, inputs: keras.KerasTensor, raw: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Builds the same logits from layers and operations of Keras."""
        if not self.classes:
            return raw
        base = ops.cast(raw[..., : self.base], "float32")
        centered = _centered(base, ops)
        total = ops.logsumexp(base, axis=-1, keepdims=True)
        arrays, columns = self.arrays(), []
        for index in range(len(self.classes)):
            row = {name: value[index] for name, value in arrays.items()}
            offset, *factors = map(float, row["line"])
            distance = _plain_length(inputs, row, "")
            view = _plain_length(centered, row, "logit_")
            away = factors[0] * distance + factors[1] * view
            columns.append(total + offset - away)
        own = columns[0] if len(columns) == 1 else ops.concatenate(columns, -1)
        return self._put_in(raw, ops.cast(own, raw.dtype))

    def save(self, store: Store) -> None:
        """Writes the weights to the store of the head."""
        for name, value in self.arrays().items():
            store[PREFIX + name] = value

    def load(self, store: Store) -> None:
        """Reads the weights from the store of the head."""
        expected = {name: tuple(v.shape) for name, v in self.weights.items()}
        found = {
            name.removeprefix(PREFIX): np.asarray(store[name])
            for name in store.keys()
            if name.startswith(PREFIX)
        }
        shapes = {name: value.shape for name, value in found.items()}
        if shapes != expected:
            raise ValueError(
                f"{type(self.owner).__name__} '{self.owner.name}' describes "
                f"the classes {list(self.classes)} by {expected}. Received: "
                f"a file with {shapes}. Load the whole model."
            )
        for name, value in found.items():
            self.weights[name].assign(value)

    def _shapes(self, base: int | None = None) -> dict[str, tuple[int, ...]]:
        base = self.base if base is None else base
        count, size = len(self.classes), self.owner.input_dim
        return {
            "center": (count, size),
            "directions": (count, size, min(RANK, size)),
            "shares": (count, min(RANK, size)),
            "logit_center": (count, base),
            "logit_directions": (count, base, min(RANK, base)),
            "logit_shares": (count, min(RANK, base)),
            "line": (count, 3),
            "spread": (count, 2),
        }

    def _lengths(self, vectors, prefix):
        """Returns distances from each class, times the root of a variance."""
        center, directions, shares = (
            self.weights[prefix + name] for name in PARTS
        )
        steps = ops.expand_dims(vectors, -2) - center
        along = ops.einsum("...nf,nfr->...nr", steps, directions)
        others = steps - ops.einsum("...nr,nfr->...nf", along, directions)
        return _root(others, ops.square(along) * shares)

    def _make(self, arrays: dict[str, Any]) -> None:
        owner = self.owner
        with state.unlocked(owner), devices.scope_of(owner.weights):
            self.weights = {
                name: owner.add_weight(
                    name=PREFIX + name,
                    shape=value.shape,
                    initializer=_constant(value),
                    dtype="float32",
                    trainable=False,
                    autocast=False,
                )
                for name, value in arrays.items()
            }

    def _put_in(self, raw: Tensor, own: Tensor) -> Tensor:
        """Returns logits, in the order of the classes."""
        units = raw.shape[-1]
        order = np.arange(units)
        order[list(self.classes)] = units + np.arange(len(self.classes))
        return ops.take(ops.concatenate([raw, own], axis=-1), order, axis=-1)


def check_describable(head: Any, labels: np.ndarray, recall: float) -> None:
    """Raises if classes of a head cannot be described.

    Args:
        head: `ExpandableDense`.
        labels: Ints, one for each sample.
        recall: Float.
    """
    owner = f"{type(head).__name__} '{head.name}'"
    if not 0 < recall <= 1:
        raise ValueError(
            f"`recall` of {owner} must be in (0, 1]. Received: recall={recall}."
        )
    if not head.can_describe:
        raise ValueError(
            f"{owner} describes classes that exclude each other, none of "
            f"them divided. Received: parents={list(head.parents)}, "
            f"exclusive={head.exclusive}. Train the columns instead."
        )
    counts = np.bincount(labels, minlength=head.units)
    first = head.described[0] if head.described else 1
    early = np.flatnonzero(counts[:first]).tolist()
    if early:
        raise ValueError(
            f"`labels` of classes that {owner} can describe are from "
            f"{first} to {head.units - 1}. Received: {early}. Expand the head "
            "first, or solve it from samples of all classes."
        )
    few = {
        int(k): int(counts[k])
        for k in np.flatnonzero(counts)
        if counts[k] < LEAST and k not in head.described
    }
    if few:
        raise ValueError(
            f"{owner} describes a class by {LEAST} samples or more. "
            f"Received: {few}, classes and their samples. Pass more, or "
            "train the columns instead."
        )


def _left_out(samples):
    """Returns the distance of each sample from the others."""
    order = np.random.default_rng(0).permutation(len(samples))
    distances = np.zeros(len(samples))
    for rows in np.array_split(order, FOLDS):
        others = np.setdiff1d(order, rows)
        distances[rows] = Gaussian.of(samples[others]).distances(samples[rows])
    return distances


def _centered(logits, numpy):
    """A softmax does not change where all logits do alike."""
    return logits - numpy.mean(logits, axis=-1, keepdims=True)


def _rows(gaussian, prefix):
    """Returns the parts of a distribution, of the same rank for all."""
    size, rank = gaussian.directions.shape
    missing = min(RANK, size) - rank
    parts = (
        gaussian.center,
        np.pad(gaussian.directions, ((0, 0), (0, missing))),
        np.pad(gaussian.shares, (0, missing), constant_values=1.0),
    )
    return {prefix + name: v for name, v in zip(PARTS, parts, strict=True)}


def _plain_length(inputs, row, prefix):
    center, directions, shares = (row[prefix + name] for name in PARTS)
    steps = keras.layers.Normalization(
        mean=center, variance=np.ones_like(center), dtype="float32"
    )(inputs)
    along = _plain_dense(steps, directions)
    others = steps - _plain_dense(along, directions.T)
    weighted = _plain_dense(along, np.diag(np.sqrt(shares)))
    return ops.expand_dims(_root(others, ops.square(weighted)), -1)


def _plain_dense(inputs, kernel):
    layer = keras.layers.Dense(
        kernel.shape[-1], use_bias=False, dtype="float32"
    )
    outputs = layer(inputs)
    layer.set_weights([kernel])
    return outputs


def _root(others, weighted):
    squares = ops.sum(ops.square(others), -1) + ops.sum(weighted, -1)
    # The gradient of a root is infinite at 0.
    return ops.sqrt(ops.maximum(squares, keras.config.epsilon()))


def _constant(value):
    return lambda shape, dtype=None: ops.convert_to_tensor(value, dtype=dtype)
