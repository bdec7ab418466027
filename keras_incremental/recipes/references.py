"""Lower and upper bounds that every method is compared with."""

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory
from keras_incremental.recipes.parts import bare
from keras_incremental.recipes.recipe import Recipe

EVERYTHING = 2**40


def fine_tuning() -> Recipe:
    """Training on the new samples alone: the lower bound.

    It forgets nearly everything; a method that ends lower is broken.
    """
    return bare("fine_tuning", center_features=False)


def frozen() -> Recipe:
    """Training of the new columns alone, on a frozen backbone.

    Old and new columns are never compared, so new classes win too often.
    """
    return bare("frozen", freeze_backbone=True, freeze_old=True)


def joint(reinitialize: bool = True) -> Recipe:
    """Training on all samples of all phases: the upper bound.

    No method that keeps less is better where this one is trained for long
    enough.

    Args:
        reinitialize: Bool. Whether each phase starts from new weights. With
            `False` training goes on from the weights of the phase before:
            transfer learning done again with more classes. Defaults to
            `True`.
    """
    return bare(
        "joint",
        memory=ExemplarMemory(EVERYTHING, selection="random"),
        reinitialize=reinitialize,
    )
