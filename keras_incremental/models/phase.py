"""One phase: what `IncrementalClassifier.learn` does, step by step."""

import dataclasses
import time

import numpy as np
from keras import ops

from keras_incremental.metrics.class_counts import count_by_class
from keras_incremental.metrics.class_counts import paired_drop
from keras_incremental.models.batch_norm import freeze_batch_norm
from keras_incremental.models.batch_norm import unchanged_statistics
from keras_incremental.models.batches import Batches
from keras_incremental.models.batches import balanced_weights
from keras_incremental.models.centring import centred
from keras_incremental.models.plan import STATISTICS
from keras_incremental.models.plan import make_optimizer
from keras_incremental.models.plan import make_plan
from keras_incremental.models.report import PhaseReport
from keras_incremental.utils.feature_statistics import FeatureStatistics
from keras_incremental.models.student import Student
from keras_incremental.models.student import teacher_of

# How many features are drawn for each old class, and for all of them.
DRAWN_PER_CLASS, MAX_DRAWN = 200, 20_000


def run_phase(classifier, lesson, validation, options):
    """Learns a lesson, and measures what that changed.

    The door has checked before, and the transaction around undoes if it must.

    Args:
        classifier: `IncrementalClassifier`.
        lesson: `Lesson`, the pictures to learn.
        validation: `Lesson` to measure on, or `None`.
        options: `Options`.

    Returns:
        A `PhaseReport`, not judged yet.
    """
    started = time.perf_counter()
    say = _Stages(options.verbose, 3)
    freeze_batch_norm(classifier.features)
    trunk = classifier.trunk(options.cache_features)
    say("features" if trunk.frozen else "pictures")
    inputs = _read(trunk, classifier.memory, lesson, validation, options)
    statistics = _statistics(classifier, trunk, inputs)
    plan = make_plan(
        classifier, lesson, trunk, len(inputs.old_labels), statistics, options
    )
    inputs = _with_drawn(classifier, inputs, lesson, plan)
    say(f"training: {plan.words}")
    student = Student(trunk.rest, classifier.head)
    was = _predictions(student, inputs.validation)
    teacher = teacher_of(student)
    with unchanged_statistics(classifier.features):
        history = _train(classifier, trunk, teacher, inputs, plan, options)
    say("exemplars and evaluation")
    classifier.set_knowledge(
        lesson.names, classifier.phases + 1, trunk.lasting(statistics)
    )
    keep_exemplars(classifier, trunk, inputs.new, lesson)
    now = _predictions(student_of(classifier, trunk), inputs.validation)
    return PhaseReport(
        classes=lesson.names,
        new_classes=lesson.new_names,
        taught_classes=tuple(lesson.names[i] for i in lesson.taught),
        **_measure(lesson, validation, was, now),
        used={
            "method": plan.words,
            "new pictures": len(lesson.labels),
            "exemplars": inputs.num_exemplars,
            "road": "cached features" if trunk.frozen else "end to end",
            "epochs": len(history["loss"]),
        },
        seconds=time.perf_counter() - started,
        accepted=True,
        reason="",
        history=history,
    )


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What the student reads, of new, kept and validation pictures."""

    new: np.ndarray
    new_labels: np.ndarray
    new_names: int
    old: np.ndarray
    old_labels: np.ndarray
    validation: np.ndarray | None
    validation_labels: np.ndarray | None
    num_exemplars: int = 0

    @property
    def all(self):
        """Inputs and labels of new and kept pictures together."""
        if not len(self.old_labels):
            return self.new, self.new_labels
        return (
            np.concatenate([self.new, self.old]),
            np.concatenate([self.new_labels, self.old_labels]),
        )


def student_of(classifier, trunk):
    """The student of a classifier as it is now, only to predict with."""
    return Student(trunk.rest, classifier.head)


def keep_exemplars(classifier, trunk, inputs, lesson):
    """Lets the memory choose among the pictures of a lesson."""
    if classifier.memory is not None:
        classifier.memory.update(
            lesson.pictures,
            lesson.labels,
            features=trunk.features_of(inputs),
            model=classifier,
        )


def _read(trunk, memory, lesson, validation, options):
    how = {
        "batch_size": options.batch_size,
        "verbose": options.verbose,
    }
    old, old_labels = lesson.pictures[:0], lesson.labels[:0]
    if memory is not None and len(memory):
        old, old_labels = memory.arrays()
        old = trunk.inputs_for(old, **how)
    measured = validation is not None
    return Inputs(
        new=trunk.inputs_for(lesson.pictures, **how),
        new_labels=lesson.labels,
        new_names=len(lesson.new_names),
        old=old,
        old_labels=old_labels,
        validation=trunk.inputs_for(validation.pictures, **how)
        if measured
        else None,
        validation_labels=validation.labels if measured else None,
        num_exemplars=len(old_labels),
    )


def _statistics(classifier, trunk, inputs):
    """Of all pictures ever learnt, while features last; else of these."""
    if not trunk.trains:
        return classifier.statistics.updated(
            trunk.features_of(inputs.new), inputs.new_labels
        )
    everything, labels = inputs.all
    return FeatureStatistics().updated(trunk.features_of(everything), labels)


def _with_drawn(classifier, inputs, lesson, plan):
    """Inputs with features of old classes drawn from their statistics."""
    if STATISTICS not in plan.sources:
        return inputs
    old = sorted(set(range(len(classifier.classes))) - set(lesson.taught))
    per_class = min(DRAWN_PER_CLASS, max(MAX_DRAWN // len(old), 1))
    drawn, labels = classifier.statistics.draw(
        old, per_class, classifier.seed + classifier.phases
    )
    return dataclasses.replace(
        inputs,
        old=np.concatenate([inputs.old, drawn]) if len(inputs.old) else drawn,
        old_labels=np.concatenate([inputs.old_labels, labels]),
    )


def _train(classifier, trunk, teacher, inputs, plan, options):
    head = classifier.head
    seed = classifier.seed + classifier.phases
    old_groups = len(head.group_sizes)
    if inputs.new_names:
        head.expand(inputs.new_names, "zeros", seed)
    was_frozen = head.frozen_groups
    if plan.freeze_old:
        head.frozen_groups = old_groups
    if plan.statistics is None:
        history = _fit(classifier, trunk, teacher, inputs, plan, options, seed)
    else:
        with centred(head, plan.statistics):
            history = _fit(
                classifier, trunk, teacher, inputs, plan, options, seed
            )
    head.frozen_groups = was_frozen
    return history


def _fit(classifier, trunk, teacher, inputs, plan, options, seed):
    student = Student(
        trunk.rest,
        classifier.head,
        teacher,
        plan.distillation,
        plan.share,
        plan.statistics,
    )
    student.compile(
        optimizer=make_optimizer(classifier.head, trunk, plan, options),
        loss=plan.loss,
        loss_weights=[1.0 - plan.share],
        metrics=["accuracy"],
    )
    features, labels = inputs.all
    arrays = [features, labels]
    if plan.replays:
        arrays.append(balanced_weights(labels))
    student.make_variables(*(array[:1] for array in arrays))
    memory = classifier.memory
    augmentation = None if trunk.frozen or not memory else memory.augmentation
    corrections = [plan.correction] if plan.correction is not None else []
    callbacks = [*options.callbacks, *corrections]
    history = student.fit(
        Batches(arrays, options.batch_size, seed, augmentation),
        epochs=plan.epochs,
        validation_data=_validation(inputs),
        callbacks=_given_data(callbacks, inputs),
        verbose=options.verbose,
        # Keras would shuffle the batches by a seed of its own.
        shuffle=False,
    )
    return history.history


def _given_data(callbacks, inputs):
    """Callbacks that look at the data of a phase, with that of this one."""
    for callback in callbacks:
        if getattr(callback, "data", ()) is None:
            callback.data = (inputs.new, inputs.new_labels)
    return callbacks


def _validation(inputs):
    if inputs.validation is None:
        return None
    return inputs.validation, inputs.validation_labels


def _predictions(student, inputs):
    if inputs is None:
        return None
    if student.rest is not None:
        return student.predict(inputs, verbose=0).argmax(-1)
    # A head alone is faster run than traced.
    return ops.convert_to_numpy(student(inputs)).argmax(-1)


def _measure(lesson, validation, was, now):
    if validation is None:
        return {
            "before": None,
            "after": None,
            "drop": None,
            "class_drops": {},
            "flips": np.zeros(0, int),
        }
    labels, count = validation.labels, len(lesson.names)
    known = count - len(lesson.new_names)
    old = labels < known
    was_right, is_right = was == labels, now == labels
    return {
        "before": count_by_class(labels[old], was[old], known),
        "after": count_by_class(labels, now, count),
        "drop": paired_drop(was_right[old], is_right[old]),
        "class_drops": {
            lesson.names[k]: paired_drop(
                was_right[labels == k], is_right[labels == k]
            )
            for k in np.unique(labels[old])
        },
        "flips": np.flatnonzero(was_right & ~is_right),
    }


class _Stages:
    """Names the stages of a phase, where the user wants to see them."""

    def __init__(self, verbose, count):
        self._verbose = verbose
        self._count = count
        self._done = 0

    def __call__(self, name):
        self._done += 1
        if self._verbose:
            print(f"[{self._done}/{self._count}] {name}")
