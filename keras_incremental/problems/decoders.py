"""Decoding of logits: probabilities, decisions and names out."""

import abc
from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_incremental.data.label_space import LabelSpace
from keras_incremental.data.labels import check_class_names
from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.layers.hierarchical import hierarchical_argmax
from keras_incremental.layers.hierarchical import largest
from keras_incremental.losses.shapes import logits_at
from keras_incremental.problems.review_formats import MapFormat
from keras_incremental.problems.review_formats import NameFormat
from keras_incremental.problems.review_formats import ReviewFormat
from keras_incremental.problems.review_formats import SetFormat
from keras_incremental.problems.review_formats import TokenFormat
from keras_incremental.problems.review_formats import check_threshold
from keras_incremental.utils.types import Tensor

# The logit of a class that is no answer, and the same in half precision.
HIDDEN, HIDDEN_HALF = -1e9, -6e4
# A sum of probabilities below this has lost its digits.
LOST = 1e-30
TINY = 1e-37

Thresholds = float | dict[str, float] | None


class Decoder(abc.ABC):
    """Base class of decoders, which make predictions from logits.

    Attributes:
        review_format: `ReviewFormat`, in which people are shown predictions
            and answer them.
        answer: String, what an exported model calls its decisions:
            `"indices"` of classes, or `"applies"`, a bool for each class.
    """

    review_format: ReviewFormat = NameFormat()
    answer: str = "indices"

    @abc.abstractmethod
    def remap(self, label_space: LabelSpace, logits: Tensor) -> Tensor:
        """Returns logits after classes were merged or removed.

        Args:
            label_space: `LabelSpace`, which knows the merged and removed
                classes.
            logits: Tensor `(..., num_classes)`.

        Returns:
            Tensor of the same shape. Classes that are no answer any more
            have the lowest logit.
        """

    @abc.abstractmethod
    def probabilities(self, logits: Tensor, groups: Sequence[slice]) -> Tensor:
        """Returns the probabilities of classes.

        Args:
            logits: Tensor `(..., num_classes)`, remapped.
            groups: Slices of the classes that arrived together.
        """

    @abc.abstractmethod
    def logits_of(self, probabilities: np.ndarray) -> np.ndarray:
        """Returns an array of logits that have these probabilities."""

    @abc.abstractmethod
    def decide(
        self, logits: np.ndarray, head: ExpandableHead | None = None
    ) -> np.ndarray:
        """Returns the predictions: indices, or bools for each class.

        Args:
            logits: Array `(..., num_classes)`, remapped.
            head: `ExpandableHead` that gave them. Defaults to `None`, a
                readout.
        """

    def decide_in_graph(
        self, logits: Tensor, head: ExpandableHead | None = None
    ) -> Tensor:
        """Returns what `decide` does, as a tensor, for an exported model.

        Args:
            logits: Tensor `(..., num_classes)`, remapped, of all classes or
                the first ones.
            head: `ExpandableHead` that gave them. Defaults to `None`, a
                readout.
        """
        raise NotImplementedError(
            f"{type(self).__name__} decides with NumPy alone. Define "
            "`decide_in_graph`, with `keras.ops`, to export it."
        )

    def check_thresholds(
        self, thresholds: Thresholds, classes: Sequence[str]
    ) -> None:
        """Raises unless `thresholds` of `predict_names` fit.

        Args:
            thresholds: Float, or dict of names and floats, or `None`.
            classes: Names of all classes.
        """
        if thresholds is not None:
            raise ValueError(
                "`thresholds` decide for each class whether it applies, and "
                "here only the most probable class does. Received: "
                f"thresholds={thresholds}. Leave it out, or use `unknown` to "
                "predict no class."
            )

    def shift(
        self,
        logits: np.ndarray,
        thresholds: Thresholds,
        classes: Sequence[str],
    ) -> np.ndarray:
        """Returns logits above 0 where a class passes its threshold.

        Args:
            logits: Array `(..., num_classes)`, remapped.
            thresholds: Checked thresholds, or `None`.
            classes: Names of all classes.
        """
        return logits

    @abc.abstractmethod
    def names_of(
        self, predictions: np.ndarray, classes: np.ndarray
    ) -> Sequence:
        """Returns the names of predictions.

        Args:
            predictions: Array that `decide` returned.
            classes: Array of the names of all classes.
        """

    @abc.abstractmethod
    def restrict(
        self, outputs: np.ndarray, shown: np.ndarray, from_logits: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns outputs in which only some classes can be predicted.

        Args:
            outputs: Array `(..., num_classes)`.
            shown: Bools of shape `(num_classes,)`: the classes that can.
            from_logits: Bool. Whether outputs are logits.

        Returns:
            Pair of the array, and bools of shape `(...)`: where too little
            probability was left, so that logits are needed.
        """

    def resize(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Returns outputs at the size of the labels, for label maps."""
        return outputs


class SoftmaxDecoder(Decoder):
    """One class for each sample: the most probable one."""

    def remap(self, label_space: LabelSpace, logits: Tensor) -> Tensor:
        targets = label_space.merged_into
        if (targets == np.arange(len(targets))).all():
            return logits
        columns = []
        for index in range(len(targets)):
            members = np.flatnonzero(targets == index)
            if len(members) > 1:
                parts = ops.take(logits, members, axis=-1)
                columns.append(ops.logsumexp(parts, axis=-1))
            elif len(members):
                columns.append(logits[..., members[0]])
            else:
                columns.append(_hidden_like(logits[..., 0]))
        return ops.stack(columns, axis=-1)

    def probabilities(self, logits: Tensor, groups: Sequence[slice]) -> Tensor:
        return ops.softmax(logits)

    def logits_of(self, probabilities: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(probabilities, TINY))

    def decide(
        self, logits: np.ndarray, head: ExpandableHead | None = None
    ) -> np.ndarray:
        parents = _split_parents(head)
        if parents is None:
            return logits.argmax(-1)
        # A class and its subclasses are compared with the others as one.
        return ops.convert_to_numpy(hierarchical_argmax(logits, parents))

    def decide_in_graph(
        self, logits: Tensor, head: ExpandableHead | None = None
    ) -> Tensor:
        parents = _split_parents(head)
        if parents is None:
            return largest(logits)
        return hierarchical_argmax(logits, parents[: logits.shape[-1]])

    def names_of(
        self, predictions: np.ndarray, classes: np.ndarray
    ) -> Sequence:
        return classes[predictions]

    def restrict(
        self, outputs: np.ndarray, shown: np.ndarray, from_logits: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        if from_logits:
            outputs = hidden_logits(outputs, shown)
            return outputs, np.zeros(outputs.shape[:-1], bool)
        return hidden_probabilities(outputs, shown)


class MapDecoder(SoftmaxDecoder):
    """One class for each pixel, at the size of the label maps."""

    review_format = MapFormat()

    def resize(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return ops.convert_to_numpy(logits_at(labels, outputs))


class TokenDecoder(SoftmaxDecoder):
    """One class for each token."""

    review_format = TokenFormat()


class SigmoidDecoder(Decoder):
    """Each class whose probability is above 0.5."""

    review_format = SetFormat()
    answer = "applies"

    def remap(self, label_space: LabelSpace, logits: Tensor) -> Tensor:
        targets = label_space.merged_into
        if (targets == np.arange(len(targets))).all():
            return logits
        columns = []
        for index in range(len(targets)):
            members = np.flatnonzero(targets == index)
            parts = [logits[..., k] for k in members.tolist()]
            columns.append(
                ops.max(ops.stack(parts), 0)
                if parts
                else _hidden_like(logits[..., 0])
            )
        return ops.stack(columns, axis=-1)

    def probabilities(self, logits: Tensor, groups: Sequence[slice]) -> Tensor:
        # The last bit depends on how many are computed together. And no
        # `sigmoid`, which TensorFlow joins with the layer before it.
        parts = [ops.exp(ops.log_sigmoid(logits[:, g])) for g in groups]
        return ops.concatenate(parts, axis=-1)

    def logits_of(self, probabilities: np.ndarray) -> np.ndarray:
        return log_odds(probabilities)

    def decide(
        self, logits: np.ndarray, head: ExpandableHead | None = None
    ) -> np.ndarray:
        return logits > 0

    def decide_in_graph(
        self, logits: Tensor, head: ExpandableHead | None = None
    ) -> Tensor:
        return logits > 0

    def check_thresholds(
        self, thresholds: Thresholds, classes: Sequence[str]
    ) -> None:
        if thresholds is not None:
            check_threshold(thresholds, classes, "thresholds")

    def shift(
        self, logits: np.ndarray, thresholds: Thresholds, classes: Sequence[str]
    ) -> np.ndarray:
        if thresholds is None:
            return logits
        if not isinstance(thresholds, dict):
            thresholds = dict.fromkeys(classes, thresholds)
        return logits - log_odds([thresholds.get(c, 0.5) for c in classes])

    def names_of(
        self, predictions: np.ndarray, classes: np.ndarray
    ) -> Sequence:
        return [tuple(classes[row].tolist()) for row in predictions]

    def restrict(
        self, outputs: np.ndarray, shown: np.ndarray, from_logits: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        lowest = hidden_logit(outputs.dtype) if from_logits else 0
        result = np.where(shown, outputs, np.asarray(lowest, outputs.dtype))
        return result, np.zeros(len(outputs), bool)


def predictions_of(classifier, outputs, from_logits=True, thresholds=None):
    """Returns what a classifier predicts from its outputs.

    Args:
        classifier: `IncrementalClassifier`.
        outputs: Array `(..., num_classes)`, remapped.
        from_logits: Bool. Whether outputs are logits. Defaults to `True`.
        thresholds: Checked thresholds of `predict_names`. Defaults to
            `None`.
    """
    decoder = classifier.problem.decoder
    logits = outputs if from_logits else decoder.logits_of(outputs)
    logits = decoder.shift(logits, thresholds, classifier.classes)
    head = classifier.head if classifier.readout is None else None
    return decoder.decide(logits, head)


def shown_columns(classes, known):
    """Returns which outputs belong to some classes.

    Args:
        classes: Names of the classes to choose from.
        known: Names of all classes.

    Returns:
        Bools of shape `(len(known),)`.
    """
    names = check_class_names(classes)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            "`classes` must name classes that are known. Received: "
            f"{unknown}. Known classes: {list(known)}. Correct the spelling, "
            "or teach them by `learn`."
        )
    return np.isin(known, names)


def hidden_logit(dtype):
    """Returns the logit of a class that is no answer, for a dtype."""
    return HIDDEN_HALF if "float16" in str(dtype) else HIDDEN


def hidden_logits(logits, shown):
    """Returns logits with the lowest logit for classes that are not shown."""
    lowest = np.asarray(hidden_logit(logits.dtype), logits.dtype)
    return np.where(shown, logits, lowest)


def hidden_probabilities(probabilities, shown):
    """Returns probabilities of 0 for hidden classes, the rest summing to 1.

    Returns:
        Pair of the array, and bools of shape `(...)`: where so little was
        left that it must be computed from logits.
    """
    kept = np.where(shown, probabilities, 0)
    total = kept.sum(-1, keepdims=True)
    lost = total[..., 0] < LOST
    return kept / np.maximum(total, LOST), lost


def log_odds(probabilities):
    """Returns the logits of probabilities, infinite at 0 and 1."""
    p = np.asarray(probabilities, "float64")
    with np.errstate(divide="ignore"):
        return np.log(p) - np.log1p(-p)


def _split_parents(head):
    # A readout tells classes apart, not what they came out of.
    return head.parents if head is not None and head.has_splits else None


def _hidden_like(logits):
    return ops.full_like(logits, hidden_logit(logits.dtype))
