"""The recipes that are run, each with the exemplars that a protocol allows."""

import inspect

from keras_incremental.models import IncrementalClassifier


def names() -> list[str]:
    """Names of all recipes."""
    from keras_incremental import recipes

    return list(recipes.names())


def chosen(wanted) -> list[str]:
    """The recipes that were asked for, or all.

    Args:
        wanted: List of names, or of `"all"` alone.

    Raises:
        ValueError: if there is no recipe of a name.
    """
    known = names()
    if list(wanted) == ["all"]:
        return known
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise ValueError(
            f"There are no recipes {unknown}. Received: recipes="
            f"{list(wanted)}. Choose from {sorted(known)}."
        )
    return list(wanted)


def options_of(name, protocol) -> dict:
    """The arguments of a recipe: how many exemplars, where it keeps any."""
    from keras_incremental import recipes

    given = {}
    if protocol.budget is not None:
        given = {"budget": protocol.budget, "per_class": False}
    if protocol.per_class is not None:
        given = {"budget": protocol.per_class, "per_class": True}
    accepted = inspect.signature(getattr(recipes, name)).parameters
    return {key: given[key] for key in given if key in accepted}


def classifier(model, classes, name, options, seed) -> IncrementalClassifier:
    """A classifier that learns by a recipe.

    Args:
        model: Keras classifier of the first classes.
        classes: Their names.
        name: Name of a recipe.
        options: Its arguments.
        seed: Int.
    """
    from keras_incremental import recipes

    recipe = recipes.get(name, **options)
    return IncrementalClassifier(model, classes, recipe=recipe, seed=seed)
