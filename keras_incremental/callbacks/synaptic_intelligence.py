import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.callbacks.path_protection import PathProtection
from keras_incremental.optimizers.path_integral import check_damping
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Importance


@export
class SynapticIntelligence(PathProtection):
    """Protects the weights that lowered the loss during training.

    The optimizer, wrapped by `wrap_optimizer`, records the `work` of each
    weight. See `optimizers.PathIntegral`. When `fit` ends, the importance of
    a weight becomes

        relu(importance + work / ((weight - start)**2 + damping))

    and the next `fit` has the additional loss `strength * sum(importance *
    (weight - reference)**2)` around the latest weights. The callback needs no
    data and no extra pass. Pass it last. It warns if another callback
    restores the weights of an earlier epoch.

    Reference:
    - [Zenke et al., 2017](https://arxiv.org/abs/1703.04200)

    Args:
        strength: Float, 0 or more. A larger value keeps old classes better
            and learns new classes less. Defaults to `0.1`.
        damping: Float above 0. A larger value lowers the importance of
            weights that hardly move. Defaults to `1e-3`.
        clip_percentile: Float from 0 to 100, or `None`. The importance is
            clipped at this percentile, so that plain SGD can take larger
            steps. Defaults to `None`.

    Raises:
        ValueError: when `fit` begins with an optimizer that is not wrapped,
            or with SGD if `learning_rate * 2 * strength * max(importance)` is
            2 or more, so that training would diverge.

    Example:

    >>> import keras
    >>> callback = SynapticIntelligence(strength=0.5)
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> optimizer = callback.wrap_optimizer(keras.optimizers.Adam())
    >>> model.compile(optimizer, "mse")
    """

    def __init__(
        self,
        strength: float = 0.1,
        damping: float = 1e-3,
        clip_percentile: float | None = None,
    ):
        super().__init__(strength)
        check_damping(damping, type(self).__name__)
        self.damping = damping
        self.clip_percentile = clip_percentile

    def path_importance(
        self,
        slots: dict[str, Importance],
        moved: Importance,
        earlier: Importance,
    ) -> Importance:
        work = slots["work"]
        return {
            path: intelligence(
                work[path], way, self.damping, earlier.get(path, 0.0)
            )
            for path, way in moved.items()
        }

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "damping": self.damping,
            "clip_percentile": self.clip_percentile,
        }


def intelligence(
    work: ArrayLike,
    moved: ArrayLike,
    damping: float,
    earlier: ArrayLike = 0.0,
) -> np.ndarray:
    """Computes the importance of a weight from its work and its distance.

    Args:
        work: Array. See `PathIntegral`. It may be negative.
        moved: Array. Distance of the weight from its start.
        damping: Float above 0.
        earlier: Array. Importance of earlier phases. Defaults to `0.0`.

    Returns:
        Array, 0 or more.
    """
    distance = np.square(np.asarray(moved, "float64"))
    return np.maximum(earlier + work / (distance + damping), 0.0)
