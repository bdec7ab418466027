"""One `fit` of a student on the inputs of a phase, and its optimizer."""

import dataclasses
import typing

import keras
import numpy as np

from keras_incremental.callbacks.phase_callback import phase_callbacks
from keras_incremental.memory.mixed_batches import MixedBatches
from keras_incremental.memory.redrawn_batches import RedrawnBatches
from keras_incremental.models.phases.reused_callbacks import begin_phase
from keras_incremental.models.phases.stopping import DivergenceCheck
from keras_incremental.models.weighing import label_weights
from keras_incremental.models.weighing import sample_weights
from keras_incremental.optimizers import LearningRateMultiplier
from keras_incremental.optimizers import paths_of
from keras_incremental.optimizers.scaling import scaled_like
from keras_incremental.optimizers.scaling import unscaled
from keras_incremental.utils import devices
from keras_incremental.utils import large_arrays
from keras_incremental.utils import records
from keras_incremental.utils.compilation import as_new

BACKBONE_FACTOR = 0.01
MAX_RATE = 0.05
# As many as Keras reads of arrays together.
VALIDATION_BATCH = 32


@dataclasses.dataclass(frozen=True)
class Fit:
    """How to fit.

    Attributes:
        optimizer_at: Function of a factor of all learning rates, returns a
            fresh optimizer.
        metrics_at: Function of the number of old classes, returns the
            metrics to show.
        loss: Loss of the labels.
        label_weight: Float, the weight of that loss.
        policy: `MixingPolicy`, decides which samples are in which batch.
        epochs: Int.
        batch_size: Int.
        seed: Int.
        augmentation: Function on batches of exemplars, or `None`.
        callbacks: Tuple of callbacks.
        verbose: Same as for `fit`.
        rate: Float, what all learning rates are multiplied by.
        label_weights: Array of shape `(labels,)`, how much a sample of each
            label counts, or `None`.
        like: Compiled model, whose steps run eagerly or not, or `None`.
    """

    optimizer_at: typing.Callable
    metrics_at: typing.Callable
    loss: keras.losses.Loss
    label_weight: float
    policy: object
    epochs: int
    batch_size: int
    seed: int
    augmentation: object = None
    callbacks: tuple = ()
    verbose: int = 0
    rate: float = 1.0
    label_weights: np.ndarray | None = None
    like: keras.Model | None = None

    def run(self, student, inputs, name=None):
        """Fits a `Student` to `Inputs`.

        Args:
            student: `Student`.
            inputs: `Inputs`.
            name: String, printed with the progress. Defaults to `None`.

        Returns:
            Dict of lists, the history.
        """
        if name and self.verbose:
            print(name, flush=True)
        student.compile(
            optimizer=self.optimizer_at(self.rate),
            loss=self.loss,
            label_weight=self.label_weight,
            metrics=self.metrics_at(
                student.head.units - inputs.num_new_classes
            ),
            like=self.like,
        )
        batches = self._batches(inputs)
        student.make_variables(*batches.one_sample())
        begin_phase(self.callbacks)
        with devices.any_batches():
            history = student.fit(
                batches,
                epochs=self.epochs,
                validation_data=_validation_data(inputs),
                callbacks=[DivergenceCheck(), *self.callbacks],
                verbose=self.verbose,
                # Keras would shuffle the batches by a seed of its own.
                shuffle=False,
            )
        return history.history

    def _batches(self, inputs):
        labels, num_new = inputs.epoch_labels
        data, replayed = inputs.redrawn, inputs.replayed
        if data is not None:
            replayed = np.arange(len(labels)) >= num_new
        y = {"labels": labels, "replayed": replayed}
        if inputs.stored is not None:
            y["stored"] = _stored(inputs.stored, num_new, len(labels))
        how = {
            "policy": self.policy,
            "num_new": num_new,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "augmentation": self.augmentation,
            "sample_weight": sample_weights(
                self.label_weights,
                labels,
                _weights(self.policy, labels, inputs.is_exact(labels)),
            ),
            "labels": labels,
            "replayed": replayed,
        }
        if data is None:
            return MixedBatches(inputs.all[0], y, **how)
        kept, _ = inputs.take(new=slice(data.num_kept, None)).all
        window = data.window(inputs.new)
        return RedrawnBatches(kept, y, data.take, data.count, window, **how)


class RowBatches(keras.utils.PyDataset):
    """Batches of samples in a file, in their order.

    Of an array Keras would make a copy in memory.

    Args:
        x: Array of shape `(num_samples, ...)`.
        labels: Array of as many labels.
    """

    def __init__(self, x, labels):
        super().__init__()
        self._x, self._labels = x, labels

    def __len__(self):
        return -(-len(self._x) // VALIDATION_BATCH)

    def __getitem__(self, index):
        start = index * VALIDATION_BATCH
        rows = slice(start, start + VALIDATION_BATCH)
        x = records.readable(np.array(self._x[rows]))
        large_arrays.release(self._x)
        return x, {"labels": self._labels[rows]}


def _validation_data(inputs):
    """Returns what `fit` measures on, or `None`."""
    x, labels = inputs.validation, inputs.validation_labels
    if x is None:
        return None
    if large_arrays.is_large(x.nbytes):
        return RowBatches(x, labels)
    return records.readable(x), {"labels": labels}


def make_fit(run, head=None):
    """Returns how a phase fits.

    Args:
        run: `PhaseRun`.
        head: Head that trains. Defaults to `None`, that of the classifier.
    """
    classifier, plan, options = run.classifier, run.plan, run.options

    def optimizer_at(rate):
        return make_optimizer(
            classifier,
            run.backbone,
            options.optimizer,
            plan.coordinates,
            plan.callbacks,
            rate,
            head,
        )

    memory = classifier.memory
    return Fit(
        optimizer_at,
        classifier.problem.objective.metrics,
        plan.loss,
        plan.label_weight,
        plan.policy,
        plan.epochs,
        options.batch_size,
        classifier.seed + classifier.num_phases,
        augmentation=None if memory is None else memory.augmentation,
        verbose=options.verbose,
        label_weights=label_weights(classifier, run.samples, run.inputs.table),
        like=classifier,
    )


def _stored(logits, num_new, size):
    """Returns logits stored with exemplars; NaN for new samples."""
    stored = np.full((size, logits.shape[-1]), np.nan, "float32")
    stored[num_new:][: len(logits)] = logits
    return stored


def _weights(policy, labels, known):
    """Returns weights of a policy; 1, the mean, for unknown classes."""
    weights = policy.weights(labels[known]) if known.any() else None
    if weights is None or known.all():
        return weights
    spread = np.ones(len(labels), "float32")
    spread[known] = weights
    return spread


def make_optimizer(
    classifier,
    backbone,
    given=None,
    coordinates=None,
    callbacks=(),
    rate=1.0,
    head=None,
):
    """Returns a fresh optimizer, slower below the head.

    Args:
        classifier: `IncrementalClassifier`.
        backbone: Its `Backbone`.
        given: Optimizer of the user, its name, or `None`.
        coordinates: `Coordinates` that the head is trained in, or `None`.
        callbacks: Callbacks, of which a `PhaseCallback` may wrap it.
        rate: Float, what all learning rates are multiplied by. Defaults to
            `1.0`.
        head: Head that trains. Defaults to `None`, that of the classifier.
    """
    head = classifier.head if head is None else head
    base = _base_optimizer(head, given, coordinates)
    optimizer = unscaled(base)
    factor = _backbone_factor(classifier, optimizer)
    if rate != 1.0:
        optimizer = _slower(optimizer, rate)
    if backbone.is_trainable:
        optimizer = LearningRateMultiplier(
            optimizer, {paths_of(head): 1.0}, others=factor
        )
    for callback in phase_callbacks(callbacks):
        optimizer = callback.wrap_optimizer(optimizer)
    return scaled_like(optimizer, base)


def _base_optimizer(head, given, coordinates):
    if given is None:
        return _default_optimizer(head, coordinates)
    if isinstance(given, keras.optimizers.Optimizer):
        return as_new(given)
    return keras.optimizers.get(given)


def _backbone_factor(classifier, optimizer):
    """Returns the learning rate below the head, as part of the head's."""
    rate = classifier.backbone_learning_rate
    if rate is not None:
        return rate / _rate_of(optimizer)
    return 1.0 if classifier.recipe.reinitialize else BACKBONE_FACTOR


def _rate_of(optimizer):
    rate = float(optimizer.learning_rate)
    if rate == 0:
        raise ValueError(
            "`backbone_learning_rate` is trained with as a multiple of the "
            "learning rate of the optimizer. Received: an optimizer of "
            "learning_rate=0.0. Pass one with a learning rate above 0."
        )
    return rate


def _slower(optimizer, rate):
    slower = rate * float(optimizer.learning_rate)
    return as_new(optimizer, learning_rate=slower)


def _default_optimizer(head, coordinates):
    """Returns Adam whose first steps move a logit by about one.

    A larger epsilon than usual keeps it from turning the rounding of
    features that never vary into steps of full length.
    """
    rate = 1e-3
    if coordinates is not None:
        rate = min(1.0 / head.input_dim, MAX_RATE)
    return keras.optimizers.Adam(rate, epsilon=1e-4)
