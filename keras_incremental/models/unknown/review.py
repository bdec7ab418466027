import dataclasses

import numpy as np

from keras_incremental.rejection import cluster

UNCERTAIN, UNKNOWN = "uncertain", "unknown"
SHOWN = 10


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ReviewQueue:
    """Pictures that a person should look at. Made by `clf.review(x)`.

    Those of something unknown come first, the strangest before the others;
    then the doubtful ones, the most doubtful first.

    Attributes:
        indices: Ints, which pictures of `x` they are.
        pictures: Array of shape `(num_samples, ...)`.
        names: What the classifier proposes: strings; of label maps ints of
            shape `(num_samples, height, width)`, positions in `classes`; of
            several labels tuples of strings.
        scores: Floats: of a doubtful picture the normalized entropy of its
            prediction, from 0 to 1, of a map the mean over pixels, of
            several labels the largest; of an unknown one the score of the
            `Rejector`.
        reasons: Array of strings, `"unknown"` or `"uncertain"`.
        features: Array of what the head reads of them.
        classes: Tuple of strings, the names of all classes.
        reviewing: What may be proposed and answered. For this package.
    """

    indices: np.ndarray
    pictures: np.ndarray
    names: np.ndarray
    scores: np.ndarray
    reasons: np.ndarray
    features: np.ndarray
    classes: tuple
    reviewing: object

    def __len__(self):
        return len(self.indices)

    def answer(self, answers, classes=None):
        """Pictures and names of what a person has answered.

        Args:
            answers: Dict of indices and names; or a list of names, one for
                each picture in the order of the queue. `None` is for "I do
                not know": the picture is left out. Names may be new. Of a
                label map the answer is a map of ints as in `names`, -1 where
                it is not clear; of several labels, a tuple of all names that
                the picture shows.
            classes: Names that the ints of maps number, if some are new.
                Defaults to `None`, those of the queue.

        Returns:
            `Answered`, for `clf.learn(*queue.answer(answers))`; of label
            maps and of several labels, `Numbered`.

        Raises:
            ValueError: if an index is not in the queue, or names are missing.
            TypeError: if an answer is no name, no map or no tuple.
        """
        if not isinstance(answers, dict):
            answers = self._by_index(answers)
        rows = {index: row for row, index in enumerate(self.indices.tolist())}
        strange = [index for index in answers if index not in rows]
        if strange:
            raise ValueError(
                "Answers are by index of the pictures that were reviewed. "
                f"Received: {strange[:SHOWN]}, which are not in the queue. "
                f"It has {self.indices[:SHOWN].tolist()} and so on."
            )
        given = {i: said for i, said in answers.items() if said is not None}
        pictures = self.pictures[[rows[index] for index in given]]
        names = self.classes if classes is None else tuple(classes)
        return self.reviewing.answered(pictures, list(given.values()), names)

    def clusters(self, min_size=5):
        """Groups of the unknown ones, which may be new classes.

        A person then names groups in the place of pictures:
        `queue.answer(clusters.named({0: "fish"}))`.

        Args:
            min_size: Int. Pictures of smaller groups belong nowhere.
                Defaults to `5`.

        Returns:
            `Clusters`, as of `rejection.cluster`, by index.
        """
        unknown = self.reasons == UNKNOWN
        return cluster(
            self.features[unknown], min_size, indices=self.indices[unknown]
        )

    def __str__(self):
        unknown = int((self.reasons == UNKNOWN).sum())
        head = (
            f"{len(self)} pictures to review: {unknown} unknown, "
            f"{len(self) - unknown} doubtful"
        )
        if not len(self):
            return head
        rows = [("index", "reason", "proposed", "score")]
        rows += [
            (
                str(index),
                str(reason),
                self.reviewing.describe(name, self.classes),
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
                f"picture in the queue. Received: {len(names)} names for "
                f"{len(self)} pictures. Pass a dict of indices and names to "
                "answer some."
            )
        return dict(zip(self.indices.tolist(), names, strict=True))


def make_queue(classifier, reading, predicted, judgement, count):
    """A `ReviewQueue` of what is doubtful or unknown.

    Args:
        classifier: `IncrementalClassifier`.
        reading: `Reading`.
        predicted: Array, what the logits mean.
        judgement: `Judgement`; what is both is unknown.
        count: Int, how many to keep, or `None`.
    """
    reviewing, classes = classifier.problem.reviewing, classifier.classes
    judgement = reviewing.by_picture(judgement)
    unknown = judgement.unknown
    scores = np.where(unknown, judgement.ood_scores, judgement.entropy)
    # The last key counts first.
    order = np.lexsort((-scores, ~unknown))
    order = order[(unknown | judgement.uncertain)[order]][:count]
    return ReviewQueue(
        order,
        reading.pictures[order],
        reviewing.suggested(predicted[order], classes),
        scores[order],
        np.where(unknown, UNKNOWN, UNCERTAIN)[order],
        reading.features[order],
        tuple(classes),
        reviewing,
    )


def _table(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [c.ljust(w) for c, w in zip(row, widths, strict=True)]
        yield "  " + "  ".join(cells).rstrip()
