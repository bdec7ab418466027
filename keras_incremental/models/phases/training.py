"""How a phase trains: grow the head, fit, and a balanced stage after it."""

import contextlib
import dataclasses

import keras
import numpy as np
from keras import ops

from keras_incremental.data.label_space import NOVEL
from keras_incremental.layers.split_share import SplitShare
from keras_incremental.memory.policies import Concatenate
from keras_incremental.models.centering import centered
from keras_incremental.models.phases.fit import make_fit
from keras_incremental.models.phases.phase_data import Inputs
from keras_incremental.models.phases.plan import selected
from keras_incremental.models.student import Checkpoint
from keras_incremental.models.student import Joined
from keras_incremental.models.student import Student
from keras_incremental.models.student import teacher_of
from keras_incremental.recipes.balanced_stage import balanced_rows

IMPRINTING = "imprinting"
FIRST_SHARE = 0.1


def train(run):
    """Grows the head and trains what is not frozen.

    Args:
        run: `PhaseRun` that has read its samples.

    Returns:
        Dict of lists, the history of the `fit`.
    """
    head, backbone = run.classifier.head, run.backbone
    inputs, plan = run.inputs, run.plan
    seed = run.classifier.seed + run.classifier.num_phases
    teacher = teacher_of(Student(backbone.upper, head))
    fit, checkpoint = make_fit(run), Checkpoint(run)
    old_groups = len(head.group_sizes)
    if plan.recipe.reinitialize:
        reinitialize(backbone.upper, head, seed)
    if inputs.num_new_classes:
        initializer = _initializer(head, backbone, inputs, plan)
        head.expand(
            inputs.num_new_classes,
            **_start(head, initializer, plan),
            seed=seed,
        )
    was_frozen = head.frozen_groups
    if plan.freeze_old:
        head.frozen_groups = old_groups
    with centered(head, plan.coordinates):
        student = Student(
            backbone.upper,
            head,
            teacher,
            plan.terms,
            plan.coordinates,
            teachers=[c.teacher_outputs for c in plan.phase_callbacks],
            checkpoint=checkpoint,
        )
        history = _main_fit(student, inputs, plan, fit)
        if plan.recipe.stage is not None:
            _balance(student, backbone, teacher, inputs, plan, fit)
    head.frozen_groups = was_frozen
    return history


def _start(head, initializer, plan):
    """How new columns start: those that divide an old class, as a share."""
    parents = plan.partial_labels.parents
    if not plan.partial_labels.splits or not head.can_split:
        return {"initializer": initializer}
    shares = [
        FIRST_SHARE if share is None else share
        for share, parent in zip(
            plan.partial_labels.shares, parents, strict=True
        )
        if parent != NOVEL
    ]
    return {
        "initializer": SplitShare(shares, others=initializer),
        "parents": parents,
    }


def _initializer(head, backbone, inputs, plan):
    initializer = plan.recipe.initializer
    if initializer != IMPRINTING:
        return initializer
    new, labels = inputs.labeled
    chosen = labels >= plan.phase.num_old
    features = backbone.features_of(new[chosen])
    arriving = labels[chosen] - plan.phase.num_old
    return head.imprinting(features, arriving)


def _main_fit(student, inputs, plan, fit):
    with _with_data(plan.phase_callbacks, inputs):
        return _fit_with_callbacks(student, inputs, plan, fit)


@contextlib.contextmanager
def _with_data(callbacks, inputs):
    """Gives callbacks their data, and takes it back if the block fails."""
    waiting = [
        callback
        for callback in callbacks
        if callback.required_data is not None and callback.data is None
    ]
    for callback in waiting:
        callback.data = inputs.data_of(callback.required_data)
    try:
        yield
    except BaseException:
        for callback in waiting:
            callback.data = None
        raise


def _fit_with_callbacks(student, inputs, plan, fit):
    callbacks = plan.callbacks
    if plan.bias_correction is not None:
        callbacks = (*callbacks, plan.bias_correction)
    return dataclasses.replace(fit, callbacks=callbacks).run(
        student, selected(inputs, plan.phase_callbacks)
    )


def _balance(student, backbone, teacher, inputs, plan, fit):
    """Trains the balanced stage of a recipe."""
    stage = plan.recipe.stage
    x, labels = inputs.known
    features = backbone.features_of(x)
    rows = balanced_rows(features, labels, plan.phase.index)
    upper = student.upper
    if stage.scope == "head":
        x, upper = features, None
    terms, taught = (), None
    if stage.distils:
        everything = dataclasses.replace(
            plan.phase, num_old=plan.phase.num_classes
        )
        terms = plan.recipe.bound_terms(
            everything, is_trainable=backbone.is_trainable, stored=False
        )
        taught = Joined(teacher, teacher_of(student))
    balanced = dataclasses.replace(
        Inputs.of(x[rows], labels[rows]),
        replayed_rows=inputs.known_replayed[rows],
    )
    dataclasses.replace(
        fit,
        rate=stage.rate,
        policy=Concatenate(),
        epochs=stage.epochs,
        label_weight=1.0,
        augmentation=None if upper is None else fit.augmentation,
    ).run(
        Student(upper, student.head, taught, terms, plan.coordinates),
        balanced,
        "balanced stage",
    )


def reinitialize(upper, head, seed=0):
    """Gives all that trains new weights, as if it had never been trained.

    The columns of the head start from 0, as those of new classes do. Other
    kernels are drawn by Glorot's rule; biases and the scales of normalizations
    get the value that their layer starts with.

    Args:
        upper: Model below the head, or `None`.
        head: `ExpandableHead`.
        seed: Int. Defaults to `0`.
    """
    for name in head.column_shapes(head.input_dim, head.units):
        head.assign_columns(name, np.zeros_like(head.columns(name)))
    if upper is None:
        return
    new = keras.models.clone_model(upper)
    for index, (variable, fresh) in enumerate(
        zip(upper.variables, new.variables, strict=True)
    ):
        if not variable.trainable:
            continue
        value = ops.convert_to_numpy(fresh)
        if value.ndim > 1:
            glorot = keras.initializers.GlorotUniform(seed=seed + index)
            value = glorot(value.shape)
        variable.assign(value)
