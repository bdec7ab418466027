from collections.abc import Callable
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_incremental.layers import group_layout
from keras_incremental.layers.column_layer import ColumnLayer
from keras_incremental.utils import devices
from keras_incremental.utils import state
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor

LEARNED, CONFIDENCE, FACTOR = "learned", "confidence", "factor"


@export
class DualMemoryRectification(ColumnLayer):
    """Raises the scores of old classes where a new one has the highest.

    The layer follows a head of logits. In inference, where the class with
    the highest probability is of the newest group, the probability of every
    old class `k` is multiplied by

        mean score of k when it was learned / mean score of k now
        * confidence of the newest phase / confidence of the phase of k

    and the logarithms of the probabilities, scaled to sum 1, are returned.
    Where an old class wins, and in training, nothing is rectified.

    `adapt` takes the means after the training of a phase: of a class that
    was learned over its own samples, of an old class now over its exemplars.
    The confidence of a phase is the mean highest score on its samples.

    Obsolete: `BiasCorrection`, `WeightAlignment` and the adjustment of logits
    do better.

    Reference:
    - [Belouadah and Popescu, 2019](https://openaccess.thecvf.com/content_ICCV_2019/html/Belouadah_IL2M_Class_Incremental_Learning_With_Dual_Memory_ICCV_2019_paper.html),
      on probabilities, as quotients of raw logits have no meaning

    Args:
        units: Int, or a list of ints, one for each group in order of
            arrival: the number of classes.
        epsilon: Float above 0. Least mean score that is divided by. Defaults
            to `1e-7`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        Logits, `(batch_size, num_classes)`.

    Output shape:
        `(batch_size, num_classes)`.

    Example:

    >>> layer = DualMemoryRectification([1, 1])
    >>> logits = np.log([[0.4, 0.6]])
    >>> layer.build(logits.shape)
    >>> layer.assign_columns("factor", np.array([2.0, 1.0]))
    >>> ops.convert_to_numpy(ops.exp(layer(logits))).round(2)
    array([[0.57, 0.43]], dtype=float32)
    """

    reads_logits = True

    def __init__(
        self, units: int | Sequence[int], epsilon: float = 1e-7, **kwargs
    ):
        super().__init__(**kwargs)
        owner = type(self).__name__
        self.group_sizes = group_layout.checked_sizes(units, owner)
        if not 0 < epsilon < 1:
            raise ValueError(
                f"`epsilon` of {owner} must lie between 0 and 1. Received: "
                f"epsilon={epsilon}."
            )
        self.epsilon = float(epsilon)
        self.supports_masking = True

    # Public methods.

    @property
    def units(self) -> int:
        """Int, the number of classes."""
        return sum(self.group_sizes)

    def expand(self, units: int) -> None:
        """Appends a group of classes, after the head did the same.

        Compile the model again afterwards.

        Args:
            units: Int, 1 or more: the number of new classes.
        """
        group_layout.check_units(units, type(self).__name__)
        sizes = (*self.group_sizes, int(units))
        if self.built:
            values = {n: self.columns(n) for n in self._columns}
            new = {n: np.append(v, _ones(units)) for n, v in values.items()}
            new[FACTOR] = _ones(sum(sizes))
            self._replace(sizes, new)
        else:
            self.group_sizes = sizes

    def adapt(
        self,
        logits: np.ndarray,
        labels: np.ndarray,
        exemplar_logits: np.ndarray | None = None,
        exemplar_labels: np.ndarray | None = None,
    ) -> None:
        """Takes the means of a phase after its training.

        Args:
            logits: Array of shape `(num_samples, num_classes)`, of samples
                of the newest group without augmentation, by the network
                after the phase.
            labels: Ints of shape `(num_samples,)`. Samples of old classes
                are left out.
            exemplar_logits: Array like `logits`, of the exemplars of old
                classes. An old class without exemplars is not rectified. Not
                needed if there is one group. Defaults to `None`.
            exemplar_labels: Ints. Defaults to `None`.
        """
        self._check_built()
        logits, labels = self._checked(logits, labels)
        start = self.units - self.group_sizes[-1]
        is_new = labels >= start
        if not is_new.any():
            raise ValueError(
                f"{type(self).__name__} adapts to the newest group. Received: "
                f"no labels of {start} or more. Pass samples of its classes."
            )
        learned, confidence = self.columns(LEARNED), self.columns(CONFIDENCE)
        scores = _probabilities(logits[is_new])
        means = mean_scores(scores, labels[is_new], self.units)
        learned[start:] = np.nan_to_num(means[start:], nan=1.0)
        confidence[start:] = scores.max(-1).mean()
        factor = _ones(self.units)
        if start:
            old, old_labels = self._checked(exemplar_logits, exemplar_labels)
            now = mean_scores(_probabilities(old), old_labels, self.units)
            factor[:start] = rectification(
                learned[:start],
                now[:start],
                confidence[:start],
                confidence[-1],
                self.epsilon,
            )
        for name, value in zip(
            self._columns, (learned, confidence, factor), strict=True
        ):
            self.assign_columns(name, value)

    def adapt_readout(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        exemplars: tuple[np.ndarray, np.ndarray],
        new: tuple[np.ndarray, np.ndarray],
    ) -> None:
        x, labels = new
        if labels.max() >= self.units - self.group_sizes[-1]:
            kept, kept_labels = exemplars
            self.adapt(read(x), labels, read(kept), kept_labels)

    def snapshot(self) -> dict:
        """Returns the state of the layer, for `restore`."""
        self._check_built()
        columns = {name: self.columns(name) for name in self._columns}
        return {"group_sizes": self.group_sizes, "columns": columns}

    def restore(self, snapshot: dict) -> None:
        """Restores the groups and statistics of a `snapshot`."""
        self._replace(snapshot["group_sizes"], snapshot["columns"])

    # Methods that Keras calls.

    def column_shapes(
        self, input_dim: int, units: int
    ) -> dict[str, tuple[int, ...]]:
        return {name: (units,) for name in (LEARNED, CONFIDENCE, FACTOR)}

    def column_initializer(self, name: str) -> keras.initializers.Initializer:
        return keras.initializers.Ones()

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        # A grown model is built again by the shapes that it was drawn with.
        self.input_dim = self.units
        initializers = {n: self.column_initializer(n) for n in self._columns}
        self._append_block(0, initializers, self.units)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        self._check_width(inputs.shape)
        scores = ops.log_softmax(inputs, axis=-1)
        if training or len(self.group_sizes) == 1:
            return scores
        (factor,) = self._columns[FACTOR]
        start = self.units - self.group_sizes[-1]
        new_wins = ops.argmax(scores, axis=-1, keepdims=True) >= start
        raised = scores + ops.cast(ops.log(factor), scores.dtype)
        return ops.log_softmax(ops.where(new_wins, raised, scores), axis=-1)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "units": list(self.group_sizes),
            "epsilon": self.epsilon,
        }

    def _add_columns(self, name, first_group, shape, initializer):
        return self.add_weight(
            name=f"{name}_{first_group}",
            shape=shape,
            initializer=initializer,
            trainable=False,
        )

    def _replace(self, group_sizes, columns):
        with state.unlocked(self), devices.scope_of(self.weights):
            self._remove_blocks()
            self.group_sizes = group_sizes
            self._append_block(0, columns)

    def _check_width(self, shape):
        if shape[-1] != self.units:
            raise ValueError(
                f"{type(self).__name__} '{self.name}' rectifies {self.units} "
                f"classes. Received: logits of shape {tuple(shape)}. Let it "
                "`expand` as the head did."
            )

    def _checked(self, logits, labels):
        if logits is None or labels is None:
            raise ValueError(
                f"{type(self).__name__} needs exemplars of old classes. "
                "Received: none. Pass `exemplar_logits` and "
                "`exemplar_labels`."
            )
        logits, labels = np.asarray(logits, "float64"), np.asarray(labels)
        self._check_width(logits.shape)
        if labels.shape != logits.shape[:1]:
            raise ValueError(
                f"{type(self).__name__} needs one label for each row of "
                f"logits. Received: labels of shape {labels.shape} for "
                f"{len(logits)} rows."
            )
        return logits, labels


def rectification(
    learned: np.ndarray,
    now: np.ndarray,
    confidence: np.ndarray,
    newest_confidence: float,
    epsilon: float = 1e-7,
) -> np.ndarray:
    """Returns the factors of the scores of old classes.

    Args:
        learned: Array, the mean score of each class when it was learned.
        now: Array, its mean score now; NaN where there is no exemplar.
        confidence: Array, the confidence of the phase of each class.
        newest_confidence: Float, that of the newest phase.
        epsilon: Float above 0, least divisor. Defaults to `1e-7`.

    Returns:
        Array, 1 where there is no exemplar.
    """
    ratio = np.maximum(learned, epsilon) / np.maximum(now, epsilon)
    ratio = ratio * newest_confidence / np.maximum(confidence, epsilon)
    return np.where(np.isnan(now), 1.0, ratio)


def mean_scores(
    scores: np.ndarray, labels: np.ndarray, num_classes: int
) -> np.ndarray:
    """Returns the mean score of each class on its own samples, else NaN."""
    own = np.take_along_axis(scores, labels[:, None], -1)[:, 0]
    sums = np.bincount(labels, own, num_classes)
    counts = np.bincount(labels, minlength=num_classes)
    return np.divide(
        sums, counts, np.full(num_classes, np.nan), where=counts > 0
    )


def _probabilities(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _ones(count):
    return np.ones(count, "float32")
