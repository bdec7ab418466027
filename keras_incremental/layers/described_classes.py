"""Classes that a head knows by where their samples lie."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_incremental.layers.class_description import LEAST
from keras_incremental.layers.class_description import PARTS
from keras_incremental.layers.class_description import centered
from keras_incremental.statistics.gaussian import RANK
from keras_incremental.statistics.gaussian import Gaussian
from keras_incremental.utils import devices
from keras_incremental.utils import state
from keras_incremental.utils.types import Store
from keras_incremental.utils.types import Tensor

MOST_DRAWN = 200
PREFIX = "described_"


class DescribedClasses:
    """Logits of classes by the distance of samples from what was seen of them.

    With `d` the distance of a sample from a class, `t` its threshold and `a`
    its slope, the logit is

        z = logsumexp(z[:base]) + a * (t - d)

    so that a sample is taken for the class where `d < t`, and the logits of
    all other classes stay as they are. Unlabeled samples give other factors
    to both distances that `d` is the sum of, and a column `w` for the features
    `f`; then it is

        z = logsumexp(z[:base]) + min(l(d) + f @ w, a * (u - d))

    with `l` linear in the distances, and `u` the largest distance of a sample
    of the class that is left out.

    Weights have one row for each described class: `center`, `directions` and
    `shares` of its `Gaussian` in the features, and the same of that in the
    logits; `line`: the constant of `l` and its factors of both distances;
    `limit`: the same of the second part; `column`: `w`; `spread`: the variance
    of the first `Gaussian`, and how many samples there were. None of them is
    trained.

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
            name: ops.convert_to_numpy(value)
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
        lengths = (
            self._lengths(features, ""),
            self._lengths(centered(base, ops), "logit_"),
        )
        column = ops.transpose(self.weights["column"])
        own = _along(self.weights["line"], *lengths)
        own = own + ops.matmul(features, column)
        own = ops.minimum(own, _along(self.weights["limit"], *lengths))
        own = own + ops.logsumexp(base, axis=-1, keepdims=True)
        return self._put_in(raw, ops.cast(own, raw.dtype))

    def plain(
        self, inputs: keras.KerasTensor, raw: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Builds the same logits from layers and operations of Keras."""
        if not self.classes:
            return raw
        base = ops.cast(raw[..., : self.base], "float32")
        view = centered(base, ops)
        total = ops.logsumexp(base, axis=-1, keepdims=True)
        arrays, columns = self.arrays(), []
        for index in range(len(self.classes)):
            row = {name: value[index] for name, value in arrays.items()}
            lengths = (
                _plain_length(inputs, row, ""),
                _plain_length(view, row, "logit_"),
            )
            known = _plain_line(row["line"], *lengths)
            if row["column"].any():
                known = known + _plain_dense(inputs, row["column"][:, None])
                limit = _plain_line(row["limit"], *lengths)
                known = ops.minimum(known, limit)
            columns.append(total + known)
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
        if found:
            # Before, no unlabeled samples told where a class ends.
            found.setdefault("limit", found.get("line", np.zeros(0)))
            found.setdefault("column", np.zeros_like(found.get("center", 0.0)))
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
            "limit": (count, 3),
            "column": (count, size),
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


def _plain_length(inputs, row, prefix):
    center, directions, shares = (row[prefix + name] for name in PARTS)
    steps = keras.layers.Normalization(
        mean=center, variance=np.ones_like(center), dtype="float32"
    )(inputs)
    along = _plain_dense(steps, directions)
    others = steps - _plain_dense(along, directions.T)
    weighted = _plain_dense(along, np.diag(np.sqrt(shares)))
    return ops.expand_dims(_root(others, ops.square(weighted)), -1)


def _along(line, distance, view):
    """Returns what a line of each class says of both distances."""
    return line[:, 0] - line[:, 1] * distance - line[:, 2] * view


def _plain_line(line, distance, view):
    offset, *factors = map(float, line)
    return offset - (factors[0] * distance + factors[1] * view)


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
