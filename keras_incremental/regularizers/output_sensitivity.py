import keras
import numpy as np
from keras import ops
from keras import tree

from keras_incremental.regularizers.importance import mean_importance
from keras_incremental.regularizers.per_example.likelihood import logits_of
from keras_incremental.regularizers.per_example.sums import Task
from keras_incremental.regularizers.per_example.sums import measured_sums
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Importance


def output_sensitivity(
    model: keras.Model,
    data: Data,
    num_samples: int | None = 1024,
    batch_size: int = 32,
    from_logits: bool | None = None,
    seed: int = 0,
    verbose: int = 0,
) -> Importance:
    """Computes the sensitivity of the squared norm of the logits.

    The sensitivity to a weight `w`, with the logits `z`, is

        mean over x of |d sum(z(x)**2) / d w|

    The absolute value is taken for each sample, because the gradients of a
    batch would cancel. No labels are needed. The norm is squared, because
    its gradient is not defined at 0. The model runs in inference mode. The
    result does not depend on `batch_size`. It grows with the square of the
    scale of the logits, so a strength does not transfer between types of
    heads.

    Reference:
    - [Aljundi et al., 2018](https://arxiv.org/abs/1711.09601)

    Args:
        model: Built model with one output of shape `(batch_size, units)`.
        data: Inputs, a tuple `(x, y)`, or an iterable of batches of either,
            without augmentation. Labels are ignored.
        num_samples: Int, or `None` for all. Maximum number of samples: drawn
            at random from arrays, the first of an iterable. A larger value
            is slower and less noisy. Defaults to `1024`.
        batch_size: Int. A larger value needs more memory. Defaults to `32`.
        from_logits: Boolean or `None`. Whether the model returns logits.
            Defaults to `None`: inferred from the activation of its last
            layer.
        seed: Int. Seed of the draw of samples. Defaults to `0`.
        verbose: `0`, or `1` for a progress bar. Defaults to `0`.

    Returns:
        Dict of the paths of all trainable variables and float32 arrays of
        their shape, with values of 0 or more.

    Raises:
        ValueError: if the model is not built, the data is empty, or a result
            is not finite.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> importance = output_sensitivity(model, np.ones((4, 2), "float32"))
    >>> [value.shape for value in importance.values()]
    [(2, 3), (3,)]
    """

    def make_measure(x, _):
        predict, _ = logits_of(model, from_logits)
        task = Task(model, predict, _cotangent, count=1, measure=ops.abs)
        return _counted(measured_sums(task, x))

    return mean_importance(
        model, data, make_measure, num_samples, batch_size, seed, verbose
    )


def _cotangent(logits, weight, index):
    return 2 * weight * logits


def _counted(sums):
    """Returns a function of a chunk: the sums over its first samples."""

    def measure(x, y, count):
        rows = len(tree.flatten(x)[0])
        return sums(x, (np.arange(rows) < count).astype("float32")[:, None])

    return measure
