from typing import Any

import keras
from keras import ops

from keras_incremental.callbacks.phase_callback import NEW
from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.regularizers.consolidation import check_mode
from keras_incremental.regularizers.consolidation import consolidate
from keras_incremental.regularizers.consolidation import largest_curvature
from keras_incremental.regularizers.consolidation import scale_importance
from keras_incremental.regularizers.quadratic_penalty import QuadraticPenalty
from keras_incremental.utils.compilation import wrapped_optimizers
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Importance
from keras_incremental.utils.types import Logs
from keras_incremental.utils.variable_keys import trainable_keys


class WeightProtection(PhaseCallback):
    """Base class of callbacks that protect important weights.

    When a phase ends, `compute_importance` computes the importance of each
    weight. The next `fit` penalizes changes of important weights. Pass such a
    callback last, after those that restore or correct weights. Use only one
    for a model.

    Args:
        strength: Float, 0 or more. Strength of the penalty. A larger value
            keeps old classes better and learns new classes less.
    """

    protects_weights = True
    # Subclasses may set how an importance enters the penalty.
    penalty_factor = 2.0
    mode = "online"
    decay = 1.0
    normalize = False
    clip_percentile: float | None = None

    def __init__(self, strength: float):
        super().__init__()
        self.strength = checked_strength("strength", strength, self)

    def compute_importance(self) -> Importance:
        """Computes a dict of variable paths and importance."""
        raise NotImplementedError

    def on_train_begin(self, logs: Logs = None) -> None:
        check_step_size(self.model)

    def on_train_end(self, logs: Logs = None) -> None:
        if self.verbose:
            print("importance of the weights", flush=True)
        importance = scale_importance(
            self.compute_importance(), self.normalize, self.clip_percentile
        )
        # A `QuadraticPenalty` multiplies by half its strength.
        strength = self.strength * self.penalty_factor
        consolidate(self.model, importance, strength, self.mode, self.decay)

    def get_config(self) -> Config:
        return {"strength": self.strength}


class DataProtection(WeightProtection):
    """Base class of callbacks that compute importance on data.

    The data is cleared when the phase ends, because the importance of a
    phase must be computed on its own data.

    Args:
        data: Data of the phase. Defaults to `None`: set the attribute.
        strength: See `WeightProtection`. Defaults to `1.0`.
        decay: Float from 0 to 1. Factor of the importance of earlier phases.
            Defaults to `1.0`.
        num_samples: Int or `None`. Number of samples for the importance.
            Defaults to `1024`.
        batch_size: Int. Defaults to `32`.
        from_logits: Boolean or `None`. Whether the model returns logits.
            Defaults to `None`: inferred from its last layer.
        normalize: Boolean. Whether to divide the importance by its mean.
            Defaults to `False`.
        clip_percentile: Float from 0 to 100, or `None`. Percentile at which
            the importance is clipped. Defaults to `None`.
        seed: Int. Defaults to `0`.
    """

    required_data = NEW

    def __init__(
        self,
        data: Data | None = None,
        strength: float = 1.0,
        decay: float = 1.0,
        num_samples: int | None = 1024,
        batch_size: int = 32,
        from_logits: bool | None = None,
        normalize: bool = False,
        clip_percentile: float | None = None,
        seed: int = 0,
    ):
        super().__init__(strength)
        check_mode(self.mode, decay)
        self.data = data
        self.decay = decay
        self.num_samples = num_samples
        self.batch_size = batch_size
        self.from_logits = from_logits
        self.normalize = normalize
        self.clip_percentile = clip_percentile
        self.seed = seed

    def on_train_begin(self, logs: Logs = None) -> None:
        check_data(self)
        super().on_train_begin(logs)

    def on_train_end(self, logs: Logs = None) -> None:
        super().on_train_end(logs)
        self.data = None

    @property
    def sampling(self) -> dict[str, Any]:
        """Dict of the arguments for reading samples."""
        return {**self._sampling, "verbose": self.verbose}

    @property
    def _sampling(self):
        return {
            "num_samples": self.num_samples,
            "batch_size": self.batch_size,
            "from_logits": self.from_logits,
            "seed": self.seed,
        }

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            **self._sampling,
            "decay": self.decay,
            "normalize": self.normalize,
            "clip_percentile": self.clip_percentile,
        }


def check_data(callback: PhaseCallback) -> None:
    """Raises a `ValueError` if a callback has no data."""
    if callback.data is None:
        raise ValueError(
            f"{type(callback).__name__} needs the data of each phase. "
            "Received: data=None. Set `callback.data = (x, y)` before each "
            "`fit`."
        )


def checked_strength(name: str, value: float, owner: Any) -> float:
    """Returns a strength, or raises a `ValueError`."""
    if not 0 <= value < float("inf"):
        raise ValueError(
            f"`{name}` of {type(owner).__name__} must be a finite "
            f"number of 0 or more. Received: {name}={value}."
        )
    return value


def earlier_importance(model: keras.Model) -> Importance:
    """Returns the importance in the penalties of a model, by path."""
    return {
        key: v.regularizer.importance.astype("float64")
        for key, v in trainable_keys(model)
        if isinstance(v.regularizer, QuadraticPenalty)
    }


def check_step_size(model: keras.Model, curvature: float | None = None) -> None:
    """Raises a `ValueError` if SGD would diverge on the penalties.

    Args:
        model: Compiled model.
        curvature: Float. The largest `strength * importance`. Defaults to
            `None`: read from the penalties of the model.
    """
    optimizer = wrapped_optimizers(model.optimizer)[-1]
    if not isinstance(optimizer, keras.optimizers.SGD):
        return
    rate = float(ops.convert_to_numpy(model.optimizer.learning_rate))
    if curvature is None:
        curvature = largest_curvature(model)
    limit = _limit(optimizer)
    if rate * curvature >= limit:
        raise ValueError(
            "Quadratic penalties with SGD diverge to NaN if learning_rate "
            f"* strength * max(importance) is {limit:.3g} or more. Received: "
            f"learning_rate={rate:.3g}, strength * max(importance)="
            f"{curvature:.3g}. Lower the learning rate below "
            f"{limit / curvature:.3g}, lower `strength`, set "
            "`clip_percentile`, or use Adam."
        )


def _limit(optimizer):
    # Momentum widens the stable range of a quadratic; Nesterov's less so.
    widened = 2 * (1 + optimizer.momentum)
    return widened / (1 + 2 * optimizer.momentum * optimizer.nesterov)
