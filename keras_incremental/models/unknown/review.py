import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_incremental.models.outputs import Forward
from keras_incremental.problems.review_formats import Answered
from keras_incremental.problems.review_formats import Judgment
from keras_incremental.problems.review_formats import ReviewFormat
from keras_incremental.rejection import cluster
from keras_incremental.rejection.clustering import Clusters

UNCERTAIN, UNKNOWN = "uncertain", "unknown"
SHOWN = 10


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ReviewQueue:
    """Samples that a person should look at. Made by `clf.review(x)`.

    Unknown samples come first, those with the largest score before the
    others; then uncertain ones, the most uncertain first.

    Attributes:
        indices: Ints, the positions of the samples in `x`.
        samples: Array of shape `(num_samples, ...)`.
        names: The predictions: strings; of label maps ints of shape
            `(num_samples, height, width)`, positions in `classes`; of
            several labels tuples of strings.
        scores: Floats: of an uncertain sample the normalized entropy of its
            prediction, from 0 to 1, of a map the mean over pixels, of
            several labels the largest; of an unknown one the score of the
            `Rejector`.
        reasons: Array of strings, `"unknown"` or `"uncertain"`.
        features: Array of the features that the head reads.
        classes: Tuple of strings, the names of all classes.
        review_format: `ReviewFormat` of the problem. Internal.
    """

    indices: np.ndarray
    samples: np.ndarray
    names: np.ndarray
    scores: np.ndarray
    reasons: np.ndarray
    features: np.ndarray
    classes: tuple
    review_format: ReviewFormat

    def __len__(self):
        return len(self.indices)

    def answer(
        self, answers: Any, classes: Sequence[str] | None = None
    ) -> Answered:
        """Returns the samples and labels that a person has answered.

        Args:
            answers: Dict of indices and names; or a list of names, one for
                each sample in the order of the queue. `None` is for "I do
                not know": the sample is left out. Names may be new. Of a
                label map the answer is a map of ints as in `names`, -1 where
                it is not clear; of several labels, a tuple of all names that
                apply to the sample.
            classes: Names that the ints of maps refer to, if some are new.
                Defaults to `None`, those of the queue.

        Returns:
            `Answered`: the arguments `x`, `y` and `classes` of `learn`, for
            `clf.learn(*queue.answer(answers))`.

        Raises:
            ValueError: if an index is not in the queue, or names are missing.
            TypeError: if an answer is no name, no map or no tuple.
        """
        if not isinstance(answers, dict):
            answers = self._by_index(answers)
        rows = {index: row for row, index in enumerate(self.indices.tolist())}
        outside = [index for index in answers if index not in rows]
        if outside:
            raise ValueError(
                "`answers` must be by index of the samples in the queue. "
                f"Received: {outside[:SHOWN]}, which are not in the queue. "
                f"It has {self.indices[:SHOWN].tolist()} and so on."
            )
        given = {i: name for i, name in answers.items() if name is not None}
        x = self.samples[[rows[index] for index in given]]
        names = self.classes if classes is None else tuple(classes)
        return self.review_format.encode(x, list(given.values()), names)

    def clusters(self, min_size: int = 5) -> Clusters:
        """Clusters the unknown samples, which may be of new classes.

        A person then names clusters rather than samples:
        `queue.answer(clusters.named({0: "fish"}))`.

        Args:
            min_size: Int. Samples of smaller clusters are left out. Defaults
                to `5`.

        Returns:
            `Clusters` by index, see `rejection.cluster`.
        """
        unknown = self.reasons == UNKNOWN
        return cluster(
            self.features[unknown], min_size, indices=self.indices[unknown]
        )

    def __str__(self):
        unknown = int((self.reasons == UNKNOWN).sum())
        head = (
            f"{len(self)} samples to review: {unknown} unknown, "
            f"{len(self) - unknown} uncertain"
        )
        if not len(self):
            return head
        rows = [("index", "reason", "proposed", "score")]
        rows += [
            (
                str(index),
                str(reason),
                self.review_format.describe(name, self.classes),
                f"{score:.3g}",
            )
            for index, reason, name, score in zip(
                self.indices[:SHOWN],
                self.reasons[:SHOWN],
                self.names[:SHOWN],
                self.scores[:SHOWN],
                strict=True,
            )
        ]
        more = len(self) - SHOWN
        foot = [f"  and {more} more"] if more > 0 else []
        return "\n".join([head, *_table(rows), *foot])

    __repr__ = __str__

    def _by_index(self, names):
        names = list(names)
        if len(names) != len(self):
            raise ValueError(
                "A list of answers must have one name, or `None`, for each "
                f"sample in the queue. Received: {len(names)} names for "
                f"{len(self)} samples. Pass a dict of indices and names to "
                "answer some."
            )
        return dict(zip(self.indices.tolist(), names, strict=True))


def make_queue(
    classifier: keras.Model,
    outputs: Forward,
    judgment: Judgment,
    count: int | None = None,
) -> ReviewQueue:
    """Returns a `ReviewQueue` of samples that are uncertain or unknown.

    Args:
        classifier: `IncrementalClassifier`.
        outputs: `Forward`.
        judgment: `Judgment`; a sample that is both counts as unknown.
        count: Int. The length of the queue at most. Defaults to `None`, any.
    """
    review_format = classifier.problem.decoder.review_format
    judgment = review_format.by_sample(judgment)
    unknown = judgment.unknown
    scores = np.where(unknown, judgment.ood_scores, judgment.entropy)
    # The last key counts first.
    order = np.lexsort((-scores, ~unknown))
    order = order[(unknown | judgment.uncertain)[order]][:count]
    names = review_format.suggest(
        judgment.predictions[order], classifier.classes
    )
    return ReviewQueue(
        order,
        outputs.x[order],
        names,
        scores[order],
        np.where(unknown, UNKNOWN, UNCERTAIN)[order],
        outputs.features[order],
        tuple(classifier.classes),
        review_format,
    )


def _table(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [c.ljust(w) for c, w in zip(row, widths, strict=True)]
        yield "  " + "  ".join(cells).rstrip()
