import dataclasses

import keras


@dataclasses.dataclass(frozen=True)
class FitOptions:
    """Arguments of `learn` that say how a phase trains, checked.

    Attributes:
        epochs: Int, or `None` for the default of the phase.
        batch_size: Int.
        optimizer: Optimizer, its name, or `None` for the default.
        callbacks: Tuple of Keras callbacks.
        verbose: `0`, `1` or `2`.
    """

    epochs: int | None = None
    batch_size: int = 32
    optimizer: keras.optimizers.Optimizer | str | None = None
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    verbose: int = 0
