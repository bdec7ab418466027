"""What is proposed to people for review, and what they answer."""

import abc
import dataclasses
import numbers
import typing
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_incremental.data.labels import NO_LABEL
from keras_incremental.data.labels import normal
from keras_incremental.data.multi_hot import NO
from keras_incremental.data.multi_hot import YES
from keras_incremental.data.multi_hot import columns_of_names
from keras_incremental.losses.partial_binary_crossentropy import UNKNOWN
from keras_incremental.rejection.scores import OF_LOGITS
from keras_incremental.rejection.scores import SCORES
from keras_incremental.rejection.scores import energy
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.utils.probabilities import entropy_thresholds
from keras_incremental.utils.probabilities import normalized_entropy
from keras_incremental.utils.types import Tensor

# Below this a prediction is certain, whatever the median of its class is.
CERTAIN = 0.05

Names = Sequence[str]
# Of all classes, by name, or the median of each class.
Threshold = float | dict[str, float] | None


class Answered(typing.NamedTuple):
    """Samples and the answers of a person, for `learn(*answered)`.

    Attributes:
        x: Array of shape `(num_answers, ...)`, the samples.
        y: Array of strings; of label maps ints of shape `(num_answers,
            height, width)`, positions in `classes`; of several labels
            multi-hot rows.
        classes: Names that the labels refer to, or `None` if the labels are
            names.
    """

    x: np.ndarray
    y: np.ndarray
    classes: Names | None = None


@dataclasses.dataclass(frozen=True)
class Judgment:
    """Predictions, and the reasons for a person to look at them.

    Attributes:
        predictions: Array that `Decoder.decide` returned.
        entropy: Floats from 0 to 1, normalized.
        uncertain: Bools of the same shape.
        unknown: Bools of shape `(num_samples, ...)`.
        ood_scores: Floats of that shape, scores of the rejector.
    """

    predictions: np.ndarray
    entropy: np.ndarray
    uncertain: np.ndarray
    unknown: np.ndarray
    ood_scores: np.ndarray


class ReviewFormat(abc.ABC):
    """Base class of formats in which people review predictions.

    Attributes:
        score_names: Names of the scores that detect what is unknown.
    """

    score_names = tuple(SCORES)

    def ood_scores(
        self,
        score: str,
        logits: np.ndarray,
        features: np.ndarray,
        statistics: FeatureStatistics | None,
        weight: float,
    ) -> np.ndarray:
        """Returns scores, larger for samples less like the known ones.

        Args:
            score: String, a key of `SCORES`.
            logits: Array of shape `(..., num_classes)`.
            features: Array of shape `(..., features)`.
            statistics: `FeatureStatistics`, or `None`.
            weight: Float, of the energy beside the distance.
        """
        return SCORES[score](logits, features, statistics, weight)

    def energy_of(self, logits: Tensor) -> Tensor:
        """Returns the energy of a tensor of logits, for an exported model."""
        return -ops.logsumexp(logits, axis=-1)

    def known_in(
        self, labels: np.ndarray, names: Names
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns which samples have a label, and their names or `None`."""
        given = labels >= 0
        return given, np.asarray(names)[labels[given]]

    def with_unknown(
        self, names: Sequence, rejected: np.ndarray, unknown: str
    ) -> Sequence | np.ndarray:
        """Returns names with the answer `unknown` for what was rejected."""
        return np.where(rejected, unknown, names)

    def judge(
        self,
        logits: np.ndarray,
        predictions: np.ndarray,
        names: Names,
        threshold: Threshold,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the entropy of predictions, and which are uncertain."""
        entropy = normalized_entropy(np.asarray(logits, "float64"))
        limit = limits(entropy, predictions, names, threshold)
        return entropy, entropy >= limit

    def by_sample(self, judgment: Judgment) -> Judgment:
        """Returns the `Judgment` with one entry for each sample."""
        return judgment

    @abc.abstractmethod
    def propose(self, judgment: Judgment, names: Names) -> np.ndarray:
        """Returns labels as `learn` takes them, none where uncertain."""

    @abc.abstractmethod
    def suggest(self, predictions: np.ndarray, names: Names) -> np.ndarray:
        """Returns what a person is shown of each sample."""

    @abc.abstractmethod
    def describe(self, suggestion: Any, names: Names) -> str:
        """Returns one suggestion as a few words."""

    @abc.abstractmethod
    def encode(
        self, x: np.ndarray, answers: Sequence, names: Names
    ) -> Answered:
        """Returns checked answers of people as an `Answered`."""


class NameFormat(ReviewFormat):
    """A name for each sample."""

    def propose(self, judgment: Judgment, names: Names) -> np.ndarray:
        left_out = judgment.uncertain | judgment.unknown
        return np.where(
            left_out,
            np.asarray(None),
            self.suggest(judgment.predictions, names),
        )

    def suggest(self, predictions: np.ndarray, names: Names) -> np.ndarray:
        return np.asarray(names, object)[predictions]

    def describe(self, suggestion: Any, names: Names) -> str:
        return str(suggestion)

    def encode(
        self, x: np.ndarray, answers: Sequence, names: Names
    ) -> Answered:
        given = [_checked_name(name) for name in answers]
        return Answered(x, np.array(given, str))


class MapFormat(ReviewFormat):
    """A map of indices of classes for each sample."""

    # Of one answer.
    shape: tuple[str, ...] = ("height", "width")

    # Statistics of pixels and tokens are not kept.
    score_names = OF_LOGITS

    def by_sample(self, judgment: Judgment) -> Judgment:
        # A sample is not unknown for a few pixels that are.
        uncertain = judgment.uncertain | judgment.unknown
        axes = tuple(range(1, uncertain.ndim))
        nowhere = np.zeros(len(uncertain), bool)
        return dataclasses.replace(
            judgment,
            entropy=judgment.entropy.mean(axes),
            uncertain=uncertain.any(axes),
            unknown=nowhere,
            ood_scores=nowhere.astype(float),
        )

    def propose(self, judgment: Judgment, names: Names) -> np.ndarray:
        left_out = judgment.uncertain | judgment.unknown
        return np.where(left_out, NO_LABEL, judgment.predictions)

    def suggest(self, predictions: np.ndarray, names: Names) -> np.ndarray:
        return predictions

    def describe(self, suggestion: Any, names: Names) -> str:
        return ", ".join(names[label] for label in np.unique(suggestion))

    def encode(
        self, x: np.ndarray, answers: Sequence, names: Names
    ) -> Answered:
        return Answered(x, _stacked(answers, self.shape), names)


class TokenFormat(MapFormat):
    """A row of indices of classes for each sample, one for each token."""

    shape = ("time",)


class SetFormat(ReviewFormat):
    """A tuple of all names that apply to each sample.

    A sample is unknown if no class has much evidence for or against it: the
    energies of the classes, each a yes or a no, are added.

    Reference:
    - [Wang et al., 2021](https://arxiv.org/abs/2109.14162), joint energy
    """

    score_names = ("energy",)

    def ood_scores(
        self,
        score: str,
        logits: np.ndarray,
        features: np.ndarray,
        statistics: FeatureStatistics | None,
        weight: float,
    ) -> np.ndarray:
        return energy(_as_pairs(logits)).sum(-1)

    def energy_of(self, logits: Tensor) -> Tensor:
        small = ops.log(1 + ops.exp(-ops.abs(logits)))
        return -ops.sum(ops.relu(logits) + small, axis=-1)

    def known_in(
        self, labels: np.ndarray, names: Names
    ) -> tuple[np.ndarray, np.ndarray | None]:
        # A sample of no class looks like one of an unknown class.
        return (labels == YES).any(1), None

    def with_unknown(
        self, names: Sequence, rejected: np.ndarray, unknown: str
    ) -> Sequence:
        pairs = zip(names, rejected, strict=True)
        return [(unknown,) if gone else found for found, gone in pairs]

    def judge(
        self,
        logits: np.ndarray,
        predictions: np.ndarray,
        names: Names,
        threshold: Threshold,
    ) -> tuple[np.ndarray, np.ndarray]:
        entropy = normalized_entropy(_as_pairs(np.float64(logits)))
        # The yes and the no of a class have limits of their own.
        answers = 2 * np.arange(len(names)) + predictions
        twice = [name for name in names for _ in range(2)]
        return entropy, entropy >= limits(entropy, answers, twice, threshold)

    def by_sample(self, judgment: Judgment) -> Judgment:
        return dataclasses.replace(
            judgment,
            entropy=judgment.entropy.max(-1),
            uncertain=judgment.uncertain.max(-1),
        )

    def propose(self, judgment: Judgment, names: Names) -> np.ndarray:
        left_out = judgment.uncertain | judgment.unknown[:, None]
        labels = np.where(left_out, UNKNOWN, judgment.predictions)
        return labels.astype("float32")

    def suggest(self, predictions: np.ndarray, names: Names) -> np.ndarray:
        shown = np.empty(len(predictions), object)
        names = np.asarray(names)
        shown[:] = [tuple(names[row].tolist()) for row in predictions]
        return shown

    def describe(self, suggestion: Any, names: Names) -> str:
        return ", ".join(suggestion) or "nothing"

    def encode(
        self, x: np.ndarray, answers: Sequence, names: Names
    ) -> Answered:
        shown = [_checked_set(answer) for answer in answers]
        new = [name for found in shown for name in found]
        names = tuple(dict.fromkeys([*names, *new]))
        rows = columns_of_names(shown, names)
        labels = np.where(rows == YES, YES, NO).astype("float32")
        return Answered(x, labels, names)


def _as_pairs(logits):
    """Returns the logits of the no and of the yes of each class."""
    return np.stack([np.zeros_like(logits), logits], -1)


def _checked_name(name):
    if not isinstance(name, str) or not name.strip():
        raise TypeError(
            "Answers must be names, or `None` for what is not clear. "
            f"Received: {name!r}."
        )
    return normal(str(name))


def _stacked(answers, shape):
    maps = [np.asarray(answer) for answer in answers]
    for found in maps:
        if found.ndim != len(shape) or found.dtype.kind not in "iu":
            raise TypeError(
                f"Answers must be maps of shape ({', '.join(shape)}) of "
                "integers, the positions in `queue.classes`, -1 where it is "
                f"not clear; or `None`. Received: shape {found.shape}, dtype "
                f"{found.dtype}."
            )
    shapes = sorted({found.shape for found in maps})
    if len(shapes) > 1:
        raise ValueError(
            f"Maps must be of one size. Received: shapes {shapes}. Answer "
            "all in the size of the samples."
        )
    return np.array(maps, int)


def _checked_set(answer):
    if not isinstance(answer, tuple | list):
        raise TypeError(
            "Answers must be tuples of all names that apply, or `None` for "
            f"what is not clear. Received: {answer!r}. Pass () for none."
        )
    return tuple(_checked_name(name) for name in answer)


def limits(entropy, predicted, names, threshold=None):
    """Returns the entropy below which each prediction is taken as certain.

    Reference:
    - [Douillard et al., 2021](https://arxiv.org/abs/2011.11390), medians

    Args:
        entropy: Floats of any shape, from 0 to 1.
        predicted: Ints of the same shape, the predicted classes.
        names: Names of all classes.
        threshold: Float, or dict of names and floats; `None`, or a class
            that is not in the dict, takes the median of its predictions, and
            never less than 0.05.

    Returns:
        Floats of the same shape.
    """
    given = _by_class(threshold, names)
    medians = entropy_thresholds(entropy, predicted, len(names), CERTAIN)
    limits = [
        median if given.get(name) is None else given[name]
        for name, median in zip(names, medians, strict=True)
    ]
    return np.array(limits)[predicted]


def check_threshold(threshold, names, argument="threshold"):
    """Raises unless thresholds are numbers from 0 to 1 of known classes."""
    given = _by_class(threshold, names)
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ValueError(
            f"`{argument}` names classes {unknown}, which are not known. "
            f"Known classes: {list(names)}. Correct the spelling."
        )
    odd = {n: v for n, v in given.items() if not _is_share(v)}
    if odd:
        raise ValueError(
            f"`{argument}` must be a number from 0 to 1, or a dict of class "
            f"names and such numbers. Received: {argument}={threshold!r}."
        )


def _by_class(threshold, names):
    if threshold is None:
        return {}
    if isinstance(threshold, dict):
        return threshold
    return dict.fromkeys(names, threshold)


def _is_share(value):
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return number and 0 <= value <= 1
