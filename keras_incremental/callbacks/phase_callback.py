from collections.abc import Iterable
from typing import Any
from typing import Self

import keras

from keras_incremental.utils.types import Config
from keras_incremental.utils.types import OptimizerLike
from keras_incremental.utils.types import Structure

NEW, ALL, HELD_OUT = "new", "all", "held_out"


class PhaseCallback(keras.callbacks.Callback):
    """Base class of callbacks for the phases of incremental learning.

    A phase is one `fit`. Subclasses prepare it in `on_train_begin`, and use
    the final weights in `on_train_end`. They never change the structure of
    the model.

    `IncrementalClassifier.learn` calls the following hooks in addition to
    those of Keras. A plain `fit` does not call them: set `data` and wrap the
    optimizer yourself.

    - `on_phase_begin(run)`, before data is read;
    - `on_phase_train_begin(run)`, after data is read, before training;
    - `select_samples(inputs)`, to choose the training samples;
    - `teacher_outputs(inputs)`, to add outputs of further teachers;
    - `wrap_optimizer(optimizer)`, to wrap the optimizer;
    - `on_phase_end(report)`, with the `PhaseReport`. An exception undoes the
      phase.

    Attributes:
        data: Tuple `(x, y)` with the data of a phase, or `None`. `learn` sets
            it if it is `None` and `required_data` is not.
        required_data: String or `None`. The data that the callback needs:
            `"new"`, `"all"` (new and replayed) or `"held_out"` (not used for
            training, the same number of samples of each class).
        validation_share: Float. Share of the samples to hold out if
            `required_data` is `"held_out"`.
        protects_weights: Boolean. Whether the callback adds penalties that
            refer to the current weights.
        trains_on_samples: Boolean. Whether the callback trains a network of
            its own on the samples of a phase.
        corrects_bias: Boolean. Whether the callback corrects the bias toward
            new classes. A phase uses at most one such callback.

    Example:

    >>> class PrintDrop(PhaseCallback):
    ...     def on_phase_end(self, report):
    ...         print(report.drop)
    """

    data: Any = None
    required_data: str | None = None
    validation_share = 0.0
    protects_weights = False
    trains_on_samples = False
    corrects_bias = False

    def on_phase_begin(self, run: Any) -> None:
        """Called before the data of a phase is read.

        Args:
            run: `models.Run` of the phase.
        """

    def on_phase_train_begin(self, run: Any) -> None:
        """Called after the data of a phase is read, before training.

        Args:
            run: `models.Run`, with `inputs` and `plan` of the phase.
        """

    def select_samples(self, inputs: Any) -> Any:
        """Returns the training samples of the phase.

        Args:
            inputs: `Inputs`, the new samples and those of old classes.
        """
        return inputs

    def teacher_outputs(self, inputs: Structure) -> dict[str, Structure]:
        """Returns outputs of further teachers for the terms, by name.

        Args:
            inputs: Tensor. A batch of inputs of the student.
        """
        return {}

    def wrap_optimizer(
        self, optimizer: OptimizerLike
    ) -> keras.optimizers.Optimizer:
        """Returns the optimizer of the phase.

        Args:
            optimizer: `keras.optimizers.Optimizer`, not built yet.
        """
        return optimizer

    def on_phase_end(self, report: Any) -> None:
        """Called when a phase has ended, accepted or refused.

        Args:
            report: `PhaseReport`.
        """

    @property
    def verbose(self) -> int:
        """`1` if the current `fit` shows its progress, else `0`."""
        return int(bool((self.params or {}).get("verbose")))

    def get_config(self) -> Config:
        return {}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)


def phase_callbacks(
    callbacks: Iterable[keras.callbacks.Callback | None],
) -> tuple[PhaseCallback, ...]:
    """Returns those callbacks that are `PhaseCallback`s."""
    return tuple(c for c in callbacks if isinstance(c, PhaseCallback))
