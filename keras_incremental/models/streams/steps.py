"""How a classifier learns a stream: by steps, or by counting."""

import itertools

import numpy as np

from keras_incremental.layers.closed_form_head import ClosedFormHead
from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.losses.joined_labels import join
from keras_incremental.memory.stream_replay import StreamReplay
from keras_incremental.models.memory_update import stores_logits
from keras_incremental.models.phases.centering import centered
from keras_incremental.models.phases.closed_form import check_seen
from keras_incremental.models.phases.optimizer import make_optimizer
from keras_incremental.models.phases.plan import coordinates_of
from keras_incremental.models.recipe import is_auto
from keras_incremental.models.reports import measuring
from keras_incremental.models.streams.asymmetric_student import (
    AsymmetricStudent,
)
from keras_incremental.models.student import Student
from keras_incremental.utils.feature_statistics import FeatureStatistics
from keras_incremental.utils.phase import Phase

# Adding to a covariance costs the same for one row and for many.
ROWS_AT_ONCE = 1024


def learner_of(head):
    """The function that lets a head learn a stream."""
    return count if isinstance(head, ClosedFormHead) else train


def count(classifier, backbone, batches, gathered, options):
    """Counts features as they come, and solves once, at the end.

    Args:
        classifier: `IncrementalClassifier`.
        backbone: `Backbone`.
        batches: Iterator of `Samples`.
        gathered: `Gathered`, which counts for the head too.
        options: `Options`.

    Returns:
        An empty dict: there is no history.
    """
    head, names = classifier.head, classifier.classes
    for samples in batches:
        names = samples.names
        if samples.new_classes:
            head.expand(len(samples.new_classes))
        gathered.add(backbone.student_inputs(samples.pictures), samples.labels)
        keep(classifier, samples)
    gathered.flush()
    head.finalize_state()
    check_seen(head, names)
    return {}


def train(classifier, backbone, batches, gathered, options):
    """One step for each batch, replayed samples in it.

    Arguments are those of `count`.

    Returns:
        Dict of lists, the history: one entry for each step.
    """
    first = next(batches)
    statistics = _statistics(classifier, backbone, first)
    coordinates = coordinates_of(classifier, statistics, backbone, options)
    with centered(classifier.head, coordinates):
        steps = Steps(classifier, backbone, coordinates, options)
        for samples in itertools.chain((first,), batches):
            inputs = backbone.student_inputs(samples.pictures)
            gathered.add(inputs, samples.labels)
            logits = steps.take(samples, inputs)
            keep(classifier, samples, logits)
    return steps.history


def keep(classifier, samples, logits=None):
    """Offers a samples to the memory of a stream."""
    if classifier.memory is not None:
        classifier.memory.add(samples.pictures, samples.labels, logits)


def remember_in_stream(classifier, backbone, samples):
    """Offers old pictures to the memory of a stream."""
    logits = None
    if stores_logits(classifier.recipe):
        inputs = backbone.student_inputs(samples.pictures)
        logits = measuring.outputs_for(classifier, backbone, inputs)
    keep(classifier, samples, logits)


class Steps:
    """Takes steps, and compiles anew when classes arrive.

    Each compilation begins with a fresh optimizer.

    Args:
        classifier: `IncrementalClassifier`.
        backbone: `Backbone`.
        coordinates: `Coordinates` that the head is in, or `None`.
        options: `Options`.

    Attributes:
        history: Dict of lists, what each step measured.
    """

    callbacks = ()

    def __init__(self, classifier, backbone, coordinates, options):
        self.recipe = classifier.recipe
        self.coordinates = coordinates
        self.history = {}
        self._classifier = classifier
        self._trunk = backbone
        self._options = options
        self._num_old = classifier.head.units
        self._student = None
        self._stores = stores_logits(self.recipe)
        policy = self.recipe.policy
        replays = isinstance(policy, StreamReplay)
        self._replay = policy if replays else StreamReplay()

    def take(self, samples, inputs):
        """One step on a batch; returns its logits before, if to be stored."""
        if self._student is None or samples.new_classes:
            self._grow(len(samples.new_classes))
            self._student = self._compiled()
        logits = None
        if self._stores:
            logits = self._student.predict_on_batch(inputs)
        batch = self._joined(inputs, samples.labels)
        self._student.reset_metrics()
        if not self._student.optimizer.built:
            self._student.make_variables(*(part[:1] for part in batch))
        logs = self._student.train_on_batch(*batch, return_dict=True)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        return logits

    def _grow(self, num_new):
        if num_new:
            classifier = self._classifier
            seed = classifier.seed + classifier.phases
            classifier.head.expand(num_new, classifier.recipe.initializer, seed)

    def _compiled(self):
        head, recipe = self._classifier.head, self.recipe
        phase = Phase(head.group_sizes, self._num_old, (0,) * head.units)
        terms = () if is_auto(recipe.terms) else recipe.bound_terms(phase)
        problem = AsymmetricStudent if self._replay.asymmetric else Student
        student = problem(
            self._trunk.upper, head, terms=terms, coordinates=self.coordinates
        )
        student.compile(
            optimizer=make_optimizer(head, self._trunk, self, self._options),
            loss=_label_loss(recipe),
            metrics=["accuracy"],
        )
        return student

    def _joined(self, inputs, labels):
        """Inputs, labels and weights of a batch and what is drawn for it."""
        size, memory = len(labels), self._classifier.memory
        stored = np.zeros((0, 0))
        if memory is not None and len(memory):
            x, y, stored = _drawn(memory, self._replay.count(size))
            inputs = np.concatenate([inputs, self._trunk.student_inputs(x)])
            labels = np.concatenate([labels, y])
        batch = [inputs, self._with_stored(labels, stored)]
        if memory is not None:
            weights = self._replay.weights(size, len(labels) - size)
            batch += [] if weights is None else [weights]
        return batch

    def _with_stored(self, labels, stored):
        """Labels, and beside them what else the student reads."""
        extra = []
        num_new = len(labels) - len(stored)
        if self._replay.asymmetric:
            extra.append(np.arange(len(labels))[:, None] >= num_new)
        if self._stores:
            units = self._classifier.head.units
            wide = np.full((len(labels), units), np.nan)
            wide[num_new:, : stored.shape[1]] = stored
            extra.append(wide)
        return join(labels, np.concatenate(extra, 1)) if extra else labels


class Gathered:
    """Statistics of features, brought up to date for many rows at a time.

    Args:
        classifier: `IncrementalClassifier`, whose statistics go on.
        backbone: `Backbone`.
    """

    def __init__(self, classifier, backbone):
        self.statistics = classifier.statistics
        self._head = classifier.head
        self._trunk = backbone
        self._parts = []

    def add(self, inputs, labels):
        """Counts what `Backbone.inputs_for` gave, sooner or later."""
        if self._trunk.is_trainable:
            return
        self._parts.append((self._trunk.features_of(inputs), labels))
        if sum(len(part) for _, part in self._parts) >= ROWS_AT_ONCE:
            self.flush()

    def flush(self):
        """Counts all that was added."""
        if not self._parts:
            return
        parts, self._parts = zip(*self._parts, strict=True), []
        features, labels = (np.concatenate(part) for part in parts)
        self.statistics = self.statistics.updated(features, labels)
        if isinstance(self._head, ClosedFormHead):
            self._head.update_state(features, labels)


def _label_loss(recipe):
    if is_auto(recipe.loss):
        return CandidateSetCrossentropy()
    return recipe.loss


def _drawn(memory, size):
    """So many samples; a memory that has fewer gives them repeatedly.

    A batch of another size would be compiled anew.
    """
    x, y, stored = memory.draw(size)
    rows = np.resize(np.arange(len(y)), size)
    return x[rows], y[rows], stored[rows]


def _statistics(classifier, backbone, samples):
    """Those of what was learned, or else of the first batch."""
    if len(classifier.statistics):
        return classifier.statistics
    features = backbone.features_of(backbone.student_inputs(samples.pictures))
    return FeatureStatistics().updated(features, samples.labels)
