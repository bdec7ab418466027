"""How a phase trains: grow the head, fit, and a balanced stage after it."""

import dataclasses

from keras_incremental.data.label_space import NOVEL
from keras_incremental.layers.column_initializers import Imprinting
from keras_incremental.layers.expandable_cosine import ExpandableCosine
from keras_incremental.layers.expandable_dense import ExpandableDense
from keras_incremental.layers.proxy_imprinting import ProxyImprinting
from keras_incremental.layers.split_share import SplitShare
from keras_incremental.memory.policies import Concatenate
from keras_incremental.models.balanced_stage import balanced_rows
from keras_incremental.models.phases.centering import centered
from keras_incremental.models.phases.fit import Fit
from keras_incremental.models.phases.optimizer import make_optimizer
from keras_incremental.models.phases.phase_data import Inputs
from keras_incremental.models.phases.phase_data import only
from keras_incremental.models.phases.reinitialize import reinitialize
from keras_incremental.models.phases.specialist import train_specialist
from keras_incremental.models.student import Joined
from keras_incremental.models.student import Student
from keras_incremental.models.student import teacher_of

IMPRINTING = "imprinting"
FIRST_SHARE = 0.1


def train(classifier, backbone, inputs, plan, options):
    """Grows the head and trains what is not frozen.

    Args:
        classifier: `IncrementalClassifier`.
        backbone: `Backbone`.
        inputs: `Inputs`.
        plan: `Plan`.
        options: `Options`.

    Returns:
        Dict of lists, the history of the `fit`.
    """
    head = classifier.head
    seed = classifier.seed + classifier.phases
    teacher = teacher_of(Student(backbone.upper, head))
    fit = _how(classifier, backbone, plan, options, seed)
    specialist = None
    if plan.recipe.specialist is not None:
        specialist = train_specialist(teacher, inputs, plan, fit)
    old_groups = len(head.group_sizes)
    if plan.recipe.reinitialize:
        reinitialize(backbone.upper, head, seed)
    if inputs.new_classes:
        initializer = _initializer(head, backbone, inputs, plan)
        head.expand(
            inputs.new_classes, **_start(head, initializer, plan), seed=seed
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
            specialist,
        )
        history = _main_fit(student, inputs, plan, fit)
        if plan.recipe.stage is not None:
            _balance(student, backbone, teacher, inputs, plan, fit)
    head.frozen_groups = was_frozen
    return history


def _how(classifier, backbone, plan, options, seed):
    """A function that says how to fit, each time with a new optimizer."""
    memory = classifier.memory
    augments = memory is not None and not backbone.frozen
    usual = {
        "loss": plan.loss,
        "label_weight": plan.label_weight,
        "policy": plan.policy,
        "epochs": plan.epochs,
        "batch_size": options.batch_size,
        "seed": seed,
        "augmentation": memory.augmentation if augments else None,
        "verbose": options.verbose,
    }

    def how(rate=1.0, head=classifier.head, **changes):
        optimizer = make_optimizer(head, backbone, plan, options, rate)
        return Fit(optimizer, **{**usual, **changes})

    return how


def _start(head, initializer, plan):
    """How new columns start: those that divide an old class, as a share."""
    parents = plan.partial_labels.parents
    if not plan.partial_labels.splits or not isinstance(head, ExpandableDense):
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
    if isinstance(head, ExpandableCosine):
        return ProxyImprinting(head.centered(features), arriving)
    return Imprinting(features, arriving)


def _main_fit(student, inputs, plan, fit):
    bias_correction = (
        () if plan.bias_correction is None else (plan.bias_correction,)
    )
    callbacks = (*plan.callbacks, *bias_correction)
    for callback in callbacks:
        if getattr(callback, "data", ()) is None:
            callback.data = inputs.data_of(getattr(callback, "wants", "new"))
    trained_on = only(inputs, plan.recipe.trains_on)
    return fit(callbacks=callbacks).run(student, trained_on)


def _balance(student, backbone, teacher, inputs, plan, fit):
    """The balanced stage of a recipe, on the trained student."""
    stage = plan.recipe.stage
    samples, labels = inputs.known
    features = backbone.features_of(samples)
    rows = balanced_rows(features, labels, plan.phase.index)
    upper = student.upper
    if stage.scope == "head":
        samples, upper = features, None
    terms, phase_classes = (), None
    if stage.distils:
        everything = dataclasses.replace(
            plan.phase, num_old=plan.phase.num_classes
        )
        terms = plan.recipe.bound_terms(
            everything, is_trainable=backbone.is_trainable, stored=False
        )
        phase_classes = Joined(teacher, teacher_of(student))
    how = fit(
        rate=stage.rate,
        policy=Concatenate(),
        epochs=stage.epochs,
        label_weight=1.0,
    )
    balanced = Inputs.of(samples[rows], labels[rows])
    how.run(
        Student(upper, student.head, phase_classes, terms, plan.coordinates),
        balanced,
        "balanced stage",
    )
