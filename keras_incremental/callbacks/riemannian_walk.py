import keras
import numpy as np
from keras import ops

from keras_incremental.callbacks.path_protection import PathProtection
from keras_incremental.optimizers.riemannian_path_integral import (
    RiemannianPathIntegral,
)
from keras_incremental.optimizers.riemannian_path_integral import check_running
from keras_incremental.optimizers.riemannian_path_integral import (
    riemannian_score,
)
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Importance
from keras_incremental.utils.types import OptimizerLike


@export
class RiemannianWalk(PathProtection):
    """Protects weights according to a running Fisher information and a score.

    The optimizer, wrapped by `wrap_optimizer`, records both. See
    `optimizers.RiemannianPathIntegral`. When `fit` ends, each is divided by
    its largest value over all weights. Their sum is averaged with the
    importance of earlier phases. The next `fit` has the additional loss
    `strength * sum(importance * (weight - reference)**2)` around the latest
    weights. The method needs exemplars of old classes, like the paper. Pass
    the callback last. It warns if another callback restores the weights of
    an earlier epoch.

    Reference:
    - [Chaudhry et al., 2018](https://arxiv.org/abs/1801.10112). Here the
      normalized Fisher information and scores are averaged over phases,
      while the paper averages raw scores and normalizes later. The penalty is
      therefore the only state between phases. Gradients are those of
      batches.

    Args:
        strength: Float, 0 or more. A larger value keeps old classes better
            and learns new classes less. Defaults to `1.0`.
        alpha: Float in `(0, 1]`. Weight of the latest batch in the running
            Fisher information. Defaults to `0.9`.
        interval: Int, 1 or more. Number of steps between two scores.
            Defaults to `10`.
        damping: Float above 0. A larger value lowers the score of weights
            that hardly move. Defaults to `1e-3`.

    Raises:
        ValueError: when `fit` begins with an optimizer that is not wrapped,
            or with SGD if `learning_rate * 2 * strength * max(importance)` is
            2 or more, so that training would diverge.
    """

    path_class = RiemannianPathIntegral

    def __init__(
        self,
        strength: float = 1.0,
        alpha: float = 0.9,
        interval: int = 10,
        damping: float = 1e-3,
    ):
        super().__init__(strength)
        check_running(alpha, interval, damping, type(self).__name__)
        self.alpha = alpha
        self.interval = interval
        self.damping = damping

    def wrap_optimizer(
        self, optimizer: OptimizerLike
    ) -> keras.optimizers.Optimizer:
        return self.path_class(
            optimizer, self.alpha, self.interval, self.damping
        )

    def path_importance(
        self,
        slots: dict[str, Importance],
        moved: Importance,
        earlier: Importance,
    ) -> Importance:
        scores = normalized({p: self._score(slots, p) for p in moved})
        fisher = normalized({path: slots["fisher"][path] for path in moved})
        return {
            path: averaged(fisher[path] + scores[path], earlier.get(path))
            for path in moved
        }

    def _score(self, slots, path):
        # Includes the steps since the last score.
        rest = riemannian_score(
            *(
                ops.convert_to_tensor(slots[name][path])
                for name in ("work", "fisher", "moved")
            ),
            self.damping,
        )
        return slots["score"][path] + ops.convert_to_numpy(rest)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "interval": self.interval,
            "damping": self.damping,
        }


def normalized(values: Importance) -> Importance:
    """Divides a dict of arrays by the largest value of all."""
    highest = max((float(v.max()) for v in values.values()), default=0.0)
    return {path: v / (highest or 1.0) for path, v in values.items()}


def averaged(new: np.ndarray, earlier: np.ndarray | None = None) -> np.ndarray:
    """Returns the mean of new and earlier importance."""
    return new if earlier is None else (np.asarray(earlier) + new) / 2
