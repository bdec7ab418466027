"""One run of learning: the six steps of `learn` and of `observe`."""

import time

from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.models.conversion.batch_norm import freeze_batch_norm
from keras_incremental.models.conversion.batch_norm import unchanged_statistics
from keras_incremental.models.progress import Progress
from keras_incremental.models.reports import measuring

FEATURES, TRAINING, MEMORY = "features", "training", "exemplars"
BEFORE, AFTER = "evaluation before", "evaluation after"


class Run:
    """One run of learning, in six steps.

    1. `read`: samples become features where the backbone is frozen.
    2. `predict`: validation samples, before.
    3. `train`: the head grows and learns.
    4. `update_memory`: exemplars and statistics are kept.
    5. `predict`: validation samples, after.
    6. `report`: what changed.

    `learn` makes a `PhaseRun`, `observe` a `StreamRun`. A `PhaseCallback` is
    called between the steps, and reads the attributes below.

    Args:
        classifier: `IncrementalClassifier`.
        validation: `Samples` to measure on, or `None`.
        options: `FitOptions`.

    Attributes:
        classifier: The `IncrementalClassifier` that learns.
        backbone: Its `Backbone`.
        callbacks: Tuple of all `PhaseCallback`s that take part.
        known_classes: Names of the classes that were known before.
        history: Dict of lists, of `fit`.
    """

    def __init__(self, classifier, validation, options):
        self.classifier = classifier
        self.validation = validation
        self.options = options
        self.known_classes = classifier.classes
        self.backbone = None
        self.history = {}
        self.progress = Progress(options.verbose, self._step_names())
        self._started = time.perf_counter()

    def __call__(self):
        """Runs the six steps.

        Returns:
            A `PhaseReport` that the gate has not judged yet.
        """
        freeze_batch_norm(self.classifier)
        self.backbone = self.classifier.backbone
        for callback in self.callbacks:
            callback.on_phase_begin(self)
        self.progress(FEATURES)
        self.read()
        self.progress(BEFORE)
        before = self.predict()
        self.progress(TRAINING, self.description)
        with unchanged_statistics(self.classifier):
            self.history = self.train()
        self.progress(MEMORY)
        self.update_memory()
        self.progress(AFTER)
        return self.report(before, self.predict())

    def read(self):
        """Reads samples, and runs the frozen part of the backbone on them."""
        raise NotImplementedError

    def predict(self):
        """Returns predicted classes of the validation samples, or `None`."""
        raise NotImplementedError

    def train(self):
        """Grows and trains the head, and returns the history."""
        raise NotImplementedError

    def update_memory(self):
        """Keeps exemplars of the samples, and statistics of their features."""
        raise NotImplementedError

    def report(self, before, after):
        """Returns the `PhaseReport` of what was predicted."""
        raise NotImplementedError

    @property
    def description(self):
        """String, the parts of the method."""
        raise NotImplementedError

    @property
    def callbacks(self):
        recipe = self.classifier.recipe
        parts = (*self.options.callbacks, *recipe.callbacks)
        return tuple(c for c in parts if isinstance(c, PhaseCallback))

    @property
    def seconds(self):
        """Float, wall time since the run was made."""
        return time.perf_counter() - self._started

    @property
    def training_mode(self):
        """String, whether features of the samples are cached."""
        frozen = self.backbone.frozen is not None
        return "cached features" if frozen else "end to end"

    def student_inputs(self, x):
        """Returns what the student reads of samples."""
        return self.backbone.student_inputs(
            x, self.options.batch_size, self.options.verbose
        )

    def predicted(self, inputs, labels=None):
        """Returns predicted classes of what the student reads, or `None`."""
        return measuring.predicted(
            self.classifier, self.backbone, inputs, labels, self.options.verbose
        )

    def measure(self, labels, before, after, classes):
        """Returns the measured fields of a `PhaseReport`.

        Args:
            labels: Encoded labels of validation samples, or `None`.
            before: Predictions of `predict` before the training, or `None`.
            after: The same after it.
            classes: Names of all classes.
        """
        return measuring.measure(
            self.classifier.problem.scorer,
            labels,
            before,
            after,
            classes,
            len(self.known_classes),
        )

    def _step_names(self):
        measures = self.validation is not None
        has = {BEFORE: measures, AFTER: measures}
        has[MEMORY] = self.classifier.memory is not None
        names = (FEATURES, BEFORE, TRAINING, MEMORY, AFTER)
        return [name for name in names if has.get(name, True)]
