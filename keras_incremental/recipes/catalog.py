"""Recipes by name."""

import inspect

from keras_incremental.recipes import closed_form
from keras_incremental.recipes import distilling
from keras_incremental.recipes import references
from keras_incremental.recipes import regularization
from keras_incremental.recipes import rehearsal
from keras_incremental.recipes import streams

MODULES = (
    references,
    regularization,
    distilling,
    rehearsal,
    closed_form,
    streams,
)


def names():
    """List of the names of all recipes, references first."""
    return list(_functions())


def get(name, **options):
    """A recipe by its name.

    Args:
        name: String, one of `names()`.
        **options: Arguments of the recipe.

    Returns:
        A `Recipe`.

    Raises:
        ValueError: if there is no such recipe.

    Example:

    >>> get("wa", per_class=20).name
    'wa'
    """
    functions = _functions()
    if name not in functions:
        raise ValueError(
            f"There is no recipe of that name. Received: name={name!r}. Use "
            f"one of {list(functions)}."
        )
    return functions[name](**options)


def takes(name, option):
    """Bool. Whether a recipe has an argument of that name."""
    return option in inspect.signature(_functions()[name]).parameters


def _functions():
    """The public functions of the modules, in the order of their lines."""
    return {
        name: function
        for module in MODULES
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and not name.startswith("_")
    }
