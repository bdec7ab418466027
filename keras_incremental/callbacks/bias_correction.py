from typing import Any

from numpy.typing import ArrayLike

from keras_incremental.callbacks.phase_callback import HELD_OUT
from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.callbacks.weight_protection import check_data
from keras_incremental.data import arrays
from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.layers.growth import find_head
from keras_incremental.layers.splits import refuse_new_splits
from keras_incremental.regularizers.per_example.likelihood import logits_of
from keras_incremental.utils.affine_logits import fit_affine
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Logs
from keras_incremental.utils.types import Structure


@export
class BiasCorrection(PhaseCallback):
    """Scales and shifts the logits of new classes to fit held-out samples.

    When `fit` ends, this callback fits `alpha * logit + beta` for the logits
    of the newest group. It uses held-out samples, the same number of each
    class. Other weights do not change. The correction is folded into the
    kernel and bias of the group, so it needs no extra layer, and applies in
    later phases and in saved files. The order of old classes, and the order
    of new classes, stay the same. A head with one group is not changed.

    Pass the callback after those that restore weights and before those that
    protect weights. Do not combine it with another bias correction. The data
    is cleared when the phase ends.

    Reference:
    - [Wu et al., 2019](https://arxiv.org/abs/1905.13260). Here the numbers
      are solved for rather than trained, and the corrections of all phases
      are kept.

    Args:
        validation_share: Float between 0 and 1. Share of the samples that
            `IncrementalClassifier` holds out for the callback. A larger
            value leaves fewer samples for training. Defaults to `0.1`.
        prior: Float, 0 or more. Weight of the squares of `alpha - 1` and
            `beta`, where each sample has the weight 1. A larger value gives a
            weaker correction. Defaults to `0.1`.
        data: Tuple `(inputs, labels)` of held-out samples with integer
            labels. It may also be set as an attribute before `fit`. Defaults
            to `None`.
        head: `ExpandableDense`, its name, or `None` for the only one in the
            model, at any depth. Defaults to `None`.

    Raises:
        ValueError: when `fit` begins without `data`, if the head is not an
            `ExpandableDense` with biases, or if a new class is a subclass of
            an old one.

    Example:

    >>> import numpy as np
    >>> callbacks = [BiasCorrection(data=(np.ones((2, 4)), np.array([0, 1])))]
    """

    corrects_bias = True
    required_data = HELD_OUT

    def __init__(
        self,
        validation_share: float = 0.1,
        prior: float = 0.1,
        data: tuple[Structure, ArrayLike] | None = None,
        head: ExpandableHead | str | None = None,
    ):
        super().__init__()
        if not 0 < validation_share < 1:
            raise ValueError(
                "`validation_share` of BiasCorrection must be between 0 and "
                f"1. Received: validation_share={validation_share}."
            )
        if not 0 <= prior < float("inf"):
            raise ValueError(
                "`prior` of BiasCorrection must be a finite number of 0 or "
                f"more. Received: prior={prior}."
            )
        self.validation_share = float(validation_share)
        self.prior = float(prior)
        self.data: Any = data
        self.head = head

    def on_train_begin(self, logs: Logs = None) -> None:
        check_data(self)
        _check_head(find_head(self.model, self.head))

    def on_train_end(self, logs: Logs = None) -> None:
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
        return arrays.in_chunks(
            predict, arrays.samples_to_numpy(inputs, "data")
        )

    def get_config(self) -> Config:
        return {
            "validation_share": self.validation_share,
            "prior": self.prior,
            "head": getattr(self.head, "name", self.head),
        }


def fold(head: ExpandableHead, new: slice, alpha: float, beta: float) -> None:
    """Folds an affine map of logits into the weights of their columns."""
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
        "BiasCorrection needs a head with kernel and bias. Received: head "
        f"'{head.name}' of class {type(head).__name__}. End the model in an "
        "ExpandableDense with use_bias=True."
    )
