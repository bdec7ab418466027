import numpy as np

from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.layers.growth import find_head
from keras_incremental.layers.splits import ordinary_classes
from keras_incremental.utils.export import export


@export
class WeightAlignment(PhaseCallback):
    """Rescales the newest group of a head to the norm of the older ones.

    Training on many new and few old examples makes new class vectors longer,
    so new classes win ties. When `fit` ends, this callback multiplies the
    newest group's kernel by mean(old norms) / mean(new norms). It needs no
    data. Biases, and the order of the new classes among themselves without
    them, stay as they are. A head with one group is left alone, and so are
    classes that came out of old ones.

    Reference:
    - [Zhao et al., 2020](https://arxiv.org/abs/1911.07053), without the
      restriction of weights to positive values.

    Args:
        head: `ExpandableHead`, its name, or `None` for the only one in the
            model, at any depth. Defaults to `None`.
        epsilon: Float, 0 or more. Added to the divisor. Defaults to `1e-8`.

    Raises:
        ValueError: when `fit` starts, if the model has no such head.

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

    def on_train_begin(self, logs=None):
        find_head(self.model, self.head)

    def on_train_end(self, logs=None):
        align_head(find_head(self.model, self.head), self.epsilon)

    def get_config(self):
        name = getattr(self.head, "name", self.head)
        return {"head": name, "epsilon": self.epsilon}


def align(kernel, new, epsilon: float = 1e-8) -> np.ndarray:
    """A kernel whose new columns have the mean norm of the other ones.

    Args:
        kernel: Array `(input_dim, num_classes)`, one column for each class.
        new: Slice, or booleans, of the columns to rescale.
        epsilon: Float, added to the divisor. Defaults to `1e-8`.

    Returns:
        Array of the same shape; a copy of `kernel` if all columns are new,
        or none.

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
    """Rescales the newest group of a built head; see `align`."""
    kernel = head.columns("kernel")
    # The columns of classes that came out of old ones hold no logits.
    chosen = ordinary_classes(head)
    is_new = chosen >= head.group_slices[-1].start
    kernel[:, chosen] = align(kernel[:, chosen], is_new, epsilon)
    head.assign_columns("kernel", kernel)
