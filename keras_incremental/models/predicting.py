from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_incremental.data.arrays import as_array
from keras_incremental.data.arrays import check_finite
from keras_incremental.data.arrays import plain
from keras_incremental.data.arrays import samples_to_numpy
from keras_incremental.models.inputs.arguments import checked_verbose
from keras_incremental.models.inputs.arguments import whole
from keras_incremental.models.inputs.pipelines import arrays_to_read
from keras_incremental.models.inputs.pipelines import batches_to_predict
from keras_incremental.models.inputs.pipelines import is_arrays
from keras_incremental.models.inputs.pipelines import watched
from keras_incremental.models.inputs.reading import collect_samples
from keras_incremental.models.inputs.texts import with_tokens
from keras_incremental.models.outputs import forward
from keras_incremental.models.transaction import reads
from keras_incremental.models.unknown.calibration import Rejects
from keras_incremental.models.unknown.review import ReviewQueue
from keras_incremental.models.unknown.review import make_queue
from keras_incremental.problems.decoders import hidden_logits
from keras_incremental.problems.decoders import predictions_of
from keras_incremental.problems.decoders import shown_columns
from keras_incremental.problems.review_formats import Judgment
from keras_incremental.problems.review_formats import check_threshold
from keras_incremental.utils import devices
from keras_incremental.utils import long_progress
from keras_incremental.utils.probabilities import softmax
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor
from keras_incremental.utils.varying import by_shape
from keras_incremental.utils.varying import is_varying
from keras_incremental.utils.varying import items_of


class PredictingMixin(Rejects):
    """Predictions of an `IncrementalClassifier`, and their review."""

    @reads
    def predict(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Sequence | None = None,
        *,
        classes: Sequence[str] | None = None,
    ) -> np.ndarray:
        """Returns predictions for all classes, or for some of them.

        Args:
            x: See `keras.Model.predict`, as for the next four. Or a list of
                arrays of different shapes, run in batches of one shape.
            batch_size: Int.
            verbose: `"auto"`, 0, 1 or 2.
            steps: Int.
            callbacks: List of callbacks.
            classes: Names to choose from. The others get probability 0, or
                logits of -1e9; the shape stays. Defaults to `None`, all.

        Returns:
            Array of shape `(num_samples, len(self.classes))`. Where the
            model had several outputs, all of them, as it returned them.
        """
        layout = self.others and self.others.layout
        model: Any = super() if layout is None else self.all_outputs()
        x = with_tokens(self, x)
        read = (
            arrays_to_read(x, self.features, varies=True)
            if is_arrays(x)
            else batches_to_predict(x, self.features, steps)
        )
        shown = None
        if classes is not None:
            shown = shown_columns(classes, self.classes)
        if is_varying(read):
            outputs = _predict_by_shape(
                self if layout is None else model,
                read[: steps and steps * (batch_size or 32)],
                batch_size or 32,
                checked_verbose(verbose),
                callbacks,
            )
        else:
            count = None
            if is_arrays(x):
                # A variable has no `len`.
                rows = keras.tree.flatten(read)[0].shape[0]
                told = long_progress.predict_callbacks(rows, batch_size or 32)
                callbacks = callbacks or told
                read, batch_size, count = devices.divisible(read, batch_size)
            else:
                callbacks = watched(x, steps, callbacks)
            outputs = model.predict(read, batch_size, verbose, steps, callbacks)
            if count is not None:
                outputs = keras.tree.map_structure(lambda o: o[:count], outputs)
        if shown is None:
            return outputs
        result, lost = self.problem.decoder.restrict(
            outputs if layout is None else layout.part_of(outputs),
            shown,
            self.gives_logits,
        )
        if lost.any():
            rows = _rows(self, x, lost)
            logits = forward(self, rows, batch_size or 32).logits
            result[lost] = softmax(hidden_logits(logits, shown))
        return result if layout is None else layout.with_part(outputs, result)

    def test_on_batch(
        self,
        x: Structure,
        y: Tensor | None = None,
        sample_weight: Tensor | None = None,
        return_dict: bool = False,
    ) -> Structure:
        x = with_tokens(self, x)
        return super().test_on_batch(x, y, sample_weight, return_dict)

    def predict_on_batch(self, x: Structure) -> Structure:
        return super().predict_on_batch(with_tokens(self, x))

    @reads
    def predict_scores(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: str | int = 0,
        steps: int | None = None,
        classes: Sequence[str] | None = None,
    ) -> np.ndarray:
        """Returns predictions without other outputs of the model.

        Args:
            x: See `predict`, as for all arguments.
            batch_size: Int.
            verbose: `"auto"`, 0, 1 or 2. Defaults to `0`.
            steps: Int.
            classes: Names to choose from. Defaults to `None`, all.

        Returns:
            Array of shape `(num_samples, len(self.classes))`.
        """
        outputs = self.predict(x, batch_size, verbose, steps, classes=classes)
        if self.others is None:
            return outputs
        return self.others.layout.part_of(outputs)

    @reads
    def predict_names(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: str | int = 0,
        steps: int | None = None,
        classes: Sequence[str] | None = None,
        unknown: str | None = None,
        thresholds: float | dict[str, float] | None = None,
    ) -> np.ndarray | list:
        """Returns the names of the predicted classes.

        Several threads may predict at the same time; on JAX they wait for each
        other. While one of them changes the classifier, an error is raised in
        the others.

        Of a multi-label classifier it is a list with a tuple of strings for
        each sample.

        Args:
            x: See `predict`, as for the next three.
            batch_size: Int.
            verbose: `"auto"`, 0, 1 or 2. Defaults to `0`.
            steps: Int.
            classes: Names to choose from. Defaults to `None`, all.
            unknown: String. The answer for samples of no known class, and
                for about one in twenty of a known one, see
                `calibrate_unknown`; of a multi-label classifier, a tuple of
                it alone. Defaults to `None`: no sample is unknown.
            thresholds: Float, or dict of names and floats, from 0 to 1: the
                probability above which a multi-label classifier predicts a
                class. A larger value predicts it less often. Defaults to
                `None`, 0.5.

        Returns:
            Array of shape `(num_samples,)`, or a list.

        Raises:
            ValueError: if `classes` are not known; or if `unknown` is the
                name of a class, or there are no statistics of all classes and
                nothing was calibrated since the last change; or if outputs
                are not finite, or samples in arrays.
        """
        known = np.asarray(self.classes)
        decoder = self.problem.decoder
        decoder.check_thresholds(thresholds, self.classes)
        x = with_tokens(self, x)
        if unknown is None:
            # A sample beyond float32 is infinite, and named below.
            with np.errstate(over="ignore"):
                outputs = self.predict_scores(
                    x, batch_size, verbose, steps, classes=classes
                )
            _check_numbers(outputs)
            _check_samples(x)
            predictions = predictions_of(
                self, outputs, self.gives_logits, thresholds
            )
            return decoder.names_of(predictions, known)
        _check_answer(unknown, self.classes)
        self.check_calibrated()
        shown = shown_columns(
            self.classes if classes is None else classes, self.classes
        )
        outputs = _forward(self, x, batch_size or 32, steps)
        logits = hidden_logits(outputs.logits, shown)
        predictions = predictions_of(self, logits, thresholds=thresholds)
        names = decoder.names_of(predictions, known)
        rejected, _ = self.unknown_in(outputs)
        return decoder.review_format.with_unknown(names, rejected, unknown)

    @reads
    def propose(
        self,
        x: Data,
        threshold: float | dict[str, float] | None = None,
        *,
        batch_size: int = 32,
        steps: int | None = None,
        verbose: int | str = "auto",
    ) -> np.ndarray:
        """Returns labels for unlabeled samples, where predictions are certain.

        The uncertainty of a prediction is the entropy of the softmax,
        normalized by the number of classes: 0 is certain, 1 is uniform.
        Samples that `predict_names` calls unknown get no label. Of a
        multi-label classifier, each yes and each no has an entropy and a
        median of its own.

        Reference:
        - [Douillard et al., 2021](https://arxiv.org/abs/2011.11390), medians

        Args:
            x: Samples, or a data set of them.
            threshold: Float from 0 to 1, or a dict of names and floats: a
                prediction is taken where its entropy is below. A larger
                value takes more. Defaults to `None`: for each class the
                median over samples predicted as it, and 0.05 at least, so
                that half of the known ones of it are taken or more.
            batch_size: Int. Defaults to `32`.
            steps: Int. The number of batches to read of endless data.
            verbose: Same as for `fit`; progress is shown where it takes long.
                Defaults to `"auto"`.

        Returns:
            Labels as `learn` takes them: an array of names and `None`; of
            pixels maps of ints, positions in `self.classes`, and -1; of
            several labels multi-hot rows of 1, 0 and -1.
        """
        check_threshold(threshold, self.classes)
        with long_progress.shown(checked_verbose(verbose)):
            outputs = _forward(self, x, batch_size, steps)
            judgment = self._judge(outputs, threshold)
        return self.problem.decoder.review_format.propose(
            judgment, self.classes
        )

    @reads
    def review(
        self,
        x: Data,
        threshold: float | dict[str, float] | None = None,
        *,
        batch_size: int = 32,
        count: int | None = None,
        steps: int | None = None,
        verbose: int | str = "auto",
    ) -> ReviewQueue:
        """Returns the samples that a person should look at.

        Those are the samples that get no label from `propose`: unknown ones,
        as in `predict_names`, and uncertain ones, the most uncertain first.

        Args:
            x: See `propose`.
            threshold: See `propose`.
            batch_size: Int. Defaults to `32`.
            count: Int. The number of samples at most. Defaults to `None`,
                all.
            steps: See `propose`.
            verbose: See `propose`.

        Returns:
            A `ReviewQueue`: `clf.learn(*queue.answer({index: name, ...}))`.
        """
        check_threshold(threshold, self.classes)
        if count is not None:
            count = whole("count", count, least=1)
        with long_progress.shown(checked_verbose(verbose)):
            outputs = _forward(self, x, batch_size, steps)
            judgment = self._judge(outputs, threshold)
        return make_queue(self, outputs, judgment, count)

    def _judge(self, outputs, threshold):
        """Returns the `Judgment` of a `Forward`."""
        predictions = predictions_of(self, outputs.logits)
        entropy, uncertain = self.problem.decoder.review_format.judge(
            outputs.logits, predictions, self.classes, threshold
        )
        unknown = self.unknown_in(outputs)
        return Judgment(predictions, entropy, uncertain, *unknown)


def _predict_by_shape(model, x, batch_size, verbose, callbacks):
    """Returns outputs of `VaryingSamples`, computed in batches of one shape."""
    if callbacks:
        raise ValueError(
            "Callbacks of `predict` need batches of one shape. Received: "
            f"callbacks={callbacks!r}, and samples of shape {x.shape[1:]}. "
            "Pass a data set whose batches have one shape each, or no "
            "callbacks."
        )
    name = "predicting"
    progress = long_progress.LongProgress(name, len(x), verbose, "sample")

    def run(part):
        chunks = np.split(part, range(batch_size, len(part), batch_size))
        outputs = [devices.predict_on_batch(model, chunk) for chunk in chunks]
        progress.add(len(part))
        return keras.tree.map_structure(lambda *o: np.concatenate(o), *outputs)

    return by_shape(run, x)


def _forward(classifier, x, batch_size, steps):
    x, _ = collect_samples(classifier, x, batch_size, steps)
    return forward(classifier, x, batch_size)


def _check_numbers(outputs):
    largest = np.max(outputs, axis=-1)
    good = np.isfinite(largest).reshape(len(outputs), -1).all(1)
    if not good.all():
        rows = np.flatnonzero(~good)
        raise ValueError(
            "Outputs that are NaN or infinite name no class. Received: "
            f"{largest[rows[0]]} for x[{rows[0]}] (first such rows: "
            f"{rows[:5].tolist()}). Look for NaN or extreme values in these "
            "samples, then in the weights."
        )


def _check_samples(x):
    """Raises if arrays are not finite, though a layer like ReLU hid it."""
    if not is_arrays(x):
        return
    if is_varying(x) or items_of(x) is not None:
        return check_finite(samples_to_numpy(x, "x", varies=True), "x")
    for part in _parts(x):
        check_finite(keras.ops.convert_to_numpy(as_array(plain(part))), "x")


def _parts(x):
    """Yields the arrays of a structure, and lists of numbers as arrays."""
    is_rows = isinstance(x, list) and not hasattr(x[0], "shape")
    if is_rows or not isinstance(x, (dict, list, tuple)):
        yield samples_to_numpy(x, "x") if is_rows else x
        return
    for part in x.values() if isinstance(x, dict) else x:
        yield from _parts(part)


def _rows(classifier, x, rows):
    if isinstance(x, tuple) or not is_arrays(x):
        raise ValueError(
            "`classes` leaves some samples no probability that float32 can "
            f"hold. Received: x of type {type(x).__name__}. Pass the samples "
            "as an array, and they are computed from logits."
        )
    return collect_samples(classifier, x)[0][rows]


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
