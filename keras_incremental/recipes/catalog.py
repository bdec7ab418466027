"""Recipes by name."""

import inspect
from collections.abc import Callable
from collections.abc import Iterable
from types import ModuleType

from keras_incremental.recipes import closed_form
from keras_incremental.recipes import distillation
from keras_incremental.recipes import references
from keras_incremental.recipes import regularization
from keras_incremental.recipes import rehearsal
from keras_incremental.recipes.recipe import Recipe


def functions_of(modules: Iterable[ModuleType]) -> dict[str, Callable]:
    """Returns the recipes that modules define, in the order of their lines.

    Args:
        modules: Modules whose public functions each return a `Recipe`.

    Returns:
        Dict from names to functions.
    """
    return {
        name: function
        for module in modules
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and not name.startswith("_")
    }


_FUNCTIONS = functions_of(
    (
        references,
        regularization,
        distillation,
        rehearsal,
        closed_form,
    )
)


def names() -> list[str]:
    """Returns the names of all recipes, references first."""
    return list(_FUNCTIONS)


def get(name: str, **options) -> Recipe:
    """Returns a recipe by its name.

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
    return recipe_of(_FUNCTIONS, name, **options)


def recipe_of(functions: dict[str, Callable], name: str, **options) -> Recipe:
    """Returns the recipe that one of several functions makes.

    Args:
        functions: Dict from names to functions, such as `functions_of`
            returns.
        name: String, one of these names.
        **options: Arguments of the function.

    Raises:
        ValueError: if there is no function of that name.
    """
    if name not in functions:
        raise ValueError(
            f"There is no recipe of that name. Received: name={name!r}. Use "
            f"one of {list(functions)}."
        )
    return functions[name](**options)
