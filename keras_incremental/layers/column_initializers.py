"""How the columns of newly arrived classes start.

Arrays in, arrays out: `initializer(columns, units, seed)` gets the columns
of the old classes, a dict such as `{"kernel": (input_dim, old_units),
"bias": (old_units,)}`, and returns the same names for `units` new classes.
"""

import random

import keras
import numpy as np


class ColumnInitializer:
    """Base of the initializers of new columns."""

    def __call__(self, columns, units, seed):
        raise NotImplementedError

    def among(self, kept):
        """The same initializer for the columns `kept` of the old classes."""
        return self


class Zeros(ColumnInitializer):
    """New logits are 0. Wins everywhere if all old logits are negative."""

    def __call__(self, columns, units, seed):
        return {
            name: np.zeros((*value.shape[:-1], units), value.dtype)
            for name, value in columns.items()
        }


class MatchOldScale(ColumnInitializer):
    """Random columns with the spread of the old ones, and their mean bias."""

    def __call__(self, columns, units, seed):
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
    """Each new class starts as probable as an average old one.

    Args:
        noise: Float. Spread of the noise that tells new classes apart, as a
            share of the spread of the old columns. Defaults to `0.01`.
    """

    def __init__(self, noise=0.01):
        self.noise = noise

    def __call__(self, columns, units, seed):
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
    """Points each new column at the mean feature of its class.

    Features of a pretrained network are mostly positive, so every class
    mean points the same way; `center`, the mean over all features whose
    mean is known, is taken off first.

    Reference:
    - [Qi et al., 2018](https://arxiv.org/abs/1712.07136). The centering is an
        addition for linear heads.

    Args:
        features: Array of shape `(num_samples, input_dim)`.
        labels: Ints of shape `(num_samples,)`: 0 for the first new class.
        center: Array of shape `(input_dim,)`. Defaults to the mean of
            `features`.
    """

    def __init__(self, features, labels, center=None):
        self.features = np.asarray(features, "float64")
        self.labels = np.asarray(labels)
        self.center = self.features.mean(0) if center is None else center

    def __call__(self, columns, units, seed):
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
    """Each new class starts as a copy of an old one, its parent.

    Args:
        parents: Int or list of ints: the index of the old class of each new
            one.
    """

    def __init__(self, parents):
        self.parents = np.atleast_1d(parents)

    def __call__(self, columns, units, seed):
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

    def among(self, kept):
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
    """A Keras initializer for the kernel, drawn as for the whole head."""

    def __init__(self, initializer):
        self.initializer = keras.initializers.get(initializer)

    def __call__(self, columns, units, seed):
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


def get(identifier):
    """The column initializer of a name, an object or a Keras initializer."""
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


def new_columns(head, units, initializer, seed=None):
    """Columns of `units` new classes for a built head, arrays by name."""
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
