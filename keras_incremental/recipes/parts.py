"""Parts that the recipes of the literature have in common."""

from collections.abc import Callable

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory
from keras_incremental.memory.base_memory import BaseMemory
from keras_incremental.memory.policies import Concatenate
from keras_incremental.recipes.recipe import Recipe


def bare(name: str, **parts) -> Recipe:
    """Returns a recipe with nothing but the given parts.

    `Recipe` chooses by itself what it is not given; this one leaves it out.

    Args:
        name: String.
        **parts: Arguments of `Recipe`.

    Returns:
        A `Recipe` that fine-tunes on a shuffled union of new samples and
        exemplars, if no part says otherwise.

    Example:

    >>> bare("fine_tuning").terms
    ()
    """
    return Recipe(
        name=name,
        **{
            "terms": (),
            "policy": Concatenate(),
            "bias_correction": None,
            "statistics": False,
            "freeze_old": False,
            **parts,
        },
    )


def memory_of(
    memory: BaseMemory | None,
    budget: int = 2000,
    per_class: int | None = None,
    selection: str | Callable = "herding",
) -> BaseMemory:
    """Returns a memory that was given, or else exemplars.

    Args:
        memory: Memory, or `None`.
        budget: Int. Same as in `exemplars`, and so are the next two.
        per_class: Int or `None`.
        selection: String or function.
    """
    if memory is not None:
        return memory
    return exemplars(budget, per_class, selection)


def exemplars(
    budget: int = 2000,
    per_class: int | None = None,
    selection: str | Callable = "herding",
) -> ExemplarMemory:
    """Returns a memory of `budget` exemplars in all, or of some per class.

    Args:
        budget: Int. Defaults to `2000`.
        per_class: Int, exemplars of each class in place of `budget`, or
            `None`. Defaults to `None`.
        selection: Same as in `ExemplarMemory`. Defaults to `"herding"`.
    """
    return ExemplarMemory(
        budget=budget if per_class is None else per_class,
        per_class=per_class is not None,
        selection=selection,
    )
