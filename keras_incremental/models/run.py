"""One run of `learn`, of `observe` or of `learn_statistics`, in six steps."""

import itertools
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.callbacks.phase_callback import phase_callbacks
from keras_incremental.models.outputs import logits_of
from keras_incremental.models.transaction import Gate
from keras_incremental.problems.decoders import predictions_of
from keras_incremental.reporting.report import PhaseReport
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor

FEATURES, TRAINING, MEMORY = "features", "training", "exemplars"
BEFORE, AFTER = "evaluation before", "evaluation after"


class Run:
    """Base class of one run of learning.

    `learn` makes a `PhaseRun`, `observe` a `StreamRun`, `learn_statistics` a
    `DeviceRun`, and `session.run_steps` calls their methods in this order:
    `read`, `predict`, `train`, `update_memory`, `predict`, `report`. A
    `PhaseCallback` is called between the steps, and reads the attributes
    below.

    Args:
        classifier: `IncrementalClassifier`.
        validation: `Samples` to measure on, or `None`.
        options: `FitOptions`.
        gate: `Gate` that accepts or refuses the update.

    Attributes:
        classifier: The `IncrementalClassifier` that learns.
        backbone: Its `Backbone`.
        callbacks: Tuple of all `PhaseCallback`s that take part.
        known_classes: Names of the classes that were known before.
        history: Dict of lists, of `fit`.
    """

    def __init__(
        self,
        classifier: keras.Model,
        validation: Any,
        options: Any,
        gate: Gate,
    ):
        self.classifier = classifier
        self.validation = validation
        self.options = options
        self.gate = gate
        self.known_classes = classifier.classes
        self.backbone: Any = None
        self.history: dict[str, list] = {}
        self.progress = Progress(options.verbose, self._step_names())
        self._started = time.perf_counter()
        # Of the validation samples, by the last `predict`.
        self._validation_logits: np.ndarray | None = None

    def read(self) -> None:
        """Reads samples, and runs the frozen part of the backbone on them."""
        raise NotImplementedError

    def predict(self) -> np.ndarray | None:
        """Returns predicted classes of the validation samples, or `None`."""
        raise NotImplementedError

    def train(self) -> dict[str, list]:
        """Grows and trains the head, and returns the history."""
        raise NotImplementedError

    def update_memory(self) -> None:
        """Keeps exemplars of the samples, and statistics of their features."""
        raise NotImplementedError

    def report(
        self, before: np.ndarray | None, after: np.ndarray | None
    ) -> PhaseReport:
        """Returns the `PhaseReport` of what was predicted."""
        raise NotImplementedError

    @property
    def num_new_classes(self) -> int:
        """Int. How many new classes are announced; a stream tells of none."""
        return 0

    @property
    def description(self) -> str:
        """String, the parts of the method."""
        raise NotImplementedError

    @property
    def callbacks(self) -> tuple[PhaseCallback, ...]:
        recipe = self.classifier.recipe
        return phase_callbacks((*self.options.callbacks, *recipe.callbacks))

    @property
    def training_mode(self) -> str:
        """String, whether features of the samples are cached."""
        frozen = self.backbone.frozen is not None
        return "cached features" if frozen else "end to end"

    def student_inputs(self, x: np.ndarray) -> Tensor:
        """Returns what the student reads of samples."""
        return self.backbone.student_inputs(
            x, self.options.batch_size, self.options.verbose
        )

    def predicted(
        self, inputs: Any, labels: np.ndarray | None = None
    ) -> np.ndarray | None:
        """Returns predicted classes of what the student reads, or `None`."""
        classifier, verbose = self.classifier, self.options.verbose
        logits = logits_of(classifier, self.backbone, inputs, labels, verbose)
        self._validation_logits = logits
        return None if logits is None else predictions_of(classifier, logits)

    def measure(
        self,
        labels: np.ndarray | None,
        before: np.ndarray | None,
        after: np.ndarray | None,
        classes: Sequence[str],
        rows: np.ndarray | None = None,
    ) -> Config:
        """Returns the measured fields of a `PhaseReport`, and the verdict.

        Args:
            labels: Encoded labels of validation samples, or `None`.
            before: Predictions of `predict` before the training, or `None`.
            after: The same after it.
            classes: Names of all classes.
            rows: Ints, the validation samples that these are. Defaults to
                `None`, all.
        """
        if labels is None:
            measured: Config = {
                "confusion_before": None,
                "confusion_after": None,
                "drop": None,
                "class_drops": {},
            }
            return {**measured, **self._verdict(measured)}
        scorer = self.classifier.problem.scorer
        num_old = len(self.known_classes)
        logits = self._validation_logits
        if rows is not None and logits is not None:
            logits = logits[rows]
        measured = scorer.measure(labels, before, after, classes, num_old)
        return {
            **measured,
            **self._verdict(measured),
            "calibration": scorer.calibration(labels, logits, num_old),
        }

    def common_fields(self) -> Config:
        """Returns the fields of a `PhaseReport` that any run fills alike."""
        return {
            **_kept(self.classifier),
            "seconds": time.perf_counter() - self._started,
            "stages": self.progress.seconds,
            "history": self.history,
        }

    def _verdict(self, measured):
        drop, class_drops = measured["drop"], measured["class_drops"]
        accepted, reason = self.gate.judge(drop, class_drops)
        return {"accepted": accepted, "reason": reason}

    def _step_names(self):
        measures = self.validation is not None
        has = {BEFORE: measures, AFTER: measures}
        has[MEMORY] = self.classifier.memory is not None
        names = (FEATURES, BEFORE, TRAINING, MEMORY, AFTER)
        return [name for name in names if has.get(name, True)]


class Progress:
    """Names the stages of a phase as they begin, and times them.

    Args:
        verbose: Same as for `fit`; `0` prints nothing.
        names: Names of the stages that there will be, in their order.
    """

    def __init__(self, verbose, names):
        self._verbose = verbose
        self._names = list(names)
        self._starts = []

    def __call__(self, name, details=""):
        """Begins a stage, if it is one of them."""
        if name not in self._names:
            return
        self._starts.append((name, time.perf_counter()))
        if self._verbose:
            number = f"[{self._names.index(name) + 1}/{len(self._names)}]"
            print(f"{number} {name}{details and ': '}{details}", flush=True)

    @property
    def seconds(self):
        """Dict of the stages so far, and how long each took."""
        starts = [*self._starts, ("", time.perf_counter())]
        return {
            name: end - start
            for (name, start), (_, end) in itertools.pairwise(starts)
        }


def _kept(classifier):
    """Returns the fields of a `PhaseReport` about what is kept."""
    memory, statistics = classifier.memory, classifier.statistics
    counts = {} if memory is None else memory.counts
    names = classifier.classes
    nbytes = {"weights": sum(_nbytes(v) for v in classifier.weights)}
    if memory is not None:
        nbytes["exemplars"] = memory.nbytes
    if len(statistics):
        deviations = classifier.deviations
        nbytes["statistics"] = statistics.nbytes + deviations.nbytes
    return {
        "problem": classifier.problem.name,
        "phase": classifier.num_phases,
        "exemplars": {names[k]: n for k, n in counts.items()},
        "nbytes": nbytes,
    }


def _nbytes(variable):
    bits = keras.backend.standardize_dtype(variable.dtype)
    return int(np.prod(variable.shape)) * np.dtype(bits).itemsize
