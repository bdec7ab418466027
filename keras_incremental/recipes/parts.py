"""What the recipes of the literature have in common."""

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory
from keras_incremental.memory.policies import Concatenate
from keras_incremental.models.recipe import Recipe


def bare(name, **parts):
    """A recipe that does nothing but what it is told.

    Args:
        name: String.
        **parts: Arguments of `Recipe`, in the place of its defaults.
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


def exemplars(budget=2000, per_class=None, selection="herding"):
    """A memory of `budget` exemplars in all, or of some of each class.

    Args:
        budget: Int. Defaults to `2000`.
        per_class: Int or `None`: exemplars of each class, in the place of
            `budget`. Defaults to `None`.
        selection: See `ExemplarMemory`. Defaults to `"herding"`.
    """
    return ExemplarMemory(
        budget=budget if per_class is None else per_class,
        per_class=per_class is not None,
        selection=selection,
    )
