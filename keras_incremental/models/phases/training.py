"""How a phase trains: grow the head, fit, and a balanced stage after it."""

import dataclasses

from keras_incremental.data.ontology import NOVEL
from keras_incremental.layers.column_initializers import Imprinting
from keras_incremental.layers.expandable_cosine import ExpandableCosine
from keras_incremental.layers.expandable_dense import ExpandableDense
from keras_incremental.layers.proxy_imprinting import ProxyImprinting
from keras_incremental.layers.split_share import SplitShare
from keras_incremental.memory.policies import Concatenate
from keras_incremental.models.balanced_stage import balanced_rows
from keras_incremental.models.centring import centred
from keras_incremental.models.phases.fitting import Fit
from keras_incremental.models.phases.inputs import Inputs
from keras_incremental.models.phases.inputs import only
from keras_incremental.models.phases.optimizing import make_optimizer
from keras_incremental.models.phases.restart import restart
from keras_incremental.models.phases.specialist import train_specialist
from keras_incremental.models.student import Joined
from keras_incremental.models.student import Student
from keras_incremental.models.student import teacher_of

IMPRINTING = "imprinting"
FIRST_SHARE = 0.1


def train(classifier, trunk, inputs, plan, options):
    """Grows the head and trains what is not frozen.

    Args:
        classifier: `IncrementalClassifier`.
        trunk: `Trunk`.
        inputs: `Inputs`.
        plan: `Plan`.
        options: `Options`.

    Returns:
        Dict of lists, the history of the `fit`.
    """
    head = classifier.head
    seed = classifier.seed + classifier.phases
    teacher = teacher_of(Student(trunk.rest, head))
    fit = _how(classifier, trunk, plan, options, seed)
    specialist = None
    if plan.recipe.specialist is not None:
        specialist = train_specialist(teacher, inputs, plan, fit)
    old_groups = len(head.group_sizes)
    if plan.recipe.restart:
        restart(trunk.rest, head, seed)
    if inputs.new_names:
        initializer = _initializer(head, trunk, inputs, plan)
        head.expand(
            inputs.new_names, **_start(head, initializer, plan), seed=seed
        )
    was_frozen = head.frozen_groups
    if plan.freeze_old:
        head.frozen_groups = old_groups
    with centred(head, plan.coordinates):
        student = Student(
            trunk.rest, head, teacher, plan.terms, plan.coordinates, specialist
        )
        history = _main_fit(student, inputs, plan, fit)
        if plan.recipe.stage is not None:
            _balance(student, trunk, teacher, inputs, plan, fit)
    head.frozen_groups = was_frozen
    return history


def _how(classifier, trunk, plan, options, seed):
    """A function that says how to fit, each time with a new optimizer."""
    memory = classifier.memory
    augments = memory is not None and not trunk.frozen
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
        optimizer = make_optimizer(head, trunk, plan, options, rate)
        return Fit(optimizer, **{**usual, **changes})

    return how


def _start(head, initializer, plan):
    """How new columns start: those that divide an old class, as a share."""
    parents = plan.declared.parents
    if not plan.declared.splits or not isinstance(head, ExpandableDense):
        return {"initializer": initializer}
    shares = [
        FIRST_SHARE if share is None else share
        for share, parent in zip(plan.declared.shares, parents, strict=True)
        if parent != NOVEL
    ]
    return {
        "initializer": SplitShare(shares, others=initializer),
        "parents": parents,
    }


def _initializer(head, trunk, inputs, plan):
    initializer = plan.recipe.initializer
    if initializer != IMPRINTING:
        return initializer
    new, labels = inputs.labelled
    chosen = labels >= plan.phase.num_old
    features = trunk.features_of(new[chosen])
    arriving = labels[chosen] - plan.phase.num_old
    if isinstance(head, ExpandableCosine):
        return ProxyImprinting(head.centred(features), arriving)
    return Imprinting(features, arriving)


def _main_fit(student, inputs, plan, fit):
    correction = () if plan.correction is None else (plan.correction,)
    callbacks = (*plan.callbacks, *correction)
    for callback in callbacks:
        if getattr(callback, "data", ()) is None:
            callback.data = inputs.data_of(getattr(callback, "wants", "new"))
    trained_on = only(inputs, plan.recipe.trains_on)
    return fit(callbacks=callbacks).run(student, trained_on)


def _balance(student, trunk, teacher, inputs, plan, fit):
    """The balanced stage of a recipe, on the trained student."""
    stage = plan.recipe.stage
    samples, labels = inputs.known
    features = trunk.features_of(samples)
    rows = balanced_rows(features, labels, plan.phase.index)
    rest = student.rest
    if stage.scope == "head":
        samples, rest = features, None
    terms, taught = (), None
    if stage.distils:
        everything = dataclasses.replace(
            plan.phase, num_old=plan.phase.num_classes
        )
        terms = plan.recipe.bound_terms(
            everything, trains=trunk.trains, stored=False
        )
        taught = Joined(teacher, teacher_of(student))
    how = fit(
        rate=stage.rate,
        policy=Concatenate(),
        epochs=stage.epochs,
        label_weight=1.0,
    )
    balanced = Inputs.of(samples[rows], labels[rows])
    how.run(
        Student(rest, student.head, taught, terms, plan.coordinates),
        balanced,
        "balanced stage",
    )
