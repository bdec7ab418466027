"""Names of variables that tell them all apart."""

import collections
from collections.abc import Iterable

import keras


def variable_keys(
    model: keras.Model,
) -> list[tuple[str, keras.Variable]]:
    """Returns the variables of a model, each with a key of its own.

    The key is the path. Where several variables have one, as in two nested
    models with a layer of the same name, the second has `"#2"` behind it, in
    the order of `model.variables`.

    Args:
        model: Built model.

    Returns:
        List of pairs of a string and a variable.
    """
    return keyed(model.variables)


def keyed(
    variables: Iterable[keras.Variable],
) -> list[tuple[str, keras.Variable]]:
    """Returns variables with keys that tell them apart, in their order."""
    seen: collections.Counter[str] = collections.Counter()
    pairs = []
    for variable in variables:
        path = variable.path
        seen[path] += 1
        key = path if seen[path] == 1 else f"{path}#{seen[path]}"
        pairs.append((key, variable))
    return pairs


def trainable_keys(
    model: keras.Model,
) -> list[tuple[str, keras.Variable]]:
    """Returns the trainable variables of a model with their keys.

    They are in the order of `model.trainable_variables`.
    """
    keys = {id(variable): key for key, variable in variable_keys(model)}
    return [(keys[id(v)], v) for v in model.trainable_variables]
