import keras
import numpy as np

from keras_incremental.regularizers.importance import mean_importance
from keras_incremental.regularizers.per_example.likelihood import family_of
from keras_incremental.regularizers.per_example.likelihood import logits_of
from keras_incremental.regularizers.per_example.likelihood import targets_of
from keras_incremental.regularizers.per_example.sums import Task
from keras_incremental.regularizers.per_example.sums import measured_sums
from keras_incremental.regularizers.per_example.sums import output_shape
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Importance

VARIANTS = ("exact", "sampled", "empirical")


def fisher_importance(
    model: keras.Model,
    data: Data,
    variant: str = "exact",
    num_samples: int | None = 1024,
    batch_size: int = 32,
    from_logits: bool | None = None,
    seed: int = 0,
    verbose: int = 0,
) -> Importance:
    """Computes the diagonal of the Fisher information of a classifier.

    The Fisher information of a weight `w`,

        mean over x of E_y[(d log p(y | x) / d w)**2]

    uses the gradient of each sample. (The square of a batch gradient is a
    different, much smaller quantity.) The model runs in inference mode.
    Weights and statistics do not change. The result does not depend on
    `batch_size`.

    The layers `Dense`, `Conv2D`, `DepthwiseConv2D`, `BatchNormalization` and
    `ExpandableDense` of a Functional or Sequential model cost about one
    batched backward pass for each label. Other layers are differentiated
    sample by sample. The result is exact for all layers.

    Reference:
    - [Kirkpatrick et al., 2017](https://arxiv.org/abs/1612.00796)
    - [Kunstner et al., 2019](https://arxiv.org/abs/1905.12558), on the
      empirical Fisher

    Args:
        model: Built classifier with one output of shape
            `(batch_size, num_classes)`. The outputs are independent if the
            activation is `sigmoid`, or if there is a single unit.
        data: Inputs, a tuple `(x, y)`, or an iterable of batches of either,
            without augmentation. Sample weights are ignored.
        variant: String. `"exact"` takes the expectation over all classes,
            with one backward pass for each. `"sampled"` draws one label from
            the predictions. `"empirical"` uses the label in the data, which
            is cheap and popular, but not the Fisher information. Defaults to
            `"exact"`.
        num_samples: Int, or `None` for all. Maximum number of samples: drawn
            at random from arrays, the first of an iterable. A larger value
            is slower and less noisy. Defaults to `1024`.
        batch_size: Int. A larger value needs more memory. Defaults to `32`.
        from_logits: Boolean or `None`. Whether the model returns logits.
            Defaults to `None`: inferred from the activation of its last
            layer.
        seed: Int. Seed of the draws. Defaults to `0`.
        verbose: `0`, or `1` for a progress bar. Defaults to `0`.

    Returns:
        Dict of the paths of all trainable variables and float32 arrays of
        their shape, with values of 0 or more. Of variables that share a
        path, the second is `path#2`.

    Raises:
        ValueError: if the model is not built, the variant is unknown, the
            data is empty, a label is missing or out of range, or a result is
            not finite.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> importance = fisher_importance(model, np.ones((4, 2), "float32"))
    >>> [value.shape for value in importance.values()]
    [(2, 3), (3,)]
    """
    check_variant(variant)

    def make_measure(x, generator):
        return _measure(model, x, variant, from_logits, generator)

    return mean_importance(
        model, data, make_measure, num_samples, batch_size, seed, verbose
    )


def _measure(model, x, variant, from_logits, generator):
    """Returns a function of a chunk: the sums over its samples."""
    predict, activation = logits_of(model, from_logits)
    (units,) = output_shape(model, predict, x)
    family = family_of(activation, units)
    task = Task(
        model,
        predict,
        _cotangent(family, variant),
        count=units if variant == "exact" else 1,
    )
    sums = measured_sums(task, x)

    def measure(x, y, count):
        rows = len(keras.tree.flatten(x)[0])
        weight = (np.arange(rows) < count).astype("float32")[:, None]
        if variant == "empirical":
            given = targets_of(_present(y), family, units)
        else:
            width = units if activation == "sigmoid" else 1
            given = np.zeros((rows, width), "float32")
            given[:count] = generator.random((count, width))
        return sums(x, (weight, given))

    return measure


def _cotangent(family, variant):
    def exact(mean, given, index):
        return family.root(mean, index)

    def sampled(mean, given, index):
        return family.draw(mean, given) - mean

    def empirical(mean, given, index):
        return given - mean

    chosen = dict(zip(VARIANTS, (exact, sampled, empirical), strict=True))

    def cotangent(logits, given, index):
        weight, target = given
        return weight * chosen[variant](family.mean(logits), target, index)

    return cotangent


def _present(labels):
    if labels is None:
        raise ValueError(
            "`variant='empirical'` needs labels. Received: data without "
            "labels. Pass `(x, y)`, or use variant='exact'."
        )
    return labels


def check_variant(variant: str) -> None:
    """Raises a `ValueError` for an unknown variant."""
    # Where labels were passed in its place, `in` would compare each of them.
    if not isinstance(variant, str) or variant not in VARIANTS:
        raise ValueError(
            f"`variant` must be one of {VARIANTS}, and labels come in "
            f"`data=(x, y)`. Received: variant={variant!r:.200}."
        )
