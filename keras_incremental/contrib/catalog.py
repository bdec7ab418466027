"""Obsolete recipes by name."""

from keras_incremental.contrib import obsolete
from keras_incremental.recipes.catalog import functions_of
from keras_incremental.recipes.catalog import recipe_of
from keras_incremental.recipes.recipe import Recipe

_FUNCTIONS = functions_of((obsolete,))


def names() -> list[str]:
    """Returns the names of the recipes in `contrib`."""
    return list(_FUNCTIONS)


def get(name: str, **options) -> Recipe:
    """Returns a recipe by its name.

    Args:
        name: String, one of `contrib.names()`.
        **options: Arguments of the recipe.

    Returns:
        A `Recipe`.

    Raises:
        ValueError: if there is no such recipe.

    Example:

    >>> get("gdumb", per_class=20).name
    'gdumb'
    """
    return recipe_of(_FUNCTIONS, name, **options)
