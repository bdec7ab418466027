import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.layers.growth import find_head
from keras_incremental.layers.splits import ordinary_classes
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Logs


@export
class WeightAlignment(PhaseCallback):
    """Rescales the kernel of new classes to the mean norm of old classes.

    Training on many new and few old samples makes the kernel columns of new
    classes longer, so new classes win too often. When `fit` ends, this
    callback multiplies the kernel of the newest group by mean(old norms) /
    mean(new norms). It needs no data. Biases do not change, nor does the order
    of the new classes without their biases. A head with one group, and
    subclasses of old classes, are not changed.

    Reference:
    - [Zhao et al., 2020](https://arxiv.org/abs/1911.07053), without the
      restriction to positive weights.

    Args:
        head: `ExpandableHead`, its name, or `None` for the only one in the
            model, at any depth. Defaults to `None`.
        epsilon: Float, 0 or more. Added to the divisor. Defaults to `1e-8`.

    Raises:
        ValueError: when `fit` begins, if the model has no such head.

    Example:

    >>> callbacks = [WeightAlignment()]
    """

    corrects_bias = True

    def __init__(
        self, head: ExpandableHead | str | None = None, epsilon: float = 1e-8
    ):
        super().__init__()
        if not np.isfinite(epsilon) or epsilon < 0:
            raise ValueError(
                "`epsilon` of WeightAlignment must be a finite number of 0 "
                f"or more. Received: epsilon={epsilon}."
            )
        self.head = head
        self.epsilon = epsilon

    def on_train_begin(self, logs: Logs = None) -> None:
        find_head(self.model, self.head)

    def on_train_end(self, logs: Logs = None) -> None:
        align_head(find_head(self.model, self.head), self.epsilon)

    def get_config(self) -> Config:
        name = getattr(self.head, "name", self.head)
        return {"head": name, "epsilon": self.epsilon}


def align(
    kernel: ArrayLike, new: slice | np.ndarray, epsilon: float = 1e-8
) -> np.ndarray:
    """Rescales new columns of a kernel to the mean norm of the others.

    Args:
        kernel: Array `(input_dim, num_classes)`, one column for each class.
        new: Slice or boolean array. The columns to rescale.
        epsilon: Float. Added to the divisor. Defaults to `1e-8`.

    Returns:
        Array of the same shape; a copy of `kernel` if all or no columns are
        new.

    Example:

    >>> align(np.array([[3.0, 1.0], [4.0, 0.0]]), slice(1, 2)).round(3)
    array([[3., 5.],
           [4., 0.]])
    """
    kernel = np.array(kernel)
    norms = np.linalg.norm(kernel.astype("float64"), axis=0)
    is_new = np.zeros(len(norms), bool)
    is_new[new] = True
    if is_new.all() or not is_new.any():
        return kernel
    factor = norms[~is_new].mean() / (norms[is_new].mean() + epsilon)
    kernel[:, is_new] = kernel[:, is_new] * factor
    return kernel


def align_head(head: ExpandableHead, epsilon: float = 1e-8) -> None:
    """Rescales the newest group of a built head. See `align`."""
    kernel = head.columns("kernel")
    # The columns of subclasses of old classes hold no logits.
    chosen = ordinary_classes(head)
    is_new = chosen >= head.group_slices[-1].start
    kernel[:, chosen] = align(kernel[:, chosen], is_new, epsilon)
    head.assign_columns("kernel", kernel)
