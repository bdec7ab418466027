import numpy as np

from keras_incremental.models.inputs.arguments import whole
from keras_incremental.models.problems import hiding
from keras_incremental.models.problems.decoding import chosen
from keras_incremental.models.problems.decoding import decided
from keras_incremental.models.problems.review_formats import Judgement
from keras_incremental.models.problems.uncertainty import check_threshold
from keras_incremental.models.unknown.calibration import Rejects
from keras_incremental.models.unknown.forward import read
from keras_incremental.models.unknown.forward import read_pictures
from keras_incremental.models.unknown.review import make_queue
from keras_incremental.utils.probabilities import softmax


class Answers(Rejects):
    """What an `IncrementalClassifier` says of pictures, and asks of people."""

    def predict(
        self,
        x,
        batch_size=None,
        verbose="auto",
        steps=None,
        callbacks=None,
        *,
        classes=None,
    ):
        """Outputs as of `keras.Model.predict`, among some of the classes.

        Args:
            x: As of `keras.Model.predict`, and so the next four.
            batch_size: Int.
            verbose: `"auto"`, 0, 1 or 2.
            steps: Int.
            callbacks: List of callbacks.
            classes: Names to choose among. The others get probability 0, or
                logits of -1e9, and the shape stays. Defaults to `None`, all.

        Returns:
            Array of shape `(num_samples, len(self.classes))`.
        """
        if classes is None:
            return super().predict(x, batch_size, verbose, steps, callbacks)
        shown = hiding.shown_columns(classes, self.classes)
        outputs = super().predict(x, batch_size, verbose, steps, callbacks)
        of_logits = self.activation is None
        result, lost = self.problem.among(outputs, shown, of_logits)
        if lost.any():
            logits = read(self, _rows(x, lost), batch_size or 32).logits
            result[lost] = softmax(hiding.hidden_logits(logits, shown))
        return result

    def predict_names(
        self,
        x,
        batch_size=None,
        verbose=0,
        steps=None,
        classes=None,
        unknown=None,
        thresholds=None,
    ):
        """Names of the predicted classes, an array of strings.

        Where classes do not exclude each other, a list with a tuple of
        strings for each picture.

        Args:
            x: As of `predict`, and so the next three.
            batch_size: Int.
            verbose: `"auto"`, 0, 1 or 2. Defaults to `0`.
            steps: Int.
            classes: Names to choose among. Defaults to `None`, all.
            unknown: String, the answer for pictures that are like none of
                all known classes, as `calibrate_unknown` has found out; in a
                tuple, alone, where classes do not exclude each other.
                Defaults to `None`: every picture gets the name of a class.
            thresholds: Float, or dict of names and floats, from 0 to 1: how
                probable a class must be to be named, where classes do not
                exclude each other. A larger value names it less often.
                Defaults to `None`, 0.5.

        Returns:
            Array of shape `(num_samples,)`, or a list.

        Raises:
            ValueError: if `classes` are not known; or if `unknown` is the
                name of a class, or nothing was calibrated since the last
                change.
        """
        known = np.asarray(self.classes)
        self.problem.check_thresholds(thresholds, self.classes)
        if unknown is None:
            outputs = self.predict(
                x, batch_size, verbose, steps, classes=classes
            )
            given = self.activation is not None
            answers = decided(self, outputs, given, thresholds)
            return self.problem.named(answers, known)
        _check_answer(unknown, self.classes)
        self.check_calibrated()
        among = self.classes if classes is None else classes
        shown = hiding.shown_columns(among, self.classes)
        reading = _reading(self, x, batch_size or 32, steps)
        logits = hiding.hidden_logits(reading.logits, shown)
        logits = self.problem.shifted(logits, self.classes, thresholds)
        answers = self.problem.named(chosen(self, logits), known)
        rejected, _ = self.unknown_in(reading)
        return self.problem.reviewing.with_unknown(answers, rejected, unknown)

    def propose(self, x, threshold=None, *, batch_size=32, steps=None):
        """Labels for unlabeled pictures, where the classifier is sure enough.

        For people who have more pictures than labels. How sure it is, is the
        entropy of the softmax, normalized by the number of classes: 0 is
        sure, 1 knows nothing. Where `calibrate_unknown` was called, unknown
        pictures get no name. Where classes do not exclude each other, each
        yes and each no has an entropy and a median of its own.

        Reference:
        - [Douillard et al., 2021](https://arxiv.org/abs/2011.11390), medians

        Args:
            x: Pictures, or a data set of them.
            threshold: Float from 0 to 1, or a dict of names and floats: a
                prediction is taken where its entropy is below. A larger
                value takes more. Defaults to `None`: for each class the
                median over pictures predicted as it, and 0.05 at least, so
                that half of every class is taken or more.
            batch_size: Int. Defaults to `32`.
            steps: Int. How many batches to read of data that never ends.

        Returns:
            Labels as `learn` takes them: an array of names and `None`; of
            pixels maps of ints, positions in `self.classes`, and -1; of
            several labels multi-hot rows of 1, 0 and -1.
        """
        check_threshold(threshold, self.classes)
        reading = _reading(self, x, batch_size, steps)
        predicted, judgement = self._judged(reading, threshold)
        return self.problem.reviewing.proposed(
            predicted, judgement, self.classes
        )

    def review(
        self, x, threshold=None, *, batch_size=32, count=None, steps=None
    ):
        """Pictures that a person should look at, most doubtful first.

        Those are the pictures that `propose` leaves a label out of: of
        something unknown, where `calibrate_unknown` was called, or doubtful.

        Args:
            x: As of `propose`.
            threshold: As of `propose`.
            batch_size: Int. Defaults to `32`.
            count: Int. How many pictures at most. Defaults to `None`, all.
            steps: As of `propose`.

        Returns:
            A `ReviewQueue`: `clf.learn(*queue.answer({index: name, ...}))`.
        """
        check_threshold(threshold, self.classes)
        if count is not None:
            count = whole("count", count, least=1)
        reading = _reading(self, x, batch_size, steps)
        predicted, judgement = self._judged(reading, threshold)
        return make_queue(self, reading, predicted, judgement, count)

    def _judged(self, reading, threshold):
        """What logits mean, and a `Judgement` of it."""
        predicted = chosen(self, reading.logits)
        entropy, uncertain = self.problem.reviewing.judged(
            reading.logits, predicted, self.classes, threshold
        )
        unknown = self.unknown_in(reading)
        return predicted, Judgement(entropy, uncertain, *unknown)


def _reading(classifier, x, batch_size, steps):
    pictures, _ = read_pictures(x, batch_size, steps)
    return read(classifier, pictures, batch_size)


def _rows(x, rows):
    if not hasattr(x, "shape"):
        raise ValueError(
            "`classes` leaves some pictures no probability that float32 can "
            f"hold. Received: x of type {type(x).__name__}. Pass the pictures "
            "as an array, and they are computed from logits."
        )
    return np.asarray(x)[rows]


def _check_answer(unknown, classes):
    if not isinstance(unknown, str) or not unknown.strip():
        raise TypeError(
            "`unknown` must be the string to answer with. Received: "
            f'unknown={unknown!r}. Pass "unknown".'
        )
    if unknown in classes:
        raise ValueError(
            f"`unknown` must not be the name of a class. Received: "
            f"unknown={unknown!r}. Classes: {list(classes)}."
        )
