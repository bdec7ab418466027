import dataclasses
import typing

import numpy as np

from keras_incremental.data.names import normal
from keras_incremental.rejection import cluster

DOUBTFUL, UNKNOWN = "doubtful", "unknown"
SHOWN = 10


class Answered(typing.NamedTuple):
    """What a person said of pictures, for `learn(*answered)`.

    Attributes:
        pictures: Array of shape `(num_answers, ...)`.
        names: Array of strings.
    """

    pictures: np.ndarray
    names: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ReviewQueue:
    """Pictures that a person should look at. Made by `clf.review(x)`.

    Those of something unknown come first, the strangest before the others;
    then the doubtful ones, the most doubtful first.

    Attributes:
        indices: Ints, which pictures of `x` they are.
        pictures: Array of shape `(num_samples, ...)`.
        names: Array of strings, what the classifier proposes.
        scores: Floats: of a doubtful picture the normalised entropy of its
            prediction, from 0 to 1; of an unknown one the score of the
            `Rejector`.
        reasons: Array of strings, `"unknown"` or `"doubtful"`.
        features: Array of what the head reads of them.
    """

    indices: np.ndarray
    pictures: np.ndarray
    names: np.ndarray
    scores: np.ndarray
    reasons: np.ndarray
    features: np.ndarray

    def __len__(self):
        return len(self.indices)

    def answer(self, answers):
        """Pictures and names of what a person has answered.

        Args:
            answers: Dict of indices and names; or a list of names, one for
                each picture in the order of the queue. `None` is for "I do
                not know": the picture is left out. Names may be new.

        Returns:
            `Answered`, for `clf.learn(*queue.answer(answers))`.

        Raises:
            ValueError: if an index is not in the queue, or names are missing.
            TypeError: if a name is no string.
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
        given = {i: _checked(n) for i, n in answers.items() if n is not None}
        chosen = [rows[index] for index in given]
        return Answered(self.pictures[chosen], np.array([*given.values()], str))

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
            (str(index), str(reason), str(name), f"{score:.3g}")
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


def make_queue(reading, names, entropy, doubtful, unknown, strangeness, count):
    """A `ReviewQueue` of what is doubtful or unknown.

    Args:
        reading: `Reading`.
        names: Array of proposed names.
        entropy: Floats, normalised entropy of each prediction.
        doubtful: Bools.
        unknown: Bools; what is both is unknown.
        strangeness: Floats, scores of the rejector.
        count: Int, how many to keep, or `None`.
    """
    scores = np.where(unknown, strangeness, entropy)
    # The last key counts first.
    order = np.lexsort((-scores, ~unknown))
    order = order[(unknown | doubtful)[order]][:count]
    return ReviewQueue(
        order,
        reading.pictures[order],
        names[order],
        scores[order],
        np.where(unknown, UNKNOWN, DOUBTFUL)[order],
        reading.features[order],
    )


def _checked(name):
    if not isinstance(name, str) or not name.strip():
        raise TypeError(
            "Answers must be names, or `None` for what is not clear. "
            f"Received: {name!r}."
        )
    return normal(str(name))


def _table(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [c.ljust(w) for c, w in zip(row, widths, strict=True)]
        yield "  " + "  ".join(cells).rstrip()
