"""One run: a recipe learns the classes of a protocol, phase by phase."""

import gc
import importlib.metadata
import platform
import time

import keras
import numpy as np
from keras import ops

from keras_incremental.metrics import AccuracyMatrix
from keras_incremental.metrics import calibration_by_age
from keras_incremental.metrics import confusion_groups
from keras_incremental.metrics import count_phase
from keras_incremental.version import __version__

from . import methods
from .course import course_of
from .peak_memory import MEGABYTE
from .peak_memory import PeakMemory

FROZEN_EPOCHS, NETWORK_EPOCHS = 20, 5
FORMAT = 1


class StepCounter(keras.callbacks.Callback):
    """Counts the steps of training.

    Attributes:
        steps: Int.
    """

    def __init__(self):
        super().__init__()
        self.steps = 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1


class Run:
    """A classifier on its way through a course.

    Args:
        material: `Material`.
        protocol: `Protocol`.
        recipe: Name of a recipe.
        seed: Int.
    """

    def __init__(self, material, protocol, recipe, seed):
        self.material = material
        self.protocol = protocol
        self.recipe = recipe
        self.seed = seed
        self.options = methods.options_of(recipe, protocol)
        self.course = course_of(material.data, protocol, seed)
        self.matrix = AccuracyMatrix(self.course.group_sizes)
        self.classifier = None
        self.outputs = None
        self.seconds, self.steps, self.words = [], [], []

    def advance(self):
        """Learns the next phase, and measures all classes so far."""
        phase = len(self.matrix)
        counter = StepCounter()
        started = time.perf_counter()
        learn = self._learn if phase else self._begin
        self.words.append(learn(phase, counter))
        self.seconds.append(time.perf_counter() - started)
        self.steps.append(counter.steps)
        x, labels = self.course.seen(phase)
        self.outputs = self.classifier.predict(x, batch_size=256, verbose=0)
        sizes = self.course.group_sizes[: phase + 1]
        self.matrix.append(count_phase(labels, self.outputs, sizes))

    def _begin(self, phase, counter):
        """Plain Keras, and what makes it incremental."""
        x, names = self.course.arriving(phase)
        first = self.course.phases[phase]
        labels = np.array([first.index(name) for name in names])
        model = self.material.start(len(first))
        model.compile(
            optimizer_of(self.protocol) or "adam",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        frozen = self.material.backbone.frozen
        epochs = FROZEN_EPOCHS if frozen else NETWORK_EPOCHS
        model.fit(
            x,
            labels,
            epochs=self.protocol.epochs or epochs,
            batch_size=self.protocol.batch_size,
            callbacks=[counter],
            verbose=0,
        )
        self.classifier = methods.classifier(
            model, first, self.recipe, self.options, self.seed, frozen
        )
        self.classifier.remember(x, names)
        return "plain Keras"

    def _learn(self, phase, counter):
        x, names = self.course.arriving(phase)
        # One rate for the whole network, as in the first phase.
        self.classifier.backbone_learning_rate = self.protocol.learning_rate
        report = self.classifier.learn(
            x,
            names,
            classes=self.course.phases[phase],
            # Epochs of exemplars alone are no epochs of the new samples.
            epochs=self.classifier.recipe.epochs or self.protocol.epochs,
            batch_size=self.protocol.batch_size,
            optimizer=optimizer_of(self.protocol),
            callbacks=[counter],
            verbose=0,
        )
        return str(report.used["method"])


def run_one(material, protocol, recipe, seed, after_phase=lambda: None):
    """Runs a recipe in a fresh state.

    Args:
        material: `Material`.
        protocol: `Protocol`.
        recipe: Name of a recipe.
        seed: Int. Decides weights and batches.
        after_phase: Function that is called after each phase.

    Returns:
        Dict of all that was measured, for a JSON file.
    """
    keras.utils.clear_session()
    gc.collect()
    keras.utils.set_random_seed(seed)
    memory = PeakMemory()
    run = Run(material, protocol, recipe, seed)
    for _ in run.course.phases:
        run.advance()
        after_phase()
    return {
        "format": FORMAT,
        "recipe": recipe,
        "options": run.options,
        "seed": seed,
        "protocol": protocol.to_dict(),
        "phases": run.course.phases,
        "matrix": run.matrix.to_dict(),
        **_last_phase(run),
        "seconds": [round(value, 3) for value in run.seconds],
        "steps": run.steps,
        "words": run.words,
        "peak_megabytes": round(memory.megabytes, 1),
        "peak_since": memory.since,
        **_exemplars(run.classifier.memory),
        "versions": versions(),
    }


def optimizer_of(protocol):
    """A fresh optimizer, or `None` for that of the package."""
    if protocol.learning_rate is None:
        return None
    return keras.optimizers.SGD(protocol.learning_rate, protocol.momentum)


def versions() -> dict:
    """What ran."""
    backend = keras.config.backend()
    names = {"keras": "keras", "numpy": "numpy", backend: backend}
    found = {key: _version(name) for key, name in names.items()}
    return {
        "keras_incremental": __version__,
        "backend": backend,
        **found,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return importlib.import_module(name).__version__


def _last_phase(run):
    """Where old and new samples went at the end, and how surely."""
    phase = len(run.matrix) - 1
    _, labels = run.course.seen(phase)
    num_old = sum(run.course.group_sizes[:-1])
    groups = confusion_groups(labels, run.outputs.argmax(-1), num_old)
    probabilities = run.outputs
    if run.classifier.activation is None:
        probabilities = ops.convert_to_numpy(
            ops.softmax(ops.cast(run.outputs, "float32"))
        )
    return {
        "confusion": vars(groups),
        "calibration_error": calibration_by_age(labels, probabilities, num_old),
    }


def _exemplars(memory):
    return {
        "exemplars": 0 if memory is None else len(memory),
        "exemplar_megabytes": 0.0
        if memory is None
        else round(memory.nbytes / MEGABYTE, 3),
    }
