"""Detection of unknown samples from statistics, without held-out samples."""

import keras
import numpy as np

from keras_incremental.rejection import Rejector
from keras_incremental.rejection.scores import DISCRIMINANT
from keras_incremental.rejection.scores import DISTANCE
from keras_incremental.rejection.scores import OF_STATISTICS
from keras_incremental.rejection.scores import STATISTICAL


def estimated(
    classifier: keras.Model, score: str, false_alarm: float
) -> Rejector:
    """Returns a `Rejector` whose threshold is estimated from statistics.

    Args:
        classifier: `IncrementalClassifier`.
        score: String. A score that needs statistics alone.
        false_alarm: Float between 0 and 1.

    Raises:
        ValueError: if it is another score, or if the statistics are not of
            all classes or of too few samples.
    """
    rejector = Rejector(score, false_alarm=false_alarm)
    if score not in OF_STATISTICS:
        raise ValueError(
            "Without held-out samples, `score` must be one that is computed "
            f"from statistics. Received: score={score!r}, x=None. Pass one of "
            f"{list(OF_STATISTICS)}, or samples."
        )
    statistics = classifier.statistics
    reason = reason_against(classifier)
    if reason:
        raise ValueError(
            "Without held-out samples, unknown samples are detected from "
            f"statistics of all classes. Received: {reason}. Call `remember` "
            "with samples of them, or pass held-out samples."
        )
    distances, discriminants, labels = classifier.deviations.drawn(statistics)
    counts = statistics.counts
    spreads = [
        _spread(part, labels, counts) for part in (distances, discriminants)
    ]
    if score == STATISTICAL and min(spreads) > 0:
        rejector.energy_weight = spreads[0] / spreads[1]
    scores = {
        DISTANCE: distances,
        DISCRIMINANT: discriminants,
        STATISTICAL: distances + rejector.energy_weight * discriminants,
    }[score]
    measured = np.unique(labels)
    shown = np.flatnonzero(counts[: len(classifier.classes)])
    names = np.asarray(classifier.classes)
    return rejector.estimate(
        scores,
        counts[labels],
        int(counts[measured].sum()),
        names[labels],
        names[np.setdiff1d(shown, measured)].tolist(),
    )


def reason_against(classifier: keras.Model) -> str:
    """Returns why nothing can be estimated, an empty string if it can.

    Args:
        classifier: `IncrementalClassifier`.
    """
    statistics = classifier.statistics
    if classifier.backbone.is_trainable:
        return "layers below the head that train"
    if classifier.deviations.is_wide:
        width = classifier.head.input_dim
        return f"{width} features, too many to keep how classes vary"
    missing = classifier.label_space.unseen(statistics.counts)
    if len(missing):
        names = [classifier.classes[k] for k in missing]
        return f"no statistics of {names}"
    if not len(classifier.deviations.measured(statistics)):
        return "no class with statistics of how two or more samples vary"
    return ""


def keep_deviations(
    classifier: keras.Model, features: np.ndarray, labels: np.ndarray
) -> None:
    """Keeps how samples vary that the statistics have been updated with.

    Args:
        classifier: `IncrementalClassifier`.
        features: Array of shape `(samples, features)`.
        labels: Ints of shape `(samples,)`.
    """
    statistics = classifier.statistics
    if not len(statistics):
        classifier.deviations = classifier.deviations.emptied()
    elif len(labels):
        classifier.deviations = classifier.deviations.updated(
            statistics, features, labels
        )


def _spread(values, labels, counts):
    """Returns the standard deviation where each class has its share."""
    weights = counts[labels] / counts[labels].sum()
    mean = weights @ values
    return float(np.sqrt(weights @ np.square(values - mean)))
