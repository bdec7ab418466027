"""What every method is compared with."""

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory
from keras_incremental.recipes.parts import bare

EVERYTHING = 2**40


def fine_tuning():
    """Trains on the new pictures alone: the lower bound.

    It forgets nearly everything; a method that ends lower is broken.
    """
    return bare("fine_tuning", center_features=False)


def frozen():
    """Freezes the backbone and the old columns, and trains the new columns.

    Old and new columns are never compared, so new classes win too often.
    """
    return bare("frozen", freeze_backbone=True, freeze_old=True)


def joint():
    """Keeps all pictures and trains anew on all of them in each phase.

    The upper bound of methods that keep less, where it is trained for long
    enough.
    """
    return bare(
        "joint",
        memory=ExemplarMemory(EVERYTHING, selection="random"),
        reinitialize=True,
    )


def transfer_twice():
    """Keeps all pictures, and goes on training on all of them.

    Transfer learning done twice: on the first classes, then on all.
    """
    return bare(
        "transfer_twice",
        memory=ExemplarMemory(EVERYTHING, selection="random"),
    )
