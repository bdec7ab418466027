"""Initializers of the columns of new classes.

`initializer(columns, units, seed)` takes the columns of the old classes, a
dict of arrays such as `{"kernel": (input_dim, old_units), "bias":
(old_units,)}`. It returns a dict of arrays for `units` new classes.
"""

import random
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_incremental.utils.types import InitializerLike
from keras_incremental.utils.types import Tensor


class ColumnInitializer:
    """Base class of the initializers of new columns.

    Subclasses implement `__call__(columns, units, seed)`. It returns a dict
    of arrays, the columns of `units` new classes, with the names and dtypes
    of `columns`, those of the old classes.

    Example:

    >>> import keras_incremental as ki
    >>> class LastClass(ki.layers.ColumnInitializer):
    ...     def __call__(self, columns, units, seed):
    ...         last = {k: v[..., -1:] for k, v in columns.items()}
    ...         return {k: v.repeat(units, -1) for k, v in last.items()}
    >>> head = ki.layers.ExpandableDense(2)
    >>> head.build((None, 4))
    >>> head.expand(3, initializer=LastClass())
    >>> head.units
    5
    """

    def __call__(
        self, columns: dict[str, np.ndarray], units: int, seed: int | None
    ) -> dict[str, np.ndarray]:
        raise NotImplementedError

    def among(self, kept: np.ndarray) -> "ColumnInitializer":
        """Returns the initializer for a part of the old columns.

        Args:
            kept: Ints, the indices of the old classes that stay.
        """
        return self


class Zeros(ColumnInitializer):
    """Columns of zeros, so that new logits are 0.

    A new class is predicted for each sample whose old logits are negative.
    """

    def __call__(
        self, columns: dict[str, np.ndarray], units: int, seed: int | None
    ) -> dict[str, np.ndarray]:
        return {
            name: np.zeros((*value.shape[:-1], units), value.dtype)
            for name, value in columns.items()
        }


class MatchOldScale(ColumnInitializer):
    """Random columns with the spread of the old ones, and their mean bias."""

    def __call__(
        self, columns: dict[str, np.ndarray], units: int, seed: int | None
    ) -> dict[str, np.ndarray]:
        generator = np.random.default_rng(seed)
        return {
            name: self._like(name, value, units, generator)
            for name, value in columns.items()
        }

    def _like(self, name, value, units, generator):
        shape = (*value.shape[:-1], units)
        if value.ndim == 1:
            return np.full(shape, value.mean(), value.dtype)
        draw = generator.standard_normal(shape) * value.std()
        return draw.astype(value.dtype)


class MeanOfOld(ColumnInitializer):
    """The mean of the old columns, with a little noise.

    Args:
        noise: Float. Spread of the noise that tells new classes apart, as a
            share of the spread of the old columns. Defaults to `0.01`.
    """

    def __init__(self, noise: float = 0.01):
        self.noise = noise

    def __call__(
        self, columns: dict[str, np.ndarray], units: int, seed: int | None
    ) -> dict[str, np.ndarray]:
        generator = np.random.default_rng(seed)
        result = {}
        for name, value in columns.items():
            mean = value.mean(-1, keepdims=True)
            new = np.repeat(mean, units, -1)
            if value.ndim > 1:
                draw = generator.standard_normal(new.shape)
                new = new + self.noise * value.std() * draw
            result[name] = new.astype(value.dtype)
        return result


class Imprinting(ColumnInitializer):
    """Columns that point at the mean feature of their class.

    Features of a pretrained network are mostly positive, so all class means
    have nearly the same direction. Therefore `center` is subtracted first.

    Reference:
    - [Qi et al., 2018](https://arxiv.org/abs/1712.07136). The centering is an
        addition for linear heads.

    Args:
        features: Array of shape `(num_samples, input_dim)`.
        labels: Ints of shape `(num_samples,)`: 0 for the first new class.
        center: Array of shape `(input_dim,)`. Defaults to the mean of
            `features`.
    """

    def __init__(
        self, features: Tensor, labels: Tensor, center: Tensor | None = None
    ):
        self.features = np.asarray(features, "float64")
        self.labels = np.asarray(labels)
        self.center = self.features.mean(0) if center is None else center

    def __call__(
        self, columns: dict[str, np.ndarray], units: int, seed: int | None
    ) -> dict[str, np.ndarray]:
        missing = sorted(set(range(units)) - set(self.labels.tolist()))
        if missing:
            raise ValueError(
                "`Imprinting` needs features of every new class. Received: "
                f"none for the new classes {missing} of {units}."
            )
        kernel = columns["kernel"]
        scale = np.linalg.norm(kernel, axis=0).mean()
        new = np.stack(
            [scale * self._direction(label) for label in range(units)], -1
        )
        result = {"kernel": new.astype(kernel.dtype)}
        if "bias" in columns:
            bias = columns["bias"].mean() - self.center @ new
            result["bias"] = bias.astype(columns["bias"].dtype)
        return result

    def _direction(self, label):
        vectors = self.features[self.labels == label]
        vectors = vectors / _norms(vectors)
        mean = vectors.mean(0)
        center = self.center / max(np.linalg.norm(self.center), 1e-12)
        difference = mean / max(np.linalg.norm(mean), 1e-12) - center
        return difference / max(np.linalg.norm(difference), 1e-12)


class CopyOf(ColumnInitializer):
    """Copies of the columns of old classes, the parents.

    Args:
        parents: Int or list of ints: the index of the old class of each new
            one.
    """

    def __init__(self, parents: int | Sequence[int]):
        self.parents = np.atleast_1d(parents)

    def __call__(
        self, columns: dict[str, np.ndarray], units: int, seed: int | None
    ) -> dict[str, np.ndarray]:
        old = next(iter(columns.values())).shape[-1]
        if len(self.parents) != units or not np.all(
            (self.parents >= 0) & (self.parents < old)
        ):
            raise ValueError(
                "`CopyOf` needs one index of an old class, from 0 to "
                f"{old - 1}, for each of the {units} new classes. Received: "
                f"parents={self.parents.tolist()}."
            )
        return {n: v[..., self.parents].copy() for n, v in columns.items()}

    def among(self, kept: np.ndarray) -> "ColumnInitializer":
        places = {old: place for place, old in enumerate(kept.tolist())}
        missing = [p for p in self.parents.tolist() if p not in places]
        if missing:
            raise ValueError(
                "`CopyOf` cannot copy classes that came out of others. "
                f"Received: parents={missing}. Give `parents` to `expand` "
                "instead."
            )
        return CopyOf([places[parent] for parent in self.parents.tolist()])


class FromKeras(ColumnInitializer):
    """A Keras initializer, which draws the kernel of the whole head."""

    def __init__(self, initializer: InitializerLike):
        self.initializer = keras.initializers.get(initializer)

    def __call__(
        self, columns: dict[str, np.ndarray], units: int, seed: int | None
    ) -> dict[str, np.ndarray]:
        initializer, result = self._seeded(seed), {}
        for name, value in columns.items():
            shape = (*value.shape[:-1], value.shape[-1] + units)
            if value.ndim == 1:
                result[name] = np.zeros((units,), value.dtype)
            else:
                drawn = initializer(shape, dtype=value.dtype.name)
                drawn = keras.ops.convert_to_numpy(drawn)
                result[name] = drawn[..., -units:].copy()
        return result

    def _seeded(self, seed):
        # A seed of its own comes before that of `expand`.
        if not isinstance(self.initializer, keras.initializers.Initializer):
            return self.initializer
        config = self.initializer.get_config()
        if config.get("seed", 0) is None:
            config["seed"] = seed
        return self.initializer.from_config(config)


NAMED = {
    "zeros": Zeros,
    "match_old_scale": MatchOldScale,
    "mean_of_old": MeanOfOld,
}


def get(identifier: InitializerLike) -> ColumnInitializer:
    """Returns a column initializer for a name or a Keras initializer."""
    if isinstance(identifier, ColumnInitializer):
        return identifier
    if isinstance(identifier, str) and identifier in NAMED:
        return NAMED[identifier]()
    try:
        return FromKeras(identifier)
    except ValueError as error:
        raise ValueError(
            "`initializer` must be one of "
            f"{sorted(NAMED)}, an object of `layers.column_initializers`, or "
            f"a Keras initializer. Received: initializer={identifier!r}."
        ) from error


def new_columns(
    head: Any, units: int, initializer: InitializerLike, seed: int | None = None
) -> dict[str, np.ndarray]:
    """Returns the columns of `units` new classes of a head, by name."""
    columns = {name: head.columns(name) for name in head.column_shapes(1, 1)}
    seed = random.randint(1, 10**9) if seed is None else seed
    new = get(initializer)(columns, units, seed)
    expected = head.column_shapes(head.input_dim, units)
    found = {name: tuple(np.shape(value)) for name, value in new.items()}
    if found != expected:
        raise ValueError(
            f"`initializer` of {type(head).__name__} '{head.name}' must give "
            f"columns of the shapes {expected}. Received: "
            f"initializer={initializer!r}, which gave {found}. Make it from "
            "the features that this head reads."
        )
    return new


def _norms(vectors):
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.maximum(norms, 1e-12)
