import keras
import numpy as np
from keras import ops

from keras_incremental.callbacks.phase_callback import NEW
from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.regularizers.consolidation import check_mode
from keras_incremental.regularizers.consolidation import consolidate
from keras_incremental.regularizers.consolidation import largest_curvature
from keras_incremental.regularizers.consolidation import scale_importance
from keras_incremental.regularizers.quadratic_penalty import QuadraticPenalty


class WeightProtection(PhaseCallback):
    """Base of the callbacks that measure what each weight is good for.

    When a phase ends, `measured` tells the importance of each weight, and
    the next `fit` pays for moving important ones. Put such a callback last
    in the list, after those that restore or correct weights at the end, and
    use one for a model.

    Args:
        strength: Float, 0 or more, of the penalty. A larger value keeps old
            classes better and learns new ones less.
    """

    protects_weights = True
    # What a subclass may set: how an importance goes into the penalty.
    penalty_factor = 2.0
    mode = "online"
    decay = 1.0
    normalize = False
    clip_percentile = None

    def __init__(self, strength):
        super().__init__()
        self.strength = checked_strength("strength", strength, self)

    def measured(self) -> dict[str, np.ndarray]:
        """A dict from paths of weights to their importance."""
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        check_step_size(self.model)

    def on_train_end(self, logs=None):
        if self.verbose:
            print("importance of the weights", flush=True)
        importance = scale_importance(
            self.measured(), self.normalize, self.clip_percentile
        )
        # Half of it is what a `QuadraticPenalty` takes.
        strength = self.strength * self.penalty_factor
        consolidate(self.model, importance, strength, self.mode, self.decay)

    def get_config(self):
        return {"strength": self.strength}


class DataProtection(WeightProtection):
    """Base of those that measure importance on the data of the phase.

    The data is forgotten with the phase: the importance of one phase on the
    data of another is worthless.

    Args:
        data: Data of the phase. Defaults to `None`: set the attribute.
        strength: See `WeightProtection`. Defaults to `1.0`.
        decay: Float from 0 to 1: what earlier phases keep of their
            importance. Defaults to `1.0`.
        num_samples: Int or `None`, how many examples it is measured on.
            Defaults to `1024`.
        batch_size: Int. Defaults to `32`.
        from_logits: Bool or `None`: what the model gives.
        normalize: Bool. Whether an importance is divided by its mean.
            Defaults to `False`.
        clip_percentile: Float from 0 to 100 or `None`, where an importance
            is cut. Defaults to `None`.
        seed: Int. Defaults to `0`.
    """

    wants = NEW

    def __init__(
        self,
        data=None,
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

    def on_train_begin(self, logs=None):
        needs_data(self)
        super().on_train_begin(logs)

    def on_train_end(self, logs=None):
        super().on_train_end(logs)
        self.data = None

    @property
    def reading(self):
        """Dict of how the examples are read."""
        return {**self._sampling, "verbose": self.verbose}

    @property
    def _sampling(self):
        return {
            "num_samples": self.num_samples,
            "batch_size": self.batch_size,
            "from_logits": self.from_logits,
            "seed": self.seed,
        }

    def get_config(self):
        return {
            **super().get_config(),
            **self._sampling,
            "decay": self.decay,
            "normalize": self.normalize,
            "clip_percentile": self.clip_percentile,
        }


def needs_data(callback):
    """Raises unless a callback knows the data of its phase."""
    if callback.data is None:
        raise ValueError(
            f"{type(callback).__name__} needs the data of each phase. "
            "Received: data=None. Set `callback.data = (x, y)` before "
            "this `fit`."
        )


def checked_strength(name, value, owner):
    """A finite number of 0 or more."""
    if not 0 <= value < float("inf"):
        raise ValueError(
            f"`{name}` of {type(owner).__name__} must be a finite "
            f"number of 0 or more. Received: {name}={value}."
        )
    return value


def earlier_importance(model) -> dict[str, np.ndarray]:
    """The importance in the penalties that a model has, by path."""
    return {
        v.path: v.regularizer.importance.astype("float64")
        for v in model.trainable_variables
        if isinstance(v.regularizer, QuadraticPenalty)
    }


def innermost(optimizer):
    """The optimizer inside all wrappers."""
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    return optimizer


def check_step_size(model, curvature=None):
    """Raises where SGD would diverge on the penalties of a model.

    Args:
        model: Compiled model.
        curvature: Float, the largest `strength * importance`, or `None` for
            that of the penalties that the model has.
    """
    optimizer = innermost(model.optimizer)
    if not isinstance(optimizer, keras.optimizers.SGD):
        return
    rate = float(ops.convert_to_numpy(model.optimizer.learning_rate))
    if curvature is None:
        curvature = largest_curvature(model)
    limit = _limit(optimizer)
    if rate * curvature >= limit:
        raise ValueError(
            "Quadratic penalties with SGD diverge to NaN once learning_rate "
            f"* strength * max(importance) is {limit:.3g} or more. Received: "
            f"learning_rate={rate:.3g}, strength * max(importance)="
            f"{curvature:.3g}. Lower the learning rate below "
            f"{limit / curvature:.3g}, lower `strength`, set "
            "`clip_percentile`, or use Adam."
        )


def _limit(optimizer):
    # Momentum widens the stable range of a quadratic, Nesterov's less so.
    widened = 2 * (1 + optimizer.momentum)
    return widened / (1 + 2 * optimizer.momentum * optimizer.nesterov)
