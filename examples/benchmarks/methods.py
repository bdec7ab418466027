"""The recipes that are run, each with the exemplars that a protocol allows."""

from keras_incremental import recipes
from keras_incremental.memory import Reservoir
from keras_incremental.models import IncrementalClassifier
from keras_incremental.models.recipe import AUXILIARY
from keras_incremental.recipes import catalog


def names() -> list[str]:
    """Names of all recipes."""
    return list(recipes.names())


def chosen(wanted) -> list[str]:
    """The recipes that were asked for, or all that learn labels in phases.

    Args:
        wanted: List of names, or of `"all"` alone.

    Raises:
        ValueError: if there is no recipe of a name.
    """
    known = names()
    if list(wanted) == ["all"]:
        return [name for name in known if _learns_in_phases(name)]
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise ValueError(
            f"There are no recipes {unknown}. Received: recipes="
            f"{list(wanted)}. Choose from {sorted(known)}."
        )
    return list(wanted)


def options_of(name, protocol) -> dict:
    """The arguments of a recipe: how many exemplars, where it keeps any."""
    given = {"budget": protocol.budget, "per_class": protocol.per_class}
    return {
        option: value
        for option, value in given.items()
        if value is not None and catalog.takes(name, option)
    }


def classifier(
    model, classes, name, options, seed, frozen=True
) -> IncrementalClassifier:
    """A classifier that learns by a recipe.

    Args:
        model: Keras classifier of the first classes.
        classes: Their names.
        name: Name of a recipe.
        options: Its arguments.
        seed: Int.
        frozen: Bool. Whether the backbone is pretrained and frozen. One that
            is trained from scratch trains its BatchNormalization on.
            Defaults to `True`.
    """
    return IncrementalClassifier(
        model,
        classes,
        recipe=recipes.get(name, **options),
        seed=seed,
        train_batch_norm=not frozen,
    )


def _learns_in_phases(name):
    recipe = recipes.get(name)
    streams = isinstance(recipe.memory, Reservoir)
    return recipe.trains_on != AUXILIARY and not streams
