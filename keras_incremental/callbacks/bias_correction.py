import numpy as np
from keras import ops

from keras_incremental.callbacks.phase_callback import HELD_OUT
from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.callbacks.weight_protection import needs_data
from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.layers.growth import find_head
from keras_incremental.layers.splits import refuse_new_splits
from keras_incremental.regularizers.per_example.likelihood import logits_of
from keras_incremental.utils.affine_logits import fit_affine
from keras_incremental.utils.export import export

CHUNK = 256


@export
class BiasCorrection(PhaseCallback):
    """Scales and shifts the newest logits to suit held-out pictures.

    When `fit` ends, two numbers are found that let the logits of the newest
    group, `alpha * logit + beta`, best explain pictures that were kept out of
    training, with as many of each old as of each new class. The network stays
    as it is. The correction becomes part of the kernel and bias of the group,
    so it is there in every later phase, as teacher and in the file, and needs
    no layer. It does not change which of the old, or which of the new classes
    is ahead. A head with one group is left alone.

    Put it after callbacks that restore weights, before those that protect
    them, and use no other correction. The data is forgotten with the phase.

    Reference:
    - [Wu et al., 2019](https://arxiv.org/abs/1905.13260); here the numbers
      are solved for instead of trained, and the corrections of all phases
      are kept.

    Args:
        validation_share: Float above 0, below 1. Share of the pictures that
            `IncrementalClassifier` keeps out of training for it. A larger
            value leaves less to learn from. Defaults to `0.1`.
        prior: Float, 0 or more. Weight of the squares of `alpha - 1` and
            `beta` against single pictures. A larger value stays nearer to no
            correction. Defaults to `0.1`.
        data: Tuple `(inputs, labels)` of held-out pictures, integer labels;
            may be set as an attribute before `fit`. Defaults to `None`.
        head: `ExpandableDense`, its name, or `None` for the only one in the
            model, at any depth. Defaults to `None`.

    Raises:
        ValueError: when a `fit` begins without `data`, if the head is not
            an `ExpandableDense` with biases, or if a new class came out of
            an old one.

    Example:

    >>> callbacks = [BiasCorrection(data=(np.ones((2, 4)), np.array([0, 1])))]
    """

    corrects_bias = True
    wants = HELD_OUT

    def __init__(
        self,
        validation_share: float = 0.1,
        prior: float = 0.1,
        data=None,
        head: ExpandableHead | str | None = None,
    ):
        super().__init__()
        if not 0 < validation_share < 1:
            raise ValueError(
                "`validation_share` of BiasCorrection must lie between 0 and "
                f"1. Received: validation_share={validation_share}."
            )
        if not 0 <= prior < float("inf"):
            raise ValueError(
                "`prior` of BiasCorrection must be a finite number of 0 or "
                f"more. Received: prior={prior}."
            )
        self.validation_share = float(validation_share)
        self.prior = float(prior)
        self.data = data
        self.head = head

    def on_train_begin(self, logs=None):
        needs_data(self)
        _check_head(find_head(self.model, self.head))

    def on_train_end(self, logs=None):
        (inputs, labels), self.data = self.data, None
        head = find_head(self.model, self.head)
        if len(head.group_sizes) < 2:
            return
        new = head.group_slices[-1]
        logits = self._logits(inputs)
        alpha, beta = fit_affine(logits, labels, new, self.prior)
        fold(head, new, alpha, beta)

    def _logits(self, inputs):
        predict, _ = logits_of(self.model)
        parts = [
            ops.convert_to_numpy(predict(inputs[start : start + CHUNK]))
            for start in range(0, len(inputs), CHUNK)
        ]
        return np.concatenate(parts)

    def get_config(self):
        return {
            "validation_share": self.validation_share,
            "prior": self.prior,
            "head": getattr(self.head, "name", self.head),
        }


def fold(head, new, alpha, beta):
    """Makes an affine map of logits part of the columns that give them."""
    kernel, bias = head.columns("kernel"), head.columns("bias")
    kernel[:, new] *= alpha
    bias[new] = alpha * bias[new] + beta
    head.assign_columns("kernel", kernel)
    head.assign_columns("bias", bias)


def _check_head(head):
    if head.is_affine:
        refuse_new_splits(head, "BiasCorrection")
        return
    raise ValueError(
        "BiasCorrection scales kernels and shifts biases. Received: the head "
        f"'{head.name}', a {type(head).__name__} without them. End the model "
        "in an ExpandableDense with use_bias=True."
    )
