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


@export
class RiemannianWalk(PathProtection):
    """Protects weights by a running Fisher information and their score.

    A phase is one `fit`. Its optimizer, wrapped by `wrap_optimizer`, keeps
    both (see `RiemannianPathIntegral`). When it ends, each is divided by its
    largest value, so that it lies between 0 and 1 over all weights; their
    sum is averaged with the importance of earlier phases, and the next `fit`
    pays `strength * sum(importance * (weight - reference)**2)` around the
    latest weights. It wants exemplars of old classes, as its paper does. Put
    it last in the list. Callbacks that restore an earlier state of the
    weights break the way; it warns of them.

    Reference:
    - [Chaudhry et al., 2018](https://arxiv.org/abs/1801.10112); here what is
      normalized is averaged over phases, Fisher information included, while
      the paper averages raw scores and normalizes then. So the only state
      from phase to phase is the penalty. Gradients are those of batches.

    Args:
        strength: Float, 0 or more. A larger value keeps old classes better
            and learns new ones less. Defaults to `1.0`.
        alpha: Float above 0, up to 1. Share of the newest batch in the
            running information. Defaults to `0.9`.
        interval: Int, 1 or more: steps from one score to the next. Defaults
            to `10`.
        damping: Float above 0. A larger value asks more of weights that
            hardly moved. Defaults to `1e-3`.

    Raises:
        ValueError: when a `fit` begins whose optimizer is not wrapped, or
            that would diverge: with SGD once
            `learning_rate * 2 * strength * max(importance)` is 2 or more.
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

    def wrap_optimizer(self, optimizer):
        return self.path_class(
            optimizer, self.alpha, self.interval, self.damping
        )

    def along_path(self, slots, moved, earlier):
        scores = normalized({p: self._score(slots, p) for p in moved})
        fisher = normalized({path: slots["fisher"][path] for path in moved})
        return {
            path: averaged(fisher[path] + scores[path], earlier.get(path))
            for path in moved
        }

    def _score(self, slots, path):
        # The steps since the last score count as well.
        rest = riemannian_score(
            *(
                ops.convert_to_tensor(slots[name][path])
                for name in ("work", "fisher", "moved")
            ),
            self.damping,
        )
        return slots["score"][path] + ops.convert_to_numpy(rest)

    def get_config(self):
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "interval": self.interval,
            "damping": self.damping,
        }


def normalized(values):
    """A dict of arrays of 0 or more, over the largest value of all."""
    highest = max((float(v.max()) for v in values.values()), default=0.0)
    return {path: v / (highest or 1.0) for path, v in values.items()}


def averaged(new, earlier=None):
    """The mean of new and earlier importance, where there is an earlier."""
    return new if earlier is None else (np.asarray(earlier) + new) / 2
