"""One phase: a run of `learn` over samples that are all there."""

import dataclasses

from keras_incremental.models import memory_update
from keras_incremental.models.data_warnings import warn_of_pixel_range
from keras_incremental.models.inputs import checks
from keras_incremental.models.inputs.samples import Samples
from keras_incremental.models.outputs import outputs_for
from keras_incremental.models.phases.auxiliary import check_is_read
from keras_incremental.models.phases.describing import check_can_train
from keras_incremental.models.phases.describing import describe_head
from keras_incremental.models.phases.describing import is_described
from keras_incremental.models.phases.phase_data import read
from keras_incremental.models.phases.phase_data import with_held_out
from keras_incremental.models.phases.phase_data import with_old_classes
from keras_incremental.models.phases.plan import DESCRIBED
from keras_incremental.models.phases.plan import SOLVED
from keras_incremental.models.phases.plan import TRAINED
from keras_incremental.models.phases.plan import bare_plan
from keras_incremental.models.phases.plan import make_plan
from keras_incremental.models.phases.redrawing import RedrawnInputs
from keras_incremental.models.phases.redrawing import parts_by_sample
from keras_incremental.models.phases.redrawing import with_labels
from keras_incremental.models.phases.solvable import is_solved
from keras_incremental.models.phases.solving import solve
from keras_incremental.models.phases.solving import solve_head
from keras_incremental.models.phases.training import train
from keras_incremental.models.run import Run
from keras_incremental.models.unknown.estimate import keep_deviations
from keras_incremental.models.weighing import check_old_classes
from keras_incremental.models.weighing import described_weights
from keras_incremental.reporting.report import PhaseReport
from keras_incremental.utils import devices
from keras_incremental.utils.compilation import check_lists

# How the head learns, by `Plan.way`.
LEARNERS = {TRAINED: train, SOLVED: solve_head, DESCRIBED: describe_head}


@dataclasses.dataclass(frozen=True)
class NewData:
    """Data of a phase.

    Attributes:
        samples: `Samples` to learn.
        validation: `Samples` to measure on, or `None`.
        auxiliary: `Samples` without labels, or `None`.
    """

    samples: Samples
    validation: Samples | None = None
    auxiliary: Samples | None = None

    def compatible(self, classifier) -> "NewData":
        """Returns the data, made to fit a classifier and its memory."""
        return NewData(
            checks.learnable(self.samples, classifier),
            checks.compatible(self.validation, classifier),
            checks.compatible(self.auxiliary, classifier),
        )


class PhaseRun(Run):
    """A run over one phase.

    Args:
        classifier: `IncrementalClassifier`.
        data: `NewData`, checked.
        options: `FitOptions`.
        gate: See `Run`.

    Attributes:
        samples: `Samples` to learn.
        inputs: `Inputs`, what the student reads, after `read`.
        plan: `Plan`, the parts of the phase, after `read`.
        statistics: `FeatureStatistics` to train with, after `read`.
        notes: List of strings for the report: what was found while learning.
        candidates: String for the report, which `auxiliary` samples look like
            the new classes; empty where this is not known.
    """

    def __init__(self, classifier, data, options, gate):
        super().__init__(classifier, data.validation, options, gate)
        check_lists(classifier.recipe.loss, len(data.samples.classes), "loss")
        self.samples = data.samples
        self.auxiliary = data.auxiliary
        self.inputs = None
        self.plan = None
        self.statistics = None
        self.notes = []
        self.candidates = ""
        self._kept_statistics = None
        self._given = None
        self._completed = ()
        self._exemplars_are_kept = False
        self._needs_all = False

    @property
    def num_new_classes(self):
        return len(self.samples.new_classes)

    @property
    def description(self):
        redrawn = self.inputs.redrawn is not None
        read = ["`x` read in each epoch"] if redrawn else []
        weights = described_weights(self.classifier, self.samples.classes)
        return ", ".join([self.plan.description, *weights, *self.notes, *read])

    def read(self):
        classifier = self.classifier
        held_out, old = self.validation, self.samples.old
        others = {
            "`validation_data`": held_out and held_out.x,
            "`old_data`": old and old.x,
        }
        warn_of_pixel_range(classifier, self.samples, **others)
        self._read()
        if self._needs_all:
            verbose, self._needs_all = self.options.verbose, False
            self.samples = self._given.redrawn.whole(verbose)
            self._read()

    def _read(self):
        classifier, backbone = self.classifier, self.backbone
        self._given = dataclasses.replace(
            read(self, memory_update.stores_logits(classifier.recipe)),
            redrawn=self._redrawn(),
        )
        self.statistics, self._kept_statistics = (
            classifier.problem.objective.statistics(
                classifier.statistics, backbone, self._given
            )
        )
        self._make_plan(self._way())
        if self.auxiliary is not None:
            check_is_read(self)
        if self.plan.way != SOLVED:
            check_old_classes(self, self.plan.way == TRAINED)

    def _redrawn(self):
        """Returns `RedrawnInputs` where more than a head reads a data set."""
        classifier, samples = self.classifier, self.samples
        held = (
            self.backbone.caches_head_inputs or classifier.head.is_closed_form
        )
        if held or samples.rereading is None:
            return None
        return RedrawnInputs(samples, classifier, self.options.batch_size)

    def _settled(self, inputs, plan, way):
        """Returns inputs that no epoch draws anew, where a part forbids it."""
        data, parts = inputs.redrawn, ""
        if data is None:
            return inputs
        if way == TRAINED:
            parts = parts_by_sample(
                inputs, plan, self.options.batch_size, self._given.varies
            )
            if not parts:
                return inputs
        self._needs_all = data.is_partial
        if parts and not data.is_partial:
            data.warn_if_random(parts)
        return dataclasses.replace(inputs, redrawn=None)

    def plan_to_train(self):
        """Plans anew, to train a head that was to be solved."""
        self._make_plan(TRAINED)

    def keep_statistics(self, statistics, features, labels):
        """Lets the classifier keep statistics when the phase ends.

        Args:
            statistics: `FeatureStatistics`.
            features: Array of shape `(samples, features)`, of old samples
                that are in them since now.
            labels: Ints of shape `(samples,)`.
        """
        self._kept_statistics = statistics
        self._completed = ((features, labels),)

    def _way(self):
        """Returns how the head learns."""
        phase = (
            self.classifier,
            self.samples,
            self.backbone,
            self._given,
            self.options,
        )
        if is_solved(*phase):
            return SOLVED
        if is_described(*phase):
            return DESCRIBED
        check_can_train(self.classifier)
        return TRAINED

    def _make_plan(self, way):
        classifier, backbone = self.classifier, self.backbone
        inputs, memory = self._given, classifier.memory
        if way == TRAINED and not classifier.head.is_closed_form:
            devices.check_can_train(
                classifier.variables, classifier.train_batch_norm
            )
            augmentation = None if memory is None else memory.augmentation
            inputs = inputs.in_one_shape(backbone, augmentation)
        inputs = with_old_classes(
            classifier, inputs, self.samples, backbone, way == TRAINED
        )
        inputs, risks = classifier.problem.objective.resolve_labels(
            classifier, inputs, self.samples, self._logits
        )
        if inputs.redrawn is not None:
            inputs = with_labels(inputs)
        given, options = (classifier, self.samples), self.options
        if way == TRAINED:
            plan = make_plan(
                *given, backbone, inputs, self.statistics, options
            ).beside(risks)
        else:
            plan = bare_plan(way, *given, inputs, options)
        inputs = self._settled(inputs, plan, way)
        self.plan = plan
        self.inputs = with_held_out(
            inputs,
            self.plan.validation_share,
            classifier.seed + classifier.num_phases,
        )

    def predict(self):
        return self.predicted(
            self.inputs.validation, self.inputs.validation_labels
        )

    def train(self):
        for callback in self.callbacks:
            callback.on_phase_train_begin(self)
        if self.classifier.head.is_closed_form:
            return solve(self)
        return LEARNERS[self.plan.way](self)

    def keep_exemplars(self):
        """Lets the memory select among the samples, once in a phase.

        The memory is updated after the training. A `PhaseCallback` whose
        phase replays exemplars of the new classes calls it before.
        """
        if not self._exemplars_are_kept:
            memory_update.keep_exemplars(
                self.classifier,
                self.backbone,
                self.samples,
                self._new_inputs(),
                self.options.verbose,
            )
        self._exemplars_are_kept = True

    def _new_inputs(self):
        """Returns what the student reads of the samples."""
        if self._given is None:
            return self.student_inputs(self.samples.x)
        return self._given.new[: len(self.samples.labels)]

    def update_memory(self):
        classifier = self.classifier
        classifier.label_space = self.samples.label_space(classifier)
        classifier.num_phases += 1
        classifier.statistics = self.backbone.valid_statistics(
            self._kept_statistics
        )
        self._keep_deviations()
        self.keep_exemplars()
        memory_update.adapt_readout(classifier, self.backbone, self.samples)

    def _keep_deviations(self):
        classifier = self.classifier
        if not len(classifier.statistics):
            classifier.deviations = classifier.deviations.emptied()
            return
        x, labels = self._given.labeled
        parts = (self.backbone.features_of(x), labels), *self._completed
        for features, labels in parts:
            keep_deviations(classifier, features, labels)

    def report(self, before, after):
        samples = self.samples
        found = {"candidates": self.candidates} if self.candidates else {}
        return PhaseReport(
            classes=samples.classes,
            new_classes=samples.new_classes,
            phase_classes=tuple(samples.classes[i] for i in samples.shown),
            **self.measure(
                self.inputs.validation_labels, before, after, samples.classes
            ),
            **self.common_fields(),
            used={
                "method": self.description,
                "new samples": len(samples.all_labels),
                "exemplars": self.inputs.num_exemplars,
                "training mode": self.training_mode,
                "epochs": len(self.history.get("loss", ())),
                **found,
            },
        )

    def _logits(self, inputs):
        return outputs_for(self.classifier, self.backbone, inputs)
