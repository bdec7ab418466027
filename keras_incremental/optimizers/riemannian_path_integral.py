import keras
from keras import ops

from keras_incremental.optimizers.path_integral import PathIntegral
from keras_incremental.optimizers.path_integral import check_damping
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import OptimizerLike
from keras_incremental.utils.types import Tensor


@export
class RiemannianPathIntegral(PathIntegral):
    """Optimizer wrapper that relates the work of weights to their distance.

    It keeps a running Fisher information of batch gradients. Every `interval`
    steps, it divides the work of each weight since the last time by the
    distance that the weight moved in the metric of the Fisher information,
    and adds the quotient to a score:

        fisher <- (1 - alpha) * fisher + alpha * g**2
        score += relu(work / (fisher / 2 * moved**2 + damping))

    The wrapper needs the memory of four more copies of the weights.

    Reference:
    - [Chaudhry et al., 2018](https://arxiv.org/abs/1801.10112)

    Args:
        optimizer: See `PathIntegral`.
        alpha: Float in `(0, 1]`. Weight of the latest batch in the running
            Fisher information. A larger value forgets faster. Defaults to
            `0.9`.
        interval: Int, 1 or more. Number of steps between two scores. A
            larger value averages out steps that cancel. Defaults to `10`.
        damping: Float above 0. A larger value lowers the score of weights
            that hardly move. Defaults to `1e-3`.
        name: String. Defaults to `"riemannian_path_integral"`.
    """

    slot_names = ("work", "moved", "fisher", "score")

    def __init__(
        self,
        optimizer: OptimizerLike,
        alpha: float = 0.9,
        interval: int = 10,
        damping: float = 1e-3,
        name: str = "riemannian_path_integral",
    ):
        check_running(alpha, interval, damping, type(self).__name__)
        super().__init__(optimizer, name)
        self.alpha = float(alpha)
        self.interval = int(interval)
        self.damping = float(damping)

    def follow(
        self, variable: keras.Variable, gradient: Tensor, moved: Tensor
    ) -> None:
        fisher, score, way, work = (
            self._slot(name, variable)
            for name in ("fisher", "score", "moved", "work")
        )
        super().follow(variable, gradient, moved)
        way.assign(way + moved)
        fisher.assign(
            (1 - self.alpha) * fisher + self.alpha * ops.square(gradient)
        )
        due = ops.equal(self.iterations % self.interval, 0)
        gained = riemannian_score(work, fisher, way, self.damping)
        score.assign(score + ops.where(due, gained, 0.0))
        for slot in (way, work):
            slot.assign(ops.where(due, 0.0, ops.convert_to_tensor(slot)))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "interval": self.interval,
            "damping": self.damping,
        }


def riemannian_score(work, fisher, moved, damping):
    """Computes the work of a weight divided by its Riemannian distance."""
    distance = 0.5 * fisher * ops.square(moved)
    return ops.relu(work / (distance + damping))


def check_running(alpha, interval, damping, owner):
    """Raises a `ValueError` for invalid arguments."""
    if not 0 < alpha <= 1:
        raise ValueError(
            f"`alpha` of {owner} must be above 0 and up to 1. Received: "
            f"alpha={alpha}."
        )
    if interval != int(interval) or interval < 1:
        raise ValueError(
            f"`interval` of {owner} must be an int of 1 or more. Received: "
            f"interval={interval}."
        )
    check_damping(damping, owner)
