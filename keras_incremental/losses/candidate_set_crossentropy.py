from collections.abc import Sequence

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from keras_incremental.losses import emphasis
from keras_incremental.losses import tables
from keras_incremental.losses.shapes import broadcast_weights
from keras_incremental.losses.shapes import logits_at
from keras_incremental.losses.shapes import squeeze_labels
from keras_incremental.utils import state
from keras_incremental.utils.export import export
from keras_incremental.utils.masking import masked_logsumexp
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor

NAME = "CandidateSetCrossentropy"


@export
class CandidateSetCrossentropy(keras.losses.Loss):
    """Crossentropy for labels that stand for a set of classes.

    A label selects a row of `table`: the set `S` of classes that the sample
    may belong to. The loss is minus the logarithm of their total
    probability,

        loss = logsumexp(z[V]) - logsumexp(z[S])

    with the logits `z`. `V` holds all classes unless `denominator` restricts
    it. A set of one class gives the plain crossentropy. The set of all
    classes gives a loss of 0 and no gradient. One loss therefore covers
    exact labels, "some animal", "anything but a bird", and unlabeled pixels.

    The mean is taken over the positions with an informative label, so it
    does not depend on the number of unlabeled positions. A label outside the
    table raises a `ValueError` if the labels are NumPy arrays. In a compiled
    step it gives a loss of 1e9 on all backends.

    Args:
        table: Boolean array of shape `(num_labels, num_classes)`, or `None`.
            Entry `[y, k]` is `True` if label `y` may be class `k`. See
            `keras_incremental.losses.tables`. With `None`, labels are class
            indices. Defaults to `None`.
        denominator: Boolean array of the shape of `table`, or `None`. The
            classes that compete, for each label. It must contain the
            candidates. Classes outside get no gradient. Defaults to `None`,
            all classes.
        from_logits: Boolean. Whether `y_pred` holds logits rather than
            probabilities. Defaults to `True`.
        ignore_class: Int, list of ints, or `None`. Labels to ignore.
            Defaults to `None`.
        label_weights: List of floats, one for each label, or `None`. Weight
            of the positions with each label. The mean still divides by the
            number of positions. See `losses.effective_number_weights` for
            rare classes. Defaults to `None`, all 1.
        focus: Float, 0 or more. The focusing parameter of the focal loss:
            each loss is multiplied by `(1 - p)**focus`, where `p` is the
            total probability of the candidates. A larger value puts more
            weight on hard samples; 2 is usual. Defaults to `0.0`.
        reduction: See `keras.losses.Loss`. `"sum_over_batch_size"` divides
            by the number of informative positions, at least 1. Defaults to
            `"sum_over_batch_size"`.
        name: String. Defaults to `"candidate_set_crossentropy"`.

    Reference:
    - [Lin et al., 2017](https://arxiv.org/abs/1708.02002), for `focus`

    Input shape:
        `y_true`: ints, `(batch_size, ...)` or `(batch_size, ..., 1)`.
        `y_pred`: `(batch_size, ..., num_classes)`. Maps of another size than
        the labels are resized. See `losses.logits_at`.

    Raises:
        ValueError: if a row of the table is empty, or has a candidate
            outside the denominator.

    Example:

    >>> loss = CandidateSetCrossentropy(table=[[1, 0, 0], [0, 1, 1]])
    >>> round(float(loss(np.array([1]), np.zeros((1, 3)))), 4)
    0.4055
    """

    def __init__(
        self,
        table: ArrayLike | None = None,
        denominator: ArrayLike | None = None,
        from_logits: bool = True,
        ignore_class: int | Sequence[int] | None = None,
        label_weights: Sequence[float] | None = None,
        focus: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "candidate_set_crossentropy",
    ):
        # Labels beyond 256 are not exact in bfloat16.
        super().__init__(name=name, reduction=reduction, dtype="float32")
        table, denominator = _checked_tables(table, denominator)
        self._table = _constant(table)
        self._denominator = _constant(denominator)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.label_weights = emphasis.checked_weights(
            label_weights, None if table is None else len(table), NAME
        )
        self.focus = emphasis.checked_focus(focus, NAME)

    @property
    def table(self) -> np.ndarray | None:
        """Boolean array with the candidates of each label, or `None`."""
        return _array(self._table)

    @property
    def denominator(self) -> np.ndarray | None:
        """Boolean array with the competing classes, or `None`."""
        return _array(self._denominator)

    def __call__(self, y_true, y_pred, sample_weight=None):
        if isinstance(y_true, (np.ndarray, list, tuple, int)):
            _check_labels(y_true, self._table, y_pred, self.ignore_class)
        y_pred = logits_at(y_true, ops.convert_to_tensor(y_pred))
        sample_weight = broadcast_weights(sample_weight, y_pred)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if not self.from_logits:
            y_pred = ops.log(ops.clip(y_pred, keras.config.epsilon(), 1.0))
        losses, informative = _losses_and_informative(
            y_true,
            y_pred,
            self._table,
            self._denominator,
            self.ignore_class,
            self.label_weights,
            self.focus,
        )
        return state.set_mask(losses, informative)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "table": _listed(self.table),
            "denominator": _listed(self.denominator),
            "from_logits": self.from_logits,
            "ignore_class": self.ignore_class,
            "label_weights": self.label_weights,
            "focus": self.focus,
        }


def candidate_set_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    table: ArrayLike | None = None,
    denominator: ArrayLike | None = None,
    ignore_class: int | Sequence[int] | None = None,
    label_weights: Sequence[float] | None = None,
    focus: float = 0.0,
) -> Tensor:
    """Computes the crossentropy of labels that stand for sets of classes.

    Args:
        y_true: Ints of shape `(batch_size, ...)`.
        y_pred: Tensor of shape `(batch_size, ..., num_classes)`, the logits.
        table: See `CandidateSetCrossentropy`.
        denominator: See `CandidateSetCrossentropy`.
        ignore_class: See `CandidateSetCrossentropy`.
        label_weights: See `CandidateSetCrossentropy`.
        focus: See `CandidateSetCrossentropy`.

    Returns:
        Tensor of shape `(batch_size, ...)`; 0 at ignored positions.
    """
    table, denominator = _checked_tables(table, denominator)
    if isinstance(y_true, (np.ndarray, list, tuple, int)):
        _check_labels(y_true, table, y_pred, ignore_class)
    return _losses_and_informative(
        ops.convert_to_tensor(y_true),
        logits_at(y_true, ops.convert_to_tensor(y_pred)),
        table,
        denominator,
        ignore_class,
        label_weights,
        emphasis.checked_focus(focus, NAME),
    )[0]


def _losses_and_informative(
    labels,
    z,
    table,
    denominator,
    ignore_class,
    label_weights,
    focus,
):
    z = ops.cast(z, keras.backend.result_type(z.dtype, "float32"))
    # The loss does not change, and large logits keep their digits.
    z = z - ops.stop_gradient(ops.max(z, axis=-1, keepdims=True))
    labels = ops.cast(squeeze_labels(labels, z), "int32")
    ignored = _ignored(labels, ignore_class)
    chosen = _rows(table, labels, z.shape[-1])
    among = (
        ops.ones_like(chosen)
        if denominator is None
        else _rows(denominator, labels, z.shape[-1])
    )
    is_vacuous = ops.all(ops.equal(chosen, among), axis=-1)
    informative = ops.logical_not(ops.logical_or(ignored, is_vacuous))
    losses = masked_logsumexp(z, among) - masked_logsumexp(z, chosen)
    losses = emphasis.focused(losses, focus)
    count = z.shape[-1] if table is None else table.shape[0]
    weights = emphasis.checked_weights(label_weights, count, NAME)
    losses = emphasis.weighted(losses, labels, weights)
    return ops.where(informative, losses, 0.0), informative


def _ignored(labels, ignore_class):
    ignored = ops.zeros_like(labels, dtype="bool")
    for label in _as_list(ignore_class):
        ignored = ops.logical_or(ignored, ops.equal(labels, label))
    return ignored


def _rows(table, labels, num_classes):
    """Returns the row of each label; an empty one outside the table."""
    labels = ops.expand_dims(labels, -1)
    if table is None:
        return ops.equal(labels, ops.arange(num_classes, dtype="int32"))
    if table.shape[-1] != num_classes:
        raise ValueError(
            f"`table` has {table.shape[-1]} classes, but `y_pred` has "
            f"{num_classes}. Build the table for the classes of the model, "
            "or update it with `tables.compose`."
        )
    # Backends treat an index out of range in different ways.
    known = ops.logical_and(labels >= 0, labels < table.shape[0])
    indices = ops.squeeze(ops.where(known, labels, 0), -1)
    return ops.logical_and(known, ops.take(table, indices, axis=0))


def _checked_tables(table, denominator):
    if table is not None:
        table = tables.checked(table)
    if denominator is None:
        return table, None
    denominator = tables.checked(denominator, "denominator")
    if table is None:
        table = tables.identity(*denominator.shape)
    if table.shape != denominator.shape or (table & ~denominator).any():
        raise ValueError(
            "`denominator` must have the shape of `table` and contain its "
            f"candidates. Received: table.shape={table.shape}, "
            f"denominator.shape={denominator.shape}."
        )
    return table, denominator


def _check_labels(labels, table, y_pred, ignore_class):
    count = np.shape(y_pred)[-1] if table is None else table.shape[0]
    allowed = [*range(count), *_as_list(ignore_class)]
    wrong = np.setdiff1d(np.asarray(labels), allowed).tolist()
    if wrong:
        raise ValueError(
            f"`y_true` must hold labels from 0 to {count - 1}, or one of "
            f"ignore_class={ignore_class}. Received: {wrong[:10]}."
        )


def _as_list(ignore_class):
    if ignore_class is None:
        return []
    return [ignore_class] if isinstance(ignore_class, int) else ignore_class


def _constant(table):
    if table is None:
        return None
    return keras.Variable(table, trainable=False, dtype="bool")


def _array(variable):
    return None if variable is None else ops.convert_to_numpy(variable)


def _listed(table):
    return None if table is None else table.astype(int).tolist()
