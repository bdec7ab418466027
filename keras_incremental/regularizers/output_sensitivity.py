import numpy as np
from keras import ops
from keras import tree

from keras_incremental.regularizers.importance import mean_importance
from keras_incremental.regularizers.per_example.likelihood import logits_of
from keras_incremental.regularizers.per_example.sums import Task
from keras_incremental.regularizers.per_example.sums import measured_sums


def output_sensitivity(
    model,
    data,
    num_samples: int | None = 1024,
    batch_size: int = 32,
    from_logits: bool | None = None,
    seed: int = 0,
    verbose: int = 0,
) -> dict[str, np.ndarray]:
    """How much each weight moves the squared norm of the logits `z`.

        mean over x of |d sum(z(x)**2) / d w|

    It takes the absolute value for every single example (gradients of a
    batch cancel each other) and needs no labels. The square of the norm is
    taken, as the gradient of the norm itself is not defined at 0. The model
    runs in inference mode; the result does not depend on `batch_size`. It
    grows with the square of the scale of the logits, so a strength does not
    transfer from one kind of head to another.

    Reference:
    - [Aljundi et al., 2018](https://arxiv.org/abs/1711.09601)

    Args:
        model: Built model with one output of shape `(batch_size, units)`.
        data: Inputs, a tuple `(x, y)`, or an iterable of batches of either,
            without augmentation. Labels are not used.
        num_samples: Int or `None` for all. At most so many examples, drawn
            at random from arrays, the first of an iterable. A larger value
            is slower and less noisy. Defaults to `1024`.
        batch_size: Int. Examples in one pass; a larger value needs more
            memory. Defaults to `32`.
        from_logits: Bool or `None`. Whether the model returns logits. By
            default found from the activation of its last layer.
        seed: Int, of the draw of examples. Defaults to `0`.
        verbose: `0` or `1`, a progress bar. Defaults to `0`.

    Returns:
        A dict from the path of each trainable variable to a float32 array
        of its shape, values of 0 or more.

    Raises:
        ValueError: if the model is not built, the data empty, or a result
            not finite.

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
    """A function of a chunk: the sums over its first `count` examples."""

    def measure(x, y, count):
        rows = len(tree.flatten(x)[0])
        return sums(x, (np.arange(rows) < count).astype("float32")[:, None])

    return measure
