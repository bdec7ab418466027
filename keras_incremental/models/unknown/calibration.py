import dataclasses
import hashlib

import keras
import numpy as np
from keras import ops

from keras_incremental.models.inputs.samples import read_known
from keras_incremental.models.unknown.forward import read
from keras_incremental.models.unknown.forward import read_pictures
from keras_incremental.rejection import Rejector
from keras_incremental.rejection.scores import OF_LOGITS
from keras_incremental.utils.feature_statistics import FeatureStatistics

STATISTICS = ("counts", "means", "scatter")


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


class Rejects:
    """The part of an `IncrementalClassifier` that says "unknown"."""

    _calibration = None

    def calibrate_unknown(
        self,
        x,
        y=None,
        classes=None,
        *,
        score="distance",
        false_alarm=0.05,
        batch_size=32,
    ):
        """Learns where the known ends, by pictures of known classes.

        From then on `predict_names(x, unknown="unknown")`, `review` and
        `propose` tell unknown pictures. What was calibrated is saved with
        the classifier; it holds until a weight changes, by `learn` or else.
        Where pixels are classified, pixels are known or unknown; those of a
        picture are alike, so take more pictures than the number of pixels
        asks for. Where several labels apply, pictures that show no class at
        all look unknown, and do not count here.

        Args:
            x: Pictures of all known classes, as often as they are met in
                use, that the classifier has not learned from: validation
                data. Some hundred of them.
            y: Labels as of `evaluate_classes`; they are only checked, and
                counted in `Rejector.class_alarms`. Defaults to `None`.
            classes: Names that integer labels index. Defaults to the folder
                names of the data set, else to `self.classes`.
            score: String. `"distance"` of features to the nearest class
                mean, which never misses what is far from all classes;
                `"relative_distance"`, which finds more of what is near them;
                `"energy"` of the logits, which needs no statistics and is
                often best where the backbone was trained on the classes; or
                `"max_softmax"`, to compare with. Pixels are told by the last
                two, several labels by the energy alone. Defaults to
                `"distance"`.
            false_alarm: Float between 0 and 1, the share of known pictures
                that may be called unknown. A larger value finds more of the
                unknown. Defaults to `0.05`.
            batch_size: Int. Defaults to `32`.

        Returns:
            The `Rejector`; its `interval` says where the true share lies.

        Raises:
            ValueError: if there are too few pictures for `false_alarm`, or
                no statistics of the classes. Nothing is changed.
        """
        rejector = Rejector(score, false_alarm=false_alarm)
        _check_score(self, score)
        pictures, samples = _read_known(self, x, y, classes, batch_size)
        statistics = None
        if score not in OF_LOGITS:
            statistics = _statistics(self, batch_size)
        reading = read(self, pictures, batch_size)
        scores, names = _scores(self, reading, samples, score, statistics)
        rejector.calibrate(scores, names=names)
        self._calibration = Calibration(rejector, statistics, fingerprint(self))
        return rejector

    @property
    def rejector(self):
        """The `Rejector` that holds for the weights as they are, or `None`."""
        held = self._calibration
        if held is None or held.fingerprint != fingerprint(self):
            return None
        return held.rejector

    def unknown_in(self, reading):
        """Which samples are unknown, and how strange. For this package.

        Args:
            reading: `Reading`.

        Returns:
            Bools and floats of shape `(num_samples, ...)`; no sample is unknown
            where nothing was ever calibrated.
        """
        held = self._calibration
        if held is None:
            shape = reading.logits.shape[:-1]
            return np.zeros(shape, bool), np.zeros(shape)
        self.check_calibrated()
        scores = self.problem.reviewing.ood_scores(
            reading, held.rejector.score, held.statistics
        )
        return held.rejector.is_unknown(scores), scores

    def check_calibrated(self):
        """Says what to do where nothing holds. For this package."""
        if self.rejector is not None:
            return
        if self._calibration is None:
            said = "has not been calibrated to tell what is unknown. Call"
        else:
            said = (
                "has changed since it was calibrated to tell what is unknown: "
                "its threshold holds no longer. Calibrate again, by"
            )
        raise ValueError(
            f"{type(self).__name__} {said} `calibrate_unknown(x)` with "
            "validation pictures of all known classes: "
            f"{list(self.classes)}."
        )

    def get_config(self):
        config, held = super().get_config(), self._calibration
        if held is not None:
            config["calibration"] = {
                "rejector": keras.saving.serialize_keras_object(held.rejector),
                "fingerprint": held.fingerprint,
            }
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
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

    def save_own_variables(self, store):
        super().save_own_variables(store)
        statistics = self._calibration and self._calibration.statistics
        if statistics is not None and statistics is not self.statistics:
            for key in STATISTICS:
                store[f"calibration_{key}"] = getattr(statistics, key)

    def load_own_variables(self, store):
        super().load_own_variables(store)
        if self._calibration is None:
            return
        statistics = self.statistics
        if "calibration_counts" in set(store.keys()):
            statistics = FeatureStatistics(
                *(np.asarray(store[f"calibration_{key}"]) for key in STATISTICS)
            )
        self._calibration = dataclasses.replace(
            self._calibration, statistics=statistics
        )


def fingerprint(classifier):
    """String that changes with any weight."""
    digest = hashlib.sha1(usedforsecurity=False)
    for weight in classifier.weights:
        digest.update(ops.convert_to_numpy(weight).tobytes())
    return digest.hexdigest()


def _check_score(classifier, score):
    """Raises if a score does not tell what is unknown to a classifier."""
    known = classifier.problem.reviewing.tells_unknown
    if score not in known:
        raise ValueError(
            "`score` is for classifiers of one class for each picture. "
            f"Received: score={score!r}, where {classifier.kind.unit} are "
            'classified. Pass score="energy".'
        )


def _read_known(classifier, x, y, classes, batch_size):
    """Pictures, and their `Samples` where there are labels."""
    if y is None and classes is None:
        pictures, labels = read_pictures(x, batch_size)
        if labels is None:
            return pictures, None
        # What is an iterator cannot be read again.
        classes = getattr(x, "class_names", None)
        x, y = pictures, labels
    samples = read_known(
        x,
        y,
        classes,
        classifier.classes,
        batch_size,
        problem=classifier.problem,
    )
    return samples.pictures, samples


def _scores(classifier, reading, samples, score, statistics):
    """Scores of what has a label, and names; of all, where none has."""
    problem = classifier.problem.reviewing
    if samples is None:
        return problem.ood_scores(reading, score, statistics), None
    logits = classifier.problem.sized(reading.logits, samples.labels)
    reading = dataclasses.replace(reading, logits=logits)
    scores = problem.ood_scores(reading, score, statistics)
    given, names = problem.known_in(samples.labels, samples.names)
    return scores[given], names


def _statistics(classifier, batch_size):
    """Of the features of all classes: those learned, else of exemplars."""
    known, memory = range(len(classifier.classes)), classifier.memory
    statistics = classifier.statistics
    if not statistics.covers(known) and memory is not None and len(memory):
        pictures, labels = memory.arrays()
        features = read(classifier, pictures, batch_size).features
        statistics = FeatureStatistics.of(features, labels)
    missing = [
        name
        for label, name in enumerate(classifier.classes)
        if not statistics.covers([label])
    ]
    if missing:
        raise ValueError(
            "Distances need statistics of the features of each class. "
            f"Received: none of {missing}. Call `remember` with pictures of "
            "them, give the classifier a memory if its backbone trains, or "
            'pass score="energy".'
        )
    return statistics
