"""What is proposed to people, and what they answer, by kind of label."""

import dataclasses
import typing

import numpy as np

from keras_incremental.data.labels import NO_LABEL
from keras_incremental.data.multi_hot import NO
from keras_incremental.data.multi_hot import YES
from keras_incremental.data.multi_hot import columns_of_names
from keras_incremental.data.names import normal
from keras_incremental.losses.partial_binary_crossentropy import UNKNOWN
from keras_incremental.models.problems.uncertainty import limits
from keras_incremental.rejection.scores import OF_LOGITS
from keras_incremental.rejection.scores import SCORES
from keras_incremental.rejection.scores import energy
from keras_incremental.utils.probabilities import normalized_entropy


class Answered(typing.NamedTuple):
    """What a person said of pictures, for `learn(*answered)`.

    Attributes:
        pictures: Array of shape `(num_answers, ...)`.
        names: Array of strings.
    """

    pictures: np.ndarray
    names: np.ndarray


class Numbered(typing.NamedTuple):
    """The same of label maps, and of several labels.

    Attributes:
        pictures: Array of shape `(num_answers, ...)`.
        labels: Ints of shape `(num_answers, height, width)`, positions in
            `classes`, or multi-hot rows.
        classes: Names.
    """

    pictures: np.ndarray
    labels: np.ndarray
    classes: tuple


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What is to be said against predictions.

    Attributes:
        entropy: Floats from 0 to 1, normalized.
        doubtful: Bools of the same shape.
        unknown: Bools, of shape `(num_samples, ...)`.
        strangeness: Floats of that shape, scores of the rejector.
    """

    entropy: np.ndarray
    uncertain: np.ndarray
    unknown: np.ndarray
    ood_scores: np.ndarray


class ReviewNames:
    """A name for each picture.

    Attributes:
        tells_unknown: Names of the scores that tell what is unknown.
    """

    tells_unknown = tuple(SCORES)

    def ood_scores(self, reading, score, statistics):
        """Larger scores of samples less like what is known."""
        return SCORES[score](reading.logits, reading.features, statistics)

    def known_in(self, labels, names):
        """Which samples show something known, and its names or `None`."""
        given = labels >= 0
        return given, np.asarray(names)[labels[given]]

    def with_unknown(self, answers, rejected, unknown):
        """Names, and the answer for what was rejected."""
        return np.where(rejected, unknown, answers)

    def judged(self, logits, predicted, names, threshold):
        """Entropy of predictions, and which of them are not sure enough."""
        entropy = normalized_entropy(np.asarray(logits, "float64"))
        return entropy, entropy >= limits(entropy, predicted, names, threshold)

    def proposed(self, predicted, judgement, names):
        """Labels as `learn` takes them, none where they are not sure."""
        left_out = judgement.uncertain | judgement.unknown
        return np.where(left_out, None, self.suggested(predicted, names))

    def by_picture(self, judgement):
        """The `Judgement` with one entry for each picture."""
        return judgement

    def suggested(self, predicted, names):
        """What a person is shown of each picture."""
        return np.asarray(names, object)[predicted]

    def describe(self, suggestion, names):
        """A suggestion as a few words."""
        return str(suggestion)

    def answered(self, pictures, answers, names):
        """What people said of pictures, as `learn` takes it."""
        given = [_checked_name(name) for name in answers]
        return Answered(pictures, np.array(given, str))


class ReviewMaps(ReviewNames):
    """A map of numbers of classes for each picture."""

    # Statistics of pixels are not kept.
    tells_unknown = OF_LOGITS

    def proposed(self, predicted, judgement, names):
        left_out = judgement.uncertain | judgement.unknown
        return np.where(left_out, NO_LABEL, predicted)

    def by_picture(self, judgement):
        # A picture is not unknown for a few pixels that are.
        uncertain = judgement.uncertain | judgement.unknown
        nowhere = np.zeros(len(uncertain), bool)
        return Judgement(
            entropy=judgement.entropy.mean((1, 2)),
            uncertain=uncertain.any((1, 2)),
            unknown=nowhere,
            ood_scores=nowhere.astype(float),
        )

    def suggested(self, predicted, names):
        return predicted

    def describe(self, suggestion, names):
        return ", ".join(names[label] for label in np.unique(suggestion))

    def answered(self, pictures, answers, names):
        return Numbered(pictures, _stacked(answers), names)


class ReviewSets(ReviewNames):
    """All names that apply to each picture.

    Unknown is what no class says much about: the energies of the classes,
    each a yes or a no, are added.

    Reference:
    - [Wang et al., 2021](https://arxiv.org/abs/2109.14162), joint energy
    """

    tells_unknown = ("energy",)

    def ood_scores(self, reading, score, statistics):
        return energy(_as_pairs(reading.logits)).sum(-1)

    def known_in(self, labels, names):
        # A picture of nothing looks as one of something unknown.
        return (labels == YES).any(1), None

    def with_unknown(self, answers, rejected, unknown):
        pairs = zip(answers, rejected, strict=True)
        return [(unknown,) if gone else names for names, gone in pairs]

    def judged(self, logits, predicted, names, threshold):
        entropy = normalized_entropy(_as_pairs(np.float64(logits)))
        # The yes and the no of a class have limits of their own.
        answers = 2 * np.arange(len(names)) + predicted
        twice = [name for name in names for _ in range(2)]
        return entropy, entropy >= limits(entropy, answers, twice, threshold)

    def proposed(self, predicted, judgement, names):
        left_out = judgement.uncertain | judgement.unknown[:, None]
        labels = np.where(left_out, UNKNOWN, predicted)
        return labels.astype("float32")

    def by_picture(self, judgement):
        return dataclasses.replace(
            judgement,
            entropy=judgement.entropy.max(-1),
            uncertain=judgement.uncertain.any(-1),
        )

    def suggested(self, predicted, names):
        shown = np.empty(len(predicted), object)
        names = np.asarray(names)
        shown[:] = [tuple(names[row].tolist()) for row in predicted]
        return shown

    def describe(self, suggestion, names):
        return ", ".join(suggestion) or "nothing"

    def answered(self, pictures, answers, names):
        shown = [_checked_set(answer) for answer in answers]
        new = [name for found in shown for name in found]
        names = tuple(dict.fromkeys([*names, *new]))
        rows = columns_of_names(shown, names)
        labels = np.where(rows == YES, YES, NO).astype("float32")
        return Numbered(pictures, labels, names)


def _as_pairs(logits):
    """Logits of the no and of the yes of each class."""
    return np.stack([np.zeros_like(logits), logits], -1)


def _checked_name(name):
    if not isinstance(name, str) or not name.strip():
        raise TypeError(
            "Answers must be names, or `None` for what is not clear. "
            f"Received: {name!r}."
        )
    return normal(str(name))


def _stacked(answers):
    maps = [np.asarray(answer) for answer in answers]
    for found in maps:
        if found.ndim != 2 or found.dtype.kind not in "iu":
            raise TypeError(
                "Answers must be maps of shape (height, width) of integers, "
                "the positions in `queue.classes`, -1 where it is not clear; "
                f"or `None`. Received: shape {found.shape}, dtype "
                f"{found.dtype}."
            )
    shapes = sorted({found.shape for found in maps})
    if len(shapes) > 1:
        raise ValueError(
            f"Maps must be of one size. Received: shapes {shapes}. Answer "
            "all in the size of the pictures."
        )
    return np.array(maps, int)


def _checked_set(answer):
    if not isinstance(answer, tuple | list):
        raise TypeError(
            "Answers must be tuples of all names that apply, or `None` for "
            f"what is not clear. Received: {answer!r}. Pass () for none."
        )
    return tuple(_checked_name(name) for name in answer)
