"""Choosing among recipes by data of the current phase alone."""

import copy
import dataclasses

import numpy as np

from keras_incremental.data.held_out import split_held_out
from keras_incremental.layers.growth import HeadCompilation
from keras_incremental.models.phases.phase import NewData
from keras_incremental.models.phases.phase import PhaseRun
from keras_incremental.models.phases.redrawing import RedrawnInputs
from keras_incremental.models.session import run_steps
from keras_incremental.models.transaction import Gate
from keras_incremental.models.transaction import changing
from keras_incremental.models.transaction import check_finite
from keras_incremental.utils import records
from keras_incremental.utils.graph import HeadSplit
from keras_incremental.utils.long_progress import shown
from keras_incremental.utils.long_progress import steps_of

HELD_OUT = 0.2


def scores_of(classifier, recipes, data, options):
    """Returns how well recipes learn a part of new data.

    Args:
        classifier: `IncrementalClassifier`, unchanged in the end.
        recipes: List of `Recipe`.
        data: `NewData`.
        options: `FitOptions`.

    Returns:
        List of floats from 0 to 1, the mean of the accuracies of the classes
        on what was held out.
    """
    scores = []
    _warn_if_random(data.samples, classifier)
    with shown(options.verbose), changing(classifier) as transaction:
        for recipe in steps_of(
            recipes, "trying recipes", len(recipes), "recipe"
        ):
            trial = with_recipe(classifier, recipe)
            part = _split(trial, classifier.memory, data)
            report = run_steps(PhaseRun(trial, part, options, Gate()))
            check_finite(trial)
            scores.append(_mean_score(report))
            # The layers below the head are shared.
            transaction.undo()
    return scores


def _warn_if_random(samples, classifier):
    """Warns that a part of random samples is held out of one reading."""
    if samples.rereading is None or classifier.backbone.caches_head_inputs:
        return
    data = RedrawnInputs(samples, classifier)
    data.warn_if_random("`tune`")


def best(recipes, scores, verbose=0):
    """Returns the recipe with the highest score, and prints the scores."""
    if verbose:
        for recipe, score in zip(recipes, scores, strict=True):
            print(f"{recipe.name}: {100 * score:.1f} %", flush=True)
    return recipes[int(np.argmax(scores))]


def with_recipe(classifier, recipe):
    """Returns a classifier of the same knowledge, with another recipe.

    Args:
        classifier: `IncrementalClassifier`.
        recipe: `Recipe`.
    """
    check_candidates([recipe], classifier.recipe)
    memory = recipe.copy().memory
    if memory is None:
        memory = copy.deepcopy(classifier.memory)
    elif classifier.memory is not None:
        memory.take_over(classifier.memory)
    made = type(classifier)(
        HeadSplit(
            classifier.features,
            reconfigured(classifier.head, recipe.head),
            classifier.activation,
            others=classifier.others,
            preprocessor=classifier.preprocessor,
        ),
        classifier.classes,
        recipe=dataclasses.replace(recipe, memory=memory),
        seed=classifier.seed,
        train_batch_norm=classifier.train_batch_norm,
        multi_label=classifier.multi_label,
        backbone_learning_rate=classifier.backbone_learning_rate,
        cache_features=classifier.cache_features,
        max_class_drop=classifier.max_class_drop,
        class_weight=classifier.class_weight,
        problem=classifier.problem,
    )
    compilation = HeadCompilation(classifier, classifier.head)
    compilation.apply_to(made, made.head)
    made.label_space = classifier.label_space
    made.num_phases = classifier.num_phases
    made.phases = classifier.phases
    made.statistics = classifier.statistics
    made.deviations = classifier.deviations
    if classifier.readout is not None:
        made.readout = reconfigured(classifier.readout, recipe.readout)
    return made


def reconfigured(head, prototype):
    """Returns a copy of a head with the options of another.

    Args:
        head: Built `ExpandableHead`.
        prototype: Head of the same class, or `None` for the options of
            `head`.
    """
    config = head.get_config()
    if prototype is not None:
        _check_statistics(head, prototype)
        kept = ("name", "units", "max_groups", "frozen_groups", "blocks")
        config = {
            **prototype.get_config(),
            **{name: config[name] for name in kept if name in config},
        }
    new = type(head).from_config(config)
    new.build((None, head.input_dim))
    new.restore(head.snapshot())
    if new.is_closed_form and len(new.statistics):
        new.finalize_state()
    return new


def _check_statistics(head, prototype):
    """Raises if a head in closed form would need other statistics."""
    if not head.is_closed_form or not len(head.statistics):
        return
    own, other = head.get_config(), prototype.get_config()
    names = head.statistics_options
    differ = [name for name in names if own[name] != other[name]]
    if differ:
        name = differ[0]
        raise ValueError(
            f"The statistics of head '{head.name}' were computed with "
            f"{name}={own[name]!r}. Received: a recipe with "
            f"{name}={other[name]!r}. Make a new classifier with that "
            "recipe, and give it old data by `remember`."
        )


def check_candidates(recipes, own):
    """Raises unless recipes can be tried on the same classifier.

    Args:
        recipes: List of `Recipe`.
        own: Recipe of the classifier.
    """
    if not isinstance(recipes, (list, tuple)) or not recipes:
        raise ValueError(
            "`recipes` must be a list of recipes to choose from. Received: "
            f"recipes={recipes!r}. Pass, for example, `[recipes.ewc(s) for s "
            "in (1e2, 1e3, 1e4)]`."
        )
    for recipe in recipes:
        same = all(
            type(getattr(recipe, part)) is type(getattr(own, part))
            for part in ("head", "readout")
        )
        if not same or recipe.low_rank != own.low_rank:
            raise ValueError(
                "All recipes must have the type of head and readout of the "
                "classifier, and its `low_rank`. Received: recipe "
                f"'{recipe.name}', for a classifier with recipe "
                f"'{own.name}'. Make one classifier for each."
            )


def _split(trial, memory, data):
    """Returns data without a part, which is there for validation."""
    samples, seed = data.samples, trial.seed
    kept, held = split_held_out(samples.labels, HELD_OUT, seed)
    part = dataclasses.replace(
        samples,
        x=samples.x[kept],
        labels=samples.labels[kept],
        rereading=None,
    )
    x, labels = samples.x[held], samples.labels[held]
    if memory is not None and len(memory):
        _, rows = split_held_out(memory.labels, HELD_OUT, seed)
        old, old_labels = memory.arrays(rows)
        x = records.joined([x, records.cast(old, x.dtype)])
        labels = np.concatenate([labels, old_labels])
        # The trial shares a file of samples with the memory.
        trial.memory.drop(memory.ids[rows])
    validation = dataclasses.replace(
        samples, x=x, labels=labels, argument="recipes"
    )
    return NewData(part, validation, data.auxiliary)


def _mean_score(report):
    scores = [report.class_score(name) for name in report.classes]
    return float(np.mean([s for s in scores if s is not None]))
