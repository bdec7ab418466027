import dataclasses
from collections.abc import Sequence
from typing import Self

import keras
import numpy as np

from keras_incremental.models import file_checks
from keras_incremental.models.inputs.arguments import checked_verbose
from keras_incremental.models.inputs.reading import Reader
from keras_incremental.models.inputs.reading import collect_samples
from keras_incremental.models.outputs import Forward
from keras_incremental.models.outputs import forward
from keras_incremental.models.unknown.estimate import estimated
from keras_incremental.models.unknown.estimate import reason_against
from keras_incremental.rejection import Rejector
from keras_incremental.rejection.scores import BOTH
from keras_incremental.rejection.scores import DISCRIMINANT
from keras_incremental.rejection.scores import DISTANCE
from keras_incremental.rejection.scores import ENERGY
from keras_incremental.rejection.scores import OF_LOGITS
from keras_incremental.rejection.scores import STATISTICAL
from keras_incremental.statistics.deviations import Deviations
from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.statistics.low_rank import load_statistics
from keras_incremental.utils import long_progress
from keras_incremental.utils import state
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Store
from keras_incremental.utils.types import Tensor
from keras_incremental.utils.weight_values import digest_of

PREFIX, DEVIATIONS = "calibration_", "deviations_"
# Attributes that estimate what is unknown when they are read.
ESTIMATES = {"calibration", "calibration_is_stale", "rejector"}
# What is added to the distance, in those scores that are sums.
ADDED = {BOTH: ENERGY, STATISTICAL: DISCRIMINANT}


@dataclasses.dataclass(frozen=True)
class Calibration:
    """A rejector, and what it was calibrated with.

    Attributes:
        rejector: `Rejector`.
        statistics: `FeatureStatistics` that distances are measured by, or
            `None`.
        fingerprint: String of the weights.
    """

    rejector: Rejector
    statistics: FeatureStatistics | None
    fingerprint: str


class Rejects(keras.Model):
    """Detection of unknown samples by an `IncrementalClassifier`."""

    statistics: FeatureStatistics
    deviations: Deviations
    _calibration: Calibration | None = None
    _estimate: state.Untracked | None = None

    def calibrate_unknown(
        self,
        x: Data | None = None,
        y: Tensor | None = None,
        classes: Sequence[str] | None = None,
        *,
        score: str | None = None,
        false_alarm: float = 0.05,
        batch_size: int = 32,
        verbose: int | str = "auto",
    ) -> Rejector:
        """Calibrates the detection of unknown samples on known ones.

        If statistics of all classes are kept, unknown samples are detected
        without this call: `predict_names(x, unknown="unknown")`, `review` and
        `propose` estimate a threshold from the statistics, for the false alarm
        rate of the last call. Held-out samples make the rate exact. The
        calibration is saved and exported with the classifier, and is valid
        until a weight changes. For segmentation, each pixel is known or
        unknown; pixels of one sample are similar, so use more samples than the
        number of pixels suggests. For a multi-label classifier, samples of no
        class look unknown, and are not counted.

        Args:
            x: A few hundred validation samples of all known classes, in the
                proportions that occur in use, that the classifier was not
                trained on. Defaults to `None`: the threshold is estimated from
                statistics, for this `false_alarm`.
            y: Labels as in `evaluate_classes`; they are only checked, and
                counted in `Rejector.class_alarms`. Defaults to `None`.
            classes: Names that integer labels index. Defaults to the folder
                names of the data set, else to `self.classes`.
            score: String. `"distance"` of features to the nearest class
                mean, which finds what is far from all classes; `"energy"`
                of the logits, which finds what is near them and needs no
                statistics; `"distance_and_energy"`, the sum of both, each
                of the same spread over known samples;
                `"distance_and_discriminant"`, the same with the energy of a
                linear discriminant analysis of the statistics; or
                `"max_softmax"`, to compare with. Of pixels only the energy
                and the softmax are supported, of several labels only the
                energy. Defaults to `None`: `"distance_and_energy"`, or
                `"distance_and_discriminant"` without `x`.
            false_alarm: Float between 0 and 1, the share of known samples
                that may be called unknown. A larger value finds more unknown
                samples. Defaults to `0.05`.
            batch_size: Int. Defaults to `32`.
            verbose: Same as for `fit`; progress is shown where it takes long.
                Defaults to `"auto"`.

        Returns:
            The `Rejector`; its `interval` bounds the true share, unless it
            is estimated.

        Raises:
            ValueError: if there are too few samples for `false_alarm`, or
                no statistics of the classes. Nothing is changed.
        """
        score = score or (STATISTICAL if x is None else BOTH)
        rejector = Rejector(score, false_alarm=false_alarm)
        _check_score(self, score)
        with long_progress.shown(checked_verbose(verbose)):
            if x is None:
                estimate = self._estimated(score, false_alarm)
                self._calibration = estimate
                return estimate.rejector
            x, samples = _read_known(self, x, y, classes, batch_size)
            statistics = None
            if score not in OF_LOGITS:
                statistics = _statistics(self, batch_size)
            outputs = forward(self, x, batch_size)
            if score in ADDED:
                rejector.energy_weight = _energy_weight(
                    self, outputs, samples, statistics, ADDED[score]
                )
            scores, names = _scores(
                self, outputs, samples, rejector, statistics
            )
            rejector.calibrate(scores, names=names)
            self._calibration = Calibration(
                rejector, statistics, digest_of(self.weights)
            )
            return rejector

    def __dir__(self):
        # Keras reads all that is listed here when it saves and loads, and
        # would have estimated what nobody has asked for.
        return sorted(set(super().__dir__()) - ESTIMATES)

    @property
    def rejector(self) -> Rejector | None:
        """The `Rejector` for the present weights, or `None`.

        It is the one that was calibrated last, or one that is estimated from
        statistics.
        """
        return None if self.calibration is None else self.calibration.rejector

    @property
    def calibration(self) -> Calibration | None:
        """The `Calibration` for the present weights, or `None`. Internal."""
        return self.held_calibration or self._automatic()

    @property
    def held_calibration(self) -> Calibration | None:
        """The one of `calibrate_unknown`, while it holds. Internal."""
        held = self._calibration
        if held is None or held.fingerprint != digest_of(self.weights):
            return None
        return held

    def _automatic(self):
        """Returns what is estimated from statistics, `None` if nothing is."""
        asked = self._calibration
        rate = 0.05 if asked is None else asked.rejector.false_alarm
        known = (
            self.statistics,
            self.deviations,
            self.label_space,
            self.backbone.is_trainable,
            rate,
        )
        held = self._estimate and self._estimate.value
        if held is None or held[0] != known:
            held = known, self._estimate_or_none(rate)
            self._estimate = state.Untracked(held)
        return held[1]

    def _estimate_or_none(self, rate):
        try:
            return self._estimated(STATISTICAL, rate)
        except ValueError:
            return None

    def _estimated(self, score, rate):
        rejector = estimated(self, score, rate)
        return Calibration(rejector, self.statistics, digest_of(self.weights))

    def unknown_in(self, outputs: Forward) -> tuple[np.ndarray, np.ndarray]:
        """Returns which samples are unknown, and their scores. Internal.

        Args:
            outputs: `Forward`.

        Returns:
            Bools and floats of shape `(num_samples, ...)`; no sample is
            unknown where nothing was calibrated or estimated.
        """
        held = self.calibration
        if held is None:
            if self._calibration is not None:
                raise self._not_calibrated()
            shape = outputs.logits.shape[:-1]
            return np.zeros(shape, bool), np.zeros(shape)
        scores = _ood_scores(self, outputs, held.rejector, held.statistics)
        return held.rejector.is_unknown(scores), scores

    @property
    def calibration_is_stale(self) -> bool:
        """Whether it has changed since it was calibrated. Internal."""
        return self._calibration is not None and self.rejector is None

    def check_calibrated(self) -> None:
        """Raises unless a calibration holds. Internal."""
        if self.calibration is None:
            raise self._not_calibrated()

    def _not_calibrated(self):
        if self._calibration is None:
            reason = reason_against(self) or "too few samples for the rate"
            text = (
                "has not been calibrated to detect what is unknown, and it "
                f"cannot be told from statistics. Received: {reason}. Call "
                "`remember` with samples of all classes, or"
            )
        else:
            text = (
                "has changed since it was calibrated to detect what is "
                "unknown: its threshold holds no longer. Calibrate again, by"
            )
        return ValueError(
            f"{type(self).__name__} {text} `calibrate_unknown(x)` with "
            "validation samples of all known classes: "
            f"{list(self.classes)}."
        )

    def get_config(self) -> Config:
        config, held = super().get_config(), self._calibration
        if held is not None:
            config["calibration"] = {
                "rejector": keras.saving.serialize_keras_object(held.rejector),
                "fingerprint": held.fingerprint,
            }
        return config

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Config | None = None
    ) -> Self:
        config = dict(config)
        saved = config.pop("calibration", None)
        made = super().from_config(config, custom_objects)
        if saved is not None:
            made._calibration = Calibration(
                keras.saving.deserialize_keras_object(saved["rejector"]),
                None,
                saved["fingerprint"],
            )
        return made

    def save_own_variables(self, store: Store) -> None:
        super().save_own_variables(store)
        held = self._calibration
        statistics = None if held is None else held.statistics
        if statistics is not None and statistics is not self.statistics:
            statistics.save_to(store, PREFIX)
        self.deviations.save_to(store, DEVIATIONS)

    def load_own_variables(self, store: Store) -> None:
        super().load_own_variables(store)
        self.deviations = file_checks.read_deviations(
            store, self.statistics, self.head.input_dim, DEVIATIONS
        )
        if self._calibration is None:
            return
        statistics = load_statistics(store, self.head.input_dim, PREFIX)
        if not len(statistics):
            statistics = self.statistics
        self._calibration = dataclasses.replace(
            self._calibration, statistics=statistics
        )


def _check_score(classifier, score):
    """Raises if a score is not supported for the problem type."""
    problem = classifier.problem
    supported = problem.decoder.review_format.score_names
    if score not in supported:
        raise ValueError(
            f"`score` must be one of {list(supported)} where "
            f"{problem.scorer.unit} are classified. Received: "
            f'score={score!r}. Pass score="energy".'
        )


def _read_known(classifier, x, y, classes, batch_size):
    """Returns the samples as an array, and as `Samples` if labeled."""
    if y is None and classes is None:
        classes = getattr(x, "class_names", None)
        # An iterator cannot be read again.
        x, y = collect_samples(classifier, x, batch_size)
        if y is None:
            return x, None
    samples = Reader(classifier, batch_size).old(x, y, classes)
    return samples.x, samples


def _energy_weight(classifier, outputs, samples, statistics, added):
    """Returns the factor by which a score varies as much as distances."""
    spreads = [
        np.std(
            _scores(classifier, outputs, samples, Rejector(name), statistics)[0]
        )
        for name in (DISTANCE, added)
    ]
    return float(spreads[0] / spreads[1]) if min(spreads) > 0 else 1.0


def _scores(classifier, outputs, samples, rejector, statistics):
    """Returns scores of labeled samples and names; of all without labels."""
    if samples is None:
        return _ood_scores(classifier, outputs, rejector, statistics), None
    decoder = classifier.problem.decoder
    logits = decoder.resize(outputs.logits, samples.labels)
    outputs = dataclasses.replace(outputs, logits=logits)
    scores = _ood_scores(classifier, outputs, rejector, statistics)
    given, names = decoder.review_format.known_in(
        samples.labels, samples.classes
    )
    return scores[given], names


def _ood_scores(classifier, outputs, rejector, statistics):
    return classifier.problem.decoder.review_format.ood_scores(
        rejector.score,
        outputs.logits,
        outputs.features,
        statistics,
        rejector.energy_weight,
    )


def _statistics(classifier, batch_size):
    """Returns statistics of all classes: those learned, or of exemplars."""
    label_space, memory = classifier.label_space, classifier.memory
    statistics = classifier.statistics
    missing = label_space.unseen(statistics.counts)
    if len(missing) and memory is not None and len(memory):
        x, labels = memory.arrays()
        features = forward(classifier, x, batch_size).features
        statistics = type(statistics).of(features, labels)
        missing = label_space.unseen(statistics.counts)
    if len(missing):
        names = [classifier.classes[k] for k in missing]
        raise ValueError(
            "Distances need statistics of the features of each class. "
            f"Received: none of {names}. Call `remember` with samples of "
            "them, give the classifier a memory if its backbone trains, or "
            'pass score="energy".'
        )
    return statistics
