"""Statistics that devices have learned, brought into the classifier."""

import dataclasses
import os

import numpy as np
from keras import ops

from keras_incremental.edge.head import Head
from keras_incremental.models.inputs.samples import Samples
from keras_incremental.models.phases.solvable import is_open
from keras_incremental.models.phases.solving import assign_columns
from keras_incremental.models.phases.solving import warnings_of
from keras_incremental.models.reports.report import PhaseReport
from keras_incremental.models.run import Run
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics.solved_columns import solve_columns

METHOD = "head solved from statistics of devices"


@dataclasses.dataclass(frozen=True)
class Learned:
    """What devices have learned, in the classes of a classifier.

    Attributes:
        classes: Tuple of strings, all classes, new ones at the end.
        statistics: `FeatureStatistics` of the samples of the devices.
        features: Array of shape `(samples, features)`, of some of them.
        labels: Ints of shape `(samples,)`.
    """

    classes: tuple
    statistics: FeatureStatistics
    features: np.ndarray
    labels: np.ndarray


def read_heads(paths):
    """Returns the `Head`s in files, each of which must be there once.

    Args:
        paths: List of paths.
    """
    real = [os.path.realpath(path) for path in paths]
    if not real or len(set(real)) < len(real):
        raise ValueError(
            "`heads` must be files of heads, each once: what a device has "
            "learned would count several times. Received: "
            f"heads={list(map(os.fspath, paths))}."
        )
    return [Head.load(path) for path in paths]


def learned_of(heads, classifier):
    """Returns what devices have `Learned`.

    Args:
        heads: List of `Head`s.
        classifier: `IncrementalClassifier`.

    Raises:
        ValueError: if they have learned nothing, or from other features.
    """
    size = classifier.head.input_dim
    odd = [head.input_dim for head in heads if head.input_dim != size]
    if odd or not any(len(head.learned) for head in heads):
        raise ValueError(
            "Heads must have learned something, from the features of this "
            f"classifier. Received: {len(heads)} heads with {odd or size} "
            f"features, where the classifier has {size}. Pass files that "
            "`EdgeClassifier.save` has written after `learn`."
        )
    classes = list(classifier.classes)
    for head in heads:
        shown = np.flatnonzero(head.learned.counts)
        names = [head.classes[k] for k in shown]
        classes += [name for name in names if name not in classes]
    parts = [_placed(head, classes) for head in heads if len(head.learned)]
    statistics = FeatureStatistics()
    for part, _, _ in parts:
        statistics = statistics + part
    return Learned(
        tuple(classes),
        statistics,
        np.concatenate([features for _, features, _ in parts]),
        np.concatenate([labels for _, _, labels in parts]),
    )


def _placed(head, classes):
    """Returns statistics, features and labels in the order of all classes."""
    learned = head.learned.matrix()
    places = {name: k for k, name in enumerate(classes)}
    order = np.array([places.get(name, -1) for name in head.classes])
    shown = np.flatnonzero(learned.counts)
    counts = np.zeros(len(classes), int)
    means = np.zeros((len(classes), head.input_dim))
    counts[order[shown]] = learned.counts[shown]
    means[order[shown]] = learned.means[shown]
    statistics = FeatureStatistics(counts, means, learned.scatter)
    return statistics, head.features, order[head.labels]


class DeviceRun(Run):
    """A run over statistics that devices have learned.

    Args:
        classifier: `IncrementalClassifier`.
        learned: `Learned`.
        validation: `Samples` to measure on, or `None`.
        options: `FitOptions`.
    """

    def __init__(self, classifier, learned, validation, options):
        super().__init__(classifier, validation, options)
        self.learned = learned
        new = learned.classes[len(self.known_classes) :]
        self.samples = Samples(None, None, learned.classes, new)
        self.notes = []
        self._validation_inputs = None
        self._check()

    @property
    def num_new_classes(self):
        return len(self.samples.new_classes)

    @property
    def description(self):
        return ", ".join([METHOD, *self.notes])

    def read(self):
        if self.validation is not None:
            self._validation_inputs = self.student_inputs(self.validation.x)

    def predict(self):
        return self.predicted(self._validation_inputs)

    def train(self):
        columns, left_out = solve_columns(self._statistics(), *self._samples())
        self.notes.extend(warnings_of(left_out, len(self.known_classes)))
        assign_columns(self.classifier.head, columns, self.num_new_classes)
        return {}

    def update_memory(self):
        classifier, learned = self.classifier, self.learned
        classifier.label_space = classifier.label_space.renewed(learned.classes)
        classifier.num_phases += 1
        classifier.statistics = self._statistics()

    def report(self, before, after):
        learned, validation = self.learned, self.validation
        labels = None if validation is None else validation.labels
        shown = np.flatnonzero(learned.statistics.counts)
        return PhaseReport(
            classes=learned.classes,
            new_classes=self.samples.new_classes,
            phase_classes=tuple(learned.classes[k] for k in shown),
            **self.measure(labels, before, after, learned.classes),
            **self.common_fields(),
            used={
                "method": self.description,
                "new samples": len(learned.statistics),
                "exemplars": len(self.classifier.memory or ()),
                "training mode": self.training_mode,
                "epochs": 0,
            },
        )

    def _statistics(self):
        return self.classifier.statistics + self.learned.statistics

    def _samples(self):
        """Returns features and labels that the temperature is found by."""
        learned, memory = self.learned, self.classifier.memory
        if memory is None or not len(memory):
            return learned.features, learned.labels
        x, labels = memory.arrays()
        inputs = self.student_inputs(x)
        features = ops.convert_to_numpy(self.backbone.features_of(inputs))
        return (
            np.concatenate([learned.features, features]),
            np.concatenate([learned.labels, labels]),
        )

    def _check(self):
        classifier = self.classifier
        statistics = self._statistics()
        missing = [
            name
            for label, name in enumerate(self.learned.classes)
            if not statistics.covers([label])
        ]
        if not is_open(classifier, classifier.backbone) or missing:
            raise ValueError(
                "Statistics of devices are learned by a classifier whose head "
                "is solved from statistics of all classes. Received: "
                f"recipe={classifier.recipe.name!r}, no statistics of "
                f"{missing}. Load the classifier that was exported."
            )
