"""The recipes that are run, each with the exemplars that a protocol allows.

A recipe with arguments is written as `er+mixing=concatenate`: its name, then
each argument after a plus sign.
"""

import ast
import inspect

from keras_incremental import contrib
from keras_incremental import recipes
from keras_incremental.memory import Reservoir
from keras_incremental.models import IncrementalClassifier


def names() -> list[str]:
    """Returns the names of all recipes, obsolete ones last."""
    return [*recipes.names(), *contrib.names()]


def chosen(wanted) -> list[str]:
    """Returns the recipes to run, in the order of the request.

    Args:
        wanted: List of recipes, or `["all"]` for those of
            `keras_incremental.recipes` that learn in phases.

    Raises:
        ValueError: if there is no recipe of a name, or if it has no such
            argument.
    """
    if list(wanted) == ["all"]:
        return [name for name in recipes.names() if _learns_in_phases(name)]
    known = names()
    unknown = sorted({_split(method)[0] for method in wanted} - set(known))
    if unknown:
        raise ValueError(
            f"There are no recipes {unknown}. Received: recipes="
            f"{list(wanted)}. Choose from {sorted(known)}."
        )
    for method in wanted:
        _check_arguments(method)
    return list(wanted)


def options_of(method, protocol) -> dict:
    """Returns the arguments of a recipe, and its budget where it has one.

    Args:
        method: Name of a recipe, with arguments or without.
        protocol: `Protocol`.
    """
    name, own = _split(method)
    given = {"budget": protocol.budget, "per_class": protocol.per_class}
    allowed = {
        option: value
        for option, value in given.items()
        if value is not None and option in _parameters(name)
    }
    return {**allowed, **own}


def classifier(
    model, classes, method, options, seed, frozen=True
) -> IncrementalClassifier:
    """Returns a classifier that learns by a recipe.

    Args:
        model: Keras classifier of the first classes.
        classes: Their names.
        method: Name of a recipe, with arguments or without.
        options: Its arguments, as `options_of` returns them.
        seed: Int.
        frozen: Bool. Whether the backbone is pretrained and frozen. One that
            is trained from scratch trains its BatchNormalization on.
            Defaults to `True`.
    """
    name, _ = _split(method)
    return IncrementalClassifier(
        model,
        classes,
        recipe=_function(name)(**options),
        seed=seed,
        train_batch_norm=not frozen,
    )


def _function(name):
    return getattr(contrib if name in contrib.names() else recipes, name)


def _parameters(name):
    return inspect.signature(_function(name)).parameters


def _split(method):
    """The name of a recipe, and the arguments that follow it."""
    name, *arguments = method.split("+")
    pairs = (argument.partition("=") for argument in arguments)
    return name, {option: _value(text) for option, _, text in pairs}


def _value(text):
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _check_arguments(method):
    name, own = _split(method)
    unknown = sorted(set(own) - set(_parameters(name)))
    if unknown:
        raise ValueError(
            f"The recipe '{name}' has no arguments {unknown}. Received: "
            f"recipes=['{method}']. Choose from {list(_parameters(name))}."
        )


def _learns_in_phases(name):
    return not isinstance(recipes.get(name).memory, Reservoir)
