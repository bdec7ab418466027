"""How a head learns a stream: by steps, or from statistics."""

import itertools

import numpy as np

from keras_incremental.memory.policies import Interleave
from keras_incremental.models.centering import centered
from keras_incremental.models.inputs.checks import in_one_shape
from keras_incremental.models.memory_update import offer
from keras_incremental.models.memory_update import stores_logits
from keras_incremental.models.phases.fit import make_optimizer
from keras_incremental.models.phases.plan import coordinates_of
from keras_incremental.models.phases.solving import check_seen
from keras_incremental.models.phases.stopping import check_loss
from keras_incremental.models.student import Student
from keras_incremental.models.weighing import sample_weights
from keras_incremental.models.weighing import weights_of
from keras_incremental.problems.objectives import label_loss
from keras_incremental.recipes.recipe import is_auto
from keras_incremental.utils import devices
from keras_incremental.utils import records
from keras_incremental.utils.phase import Phase
from keras_incremental.utils.phase import for_phase

# Adding to a covariance costs the same for one row and for many.
ROWS_AT_ONCE = 1024


def learner_of(head):
    """Returns the function that lets a head learn a stream."""
    return count if head.is_closed_form else train


def count(classifier, backbone, batches, statistics, options):
    """Adds features to statistics as they come, and solves at the end.

    Args:
        classifier: `IncrementalClassifier`.
        backbone: `Backbone`.
        batches: Iterator of `Samples`.
        statistics: `RunningStatistics`, which the head shares.
        options: `FitOptions`.

    Returns:
        An empty dict: there is no history.
    """
    head, label_space = classifier.head, classifier.label_space
    for samples in batches:
        label_space = label_space.renewed(samples.classes)
        if samples.new_classes:
            head.expand(len(samples.new_classes))
        statistics.add(backbone.student_inputs(samples.x), samples.labels)
        offer(classifier, samples)
    statistics.flush()
    head.finalize_state()
    check_seen(head, label_space)
    return {}


def train(classifier, backbone, batches, statistics, options):
    """Takes one step for each batch, with exemplars in it.

    Arguments are those of `count`.

    Returns:
        Dict of lists, the history: one entry for each step.
    """
    first = next(batches)
    coordinates = coordinates_of(
        classifier,
        _first_statistics(classifier, backbone, first),
        backbone,
        options,
    )
    with centered(classifier.head, coordinates):
        steps = Steps(classifier, backbone, coordinates, options)
        for samples in itertools.chain((first,), batches):
            inputs = backbone.student_inputs(samples.x)
            statistics.add(inputs, samples.labels)
            logits = steps.take(samples, inputs)
            offer(classifier, samples, logits)
    return steps.history


class Steps:
    """Takes training steps, and compiles anew when classes arrive.

    Each compilation begins with a fresh optimizer.

    Args:
        classifier: `IncrementalClassifier`.
        backbone: `Backbone`.
        coordinates: `Coordinates` that the head is in, or `None`.
        options: `FitOptions`.

    Attributes:
        history: Dict of lists, what each step measured.
    """

    def __init__(self, classifier, backbone, coordinates, options):
        recipe = classifier.recipe
        self.history = {}
        self._classifier = classifier
        self._backbone = backbone
        self._coordinates = coordinates
        self._options = options
        self._num_old = classifier.head.units
        self._student = self._weights = None
        self._stores = stores_logits(recipe)
        self._policy = Interleave() if is_auto(recipe.policy) else recipe.policy

    def take(self, samples, inputs):
        """Takes a step on a batch, and returns its logits before or `None`.

        Args:
            samples: `Samples` of the batch.
            inputs: What the student reads of them.
        """
        (inputs,) = in_one_shape(self._backbone, inputs)
        if self._student is None or samples.new_classes:
            self._grow(len(samples.new_classes))
            self._weights = weights_of(self._classifier, samples.classes)
            self._student = self._compiled()
        logits = None
        if self._stores:
            logits = devices.predict_on_batch(
                self._student, records.readable(inputs)
            )
        batch = self._mixed(inputs, samples.labels)
        self._student.reset_metrics()
        if not self._student.optimizer.built:
            self._student.make_variables(*_one_sample(batch))
        read, *rest = batch
        batch = records.readable(read), *rest
        with devices.any_batches():
            logs = self._student.train_on_batch(
                *devices.divided(self._student, batch), return_dict=True
            )
        steps = len(self.history.get("loss", ()))
        check_loss(self._student, float(logs["loss"]), "batch", steps)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        return logits

    def _grow(self, num_new):
        if num_new:
            classifier = self._classifier
            seed = classifier.seed + classifier.num_phases
            classifier.head.expand(num_new, classifier.recipe.initializer, seed)

    def _compiled(self):
        classifier, recipe = self._classifier, self._classifier.recipe
        head = classifier.head
        phase = Phase(
            head.group_sizes,
            self._num_old,
            (0,) * head.units,
            is_stream=True,
        )
        terms = () if is_auto(recipe.terms) else recipe.bound_terms(phase)
        student = Student(
            self._backbone.upper,
            head,
            terms=terms,
            coordinates=self._coordinates,
        )
        student.compile(
            optimizer=make_optimizer(
                classifier,
                self._backbone,
                self._options.optimizer,
                self._coordinates,
            ),
            loss=for_phase(label_loss(recipe, None), phase),
            metrics=["accuracy"],
            like=classifier,
        )
        return student

    def _mixed(self, inputs, labels):
        """Returns a batch of new samples, and of those drawn for it."""
        num_new, memory = len(labels), self._classifier.memory
        stored = np.zeros((0, 0))
        if memory is not None and len(memory):
            x, y, stored = _drawn(memory, self._policy.count(num_new))
            inputs = records.joined([inputs, self._backbone.student_inputs(x)])
            (inputs,) = in_one_shape(self._backbone, inputs)
            labels = np.concatenate([labels, y])
        replayed = np.arange(len(labels)) >= num_new
        y = {"labels": labels, "replayed": replayed}
        if self._stores:
            y["stored"] = self._widened(stored, num_new)
        weights = None
        if memory is not None:
            weights = self._policy.batch_weights(num_new, len(labels) - num_new)
        weights = sample_weights(self._weights, labels, weights)
        return [inputs, y] if weights is None else [inputs, y, weights]

    def _widened(self, stored, num_new):
        """Returns stored logits of all rows and classes; NaN for none."""
        units = self._classifier.head.units
        wide = np.full((num_new + len(stored), units), np.nan, "float32")
        wide[num_new:, : stored.shape[1]] = stored
        return wide


class RunningStatistics:
    """Statistics of features, updated for many rows at a time.

    Args:
        classifier: `IncrementalClassifier`, whose statistics go on.
        backbone: `Backbone`.

    Attributes:
        value: `FeatureStatistics` of all that was flushed.
        deviations: `Deviations` of the same samples.
    """

    def __init__(self, classifier, backbone):
        self.value = classifier.statistics
        self.deviations = classifier.deviations
        self._head = classifier.head
        self._backbone = backbone
        self._parts = []

    def add(self, inputs, labels):
        """Adds what `Backbone.student_inputs` gave, now or later."""
        if self._backbone.is_trainable:
            return
        self._parts.append((self._backbone.features_of(inputs), labels))
        if sum(len(part) for _, part in self._parts) >= ROWS_AT_ONCE:
            self.flush()

    def flush(self):
        """Updates the statistics with all that was added."""
        if not self._parts:
            return
        parts, self._parts = zip(*self._parts, strict=True), []
        features, labels = (np.concatenate(part) for part in parts)
        self.value = self.value.updated(features, labels)
        self.deviations = self.deviations.updated(self.value, features, labels)
        self._head.update_state(features, labels)


def _one_sample(batch):
    inputs, y, *weights = batch
    return (
        records.readable(inputs[:1]),
        {name: array[:1] for name, array in y.items()},
        *(part[:1] for part in weights),
    )


def _drawn(memory, size):
    """Returns so many exemplars; a smaller memory gives them repeatedly.

    A batch of another size would be compiled anew.
    """
    x, y, stored = memory.draw(size)
    rows = np.resize(np.arange(len(y)), size)
    return x[rows], y[rows], stored[rows]


def _first_statistics(classifier, backbone, samples):
    """Returns statistics of what was learned, or else of the first batch."""
    if len(classifier.statistics):
        return classifier.statistics
    features = backbone.features_of(backbone.student_inputs(samples.x))
    return classifier.statistics.updated(features, samples.labels)
