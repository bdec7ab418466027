import numpy as np

from keras_incremental.callbacks.path_protection import PathProtection
from keras_incremental.optimizers.path_integral import check_damping
from keras_incremental.utils.export import export


@export
class SynapticIntelligence(PathProtection):
    """Protects, after each `fit`, the weights that lowered its loss.

    A phase is one `fit`. Its optimizer, wrapped by `wrap_optimizer`, notes
    the `work` of each weight (see `PathIntegral`). When it ends, the weight's
    importance becomes

        relu(importance + work / ((weight - start)**2 + damping))

    and the next `fit` pays `strength * sum(importance * (weight -
    reference)**2)` around the latest weights. It needs no data and no pass
    of its own. Put it last in the list. Callbacks that restore an earlier
    state of the weights break the way; it warns of them.

    Reference:
    - [Zenke et al., 2017](https://arxiv.org/abs/1703.04200)

    Args:
        strength: Float, 0 or more. A larger value keeps old classes better
            and learns new ones less. Defaults to `0.1`.
        damping: Float above 0. A larger value asks more of weights that
            hardly moved. Defaults to `1e-3`.
        clip_percentile: Float from 0 to 100 or `None`. Larger values of the
            importance are cut there, which lets plain SGD take larger steps.
            Defaults to `None`.

    Raises:
        ValueError: when a `fit` begins whose optimizer is not wrapped, or
            that would diverge: with SGD once
            `learning_rate * 2 * strength * max(importance)` is 2 or more.

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

    def along_path(self, slots, moved, earlier):
        work = slots["work"]
        return {
            path: intelligence(
                work[path], way, self.damping, earlier.get(path, 0.0)
            )
            for path, way in moved.items()
        }

    def get_config(self):
        return {
            **super().get_config(),
            "damping": self.damping,
            "clip_percentile": self.clip_percentile,
        }


def intelligence(work, moved, damping, earlier=0.0):
    """Importance of a weight that did `work` while it `moved`, 0 or more.

    Args:
        work: Array, as `PathIntegral` adds it up. May be negative.
        moved: Array, how far the weight is from where it started.
        damping: Float above 0.
        earlier: Array, its importance before. Defaults to `0.0`.
    """
    distance = np.square(np.asarray(moved, "float64"))
    return np.maximum(earlier + work / (distance + damping), 0.0)
