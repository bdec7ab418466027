"""How a phase solves the head, and when it trains it all the same."""

import dataclasses

import numpy as np
from keras import ops

from keras_incremental.models.phases.plan import selected
from keras_incremental.models.phases.training import train
from keras_incremental.models.weighing import weights_of
from keras_incremental.statistics.class_means import padded
from keras_incremental.statistics.feature_statistics import described
from keras_incremental.statistics.solved_columns import LinearColumns
from keras_incremental.statistics.solved_columns import is_worse
from keras_incremental.statistics.solved_columns import offsets_of
from keras_incremental.statistics.solved_columns import solve_in_units
from keras_incremental.statistics.solved_columns import weighted


def solve_head(run):
    """Solves the head from statistics, unless the old head is better.

    Ridge regression on one-hot labels, its penalty the most probable one, or
    linear discriminants with this penalty, see `solve_in_units`; one
    temperature, of least crossentropy on new samples and exemplars that are
    left out in turn, makes logits of the scores; that of the old head where
    none can be left out. Nothing is drawn, and neither the order of the
    classes nor that of the samples matters.

    The solved head takes the place of the old one unless it is worse, among
    the old classes, on samples that the old head was not trained on: those of
    `validation_data`, else the new samples, each left out in turn. Worse
    means that it loses more of them than it wins: by more than the standard
    error of this difference, where new classes arrive, and then the head is
    trained instead; by any, where none do, and then it stays as it is. With
    validation samples, a trained head is kept only if it is no worse on all
    classes.

    Args:
        run: `PhaseRun` that has read its samples.

    Returns:
        Dict of lists, the history of `fit`; empty where nothing was trained.
    """
    statistics = completed(run)
    columns, new = solution_of(run, statistics)
    weights = weights_of(run.classifier, run.samples.classes)
    columns = weighted(columns, weights)
    arrive = run.inputs.num_new_classes > 0
    comparison = None
    # What is described cannot be trained instead.
    if not (arrive and run.classifier.head.described):
        comparison = _on_old_classes(run, columns, new, weights)
    if comparison is None or not comparison.is_worse(surely=arrive):
        run.notes.extend(warnings_of(new, len(run.known_classes)))
        _assign(run, columns)
        return {}
    run.notes.append(comparison.text)
    if not arrive:
        run.notes.append("so the head stays as it is")
        return {}
    return _train_instead(run, columns, weights)


def completed(run):
    """Returns statistics of all classes, and keeps those of real samples.

    Old classes that are not in the statistics yet come from exemplars and
    `old_data`; what is in none of them, from the columns of the head.
    """
    classifier, inputs = run.classifier, run.inputs
    head, statistics = classifier.head, run.statistics
    missing = _missing(classifier, statistics)
    rows = np.isin(inputs.old_labels, missing)
    if rows.any():
        features = run.backbone.features_of(inputs.old[rows])
        labels = inputs.old_labels[rows]
        statistics = statistics.updated(features, labels)
        run.keep_statistics(statistics, features, labels)
        missing = _missing(classifier, statistics)
    if len(missing):
        names = [run.known_classes[k] for k in missing]
        run.notes.append(f"nothing kept of {names}, described by the old head")
    return described(statistics, head.columns("kernel"), missing)


def solution_of(run, statistics):
    """Returns the `LinearColumns`, and the `LeftOut` new samples."""
    inputs = run.inputs
    x, labels = inputs.known
    # The features of a sample alone in its class are not needed.
    rows = statistics.counts[labels] > 1
    features = run.backbone.features_of(x[rows])
    columns, left_out = solve_in_units(statistics, features, labels[rows])
    if not len(left_out.labels):
        columns = _as_sure_as_before(run, columns, statistics)
    return columns, left_out.only(~inputs.known_replayed[rows])


def _as_sure_as_before(run, columns, statistics):
    """Returns columns at the temperature of the old head.

    It is the one at which both agree best at the means of the old classes:
    of a phase that shows one sample of each class none can be left out.
    """
    head, num_old = run.classifier.head, len(run.known_classes)
    means = statistics.means[:num_old]
    if head.described:
        return columns
    old = means @ head.columns("kernel") + head.columns("bias")
    new = columns.scores(means)[:, :num_old]
    old, new = (z - z.mean(-1, keepdims=True) for z in (old, new))
    fits, size = np.sum(old * new), np.sum(new * new)
    if fits <= 0 or size <= 0:
        return columns
    factor = fits / size
    return LinearColumns(factor * columns.kernel, factor * columns.bias)


def warnings_of(new, num_old):
    """Yields what to say of features that hardly tell the new classes.

    These are so if a head that was solved without a sample is right on it in
    less than half of what chance leaves.

    Args:
        new: `LeftOut` samples.
        num_old: Int. The number of old classes.
    """
    rows = new.labels >= num_old
    if not rows.any():
        return
    right = _balanced_accuracy(new.logits[rows], new.labels[rows])
    chance = 1 / new.logits.shape[-1]
    if right < (1 + chance) / 2:
        yield (
            f"only {100 * right:.1f} % of the samples of new classes are "
            "right if left out in turn: the frozen features hardly tell them "
            "from others, so unfreeze layers below the head, with a memory"
        )


def _missing(classifier, statistics):
    """Returns the old classes without samples, but for the removed ones."""
    answers = classifier.label_space.merged_into
    counts = padded(statistics.counts[: len(answers)], len(answers))
    return np.flatnonzero((counts == 0) & (answers != -1))


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The solved and the old head, on the same samples of old classes.

    Attributes:
        solved: Bools, which samples the solved head has right.
        old: The same of the old head.
        where: String, which samples these are.
        weights: Floats, how much each sample counts.
    """

    solved: np.ndarray
    old: np.ndarray
    where: str
    weights: np.ndarray

    def is_worse(self, surely):
        """Returns what `is_worse` of `solved_columns` does."""
        return is_worse(self.solved, self.old, surely, self.weights)

    @property
    def text(self):
        """What was measured, in words."""
        shares = (
            100 * np.average(right, weights=self.weights)
            for right in (self.old, self.solved)
        )
        return (
            "the old head is right on {:.1f} % and a solved one on {:.1f} % "
            "of {} {} of old classes".format(*shares, len(self.old), self.where)
        )


def _on_old_classes(run, columns, new, weights):
    """Returns a `Comparison`, or `None` without samples of old classes."""
    num_old = len(run.known_classes)
    features, labels = new.features, new.labels
    scores = new.logits + offsets_of(weights)
    where = "new samples, each left out in turn,"
    validation = _validation(run)
    if validation is not None and _are_old(validation[1], num_old).any():
        features, labels = validation
        scores, where = columns.scores(features), "validation samples"
    rows = _are_old(labels, num_old)
    if not rows.any():
        return None
    labels = labels[rows]
    old = _head_scores(run, features[rows])
    return Comparison(
        scores[rows, :num_old].argmax(-1) == labels,
        old.argmax(-1) == labels,
        where,
        np.ones(len(labels)) if weights is None else weights[labels],
    )


def _are_old(labels, num_old):
    return (labels >= 0) & (labels < num_old)


def _head_scores(run, features):
    scores = run.classifier.head(features.astype("float32"))
    return ops.convert_to_numpy(scores)


def _validation(run):
    """Returns features and labels of the validation samples, or `None`."""
    inputs = run.inputs
    if inputs.validation is None:
        return None
    features = run.backbone.features_of(inputs.validation)
    return np.asarray(features, "float64"), inputs.validation_labels


def _train_instead(run, columns, weights):
    """Trains the head, and solves it if that is better on validation data."""
    run.plan_to_train()
    history = train(run)
    validation = _validation(run)
    if validation is None:
        run.notes.append("so the head was trained")
        return history
    features, labels = validation
    trained, solved_score = (
        _balanced_accuracy(scores, labels, weights)
        for scores in (_head_scores(run, features), columns.scores(features))
    )
    figures = f"{100 * trained:.1f} and {100 * solved_score:.1f} %"
    if trained >= solved_score:
        run.notes.append(f"so the head was trained, of all classes {figures}")
        return history
    run.notes.append(f"of all classes a trained one {figures}, so it is solved")
    _assign(run, columns)
    return {}


def _balanced_accuracy(scores, labels, weights=None):
    """Returns the mean over the classes in the labels of their accuracy."""
    right = np.asarray(scores).argmax(-1) == labels
    classes = np.unique(labels[labels >= 0])
    shares = [right[labels == k].mean() for k in classes]
    weights = None if weights is None else weights[classes]
    return float(np.average(shares, weights=weights))


def _assign(run, columns):
    assign_columns(run.classifier.head, columns, run.inputs.num_new_classes)


def assign_columns(head, columns, num_new_classes):
    """Gives a head the columns that were solved.

    Args:
        head: `ExpandableHead`.
        columns: `LinearColumns`.
        num_new_classes: Int. How many classes arrive.
    """
    if head.described:
        head.drop_descriptions()
    missing = columns.bias.shape[0] - head.units
    if num_new_classes and missing:
        head.expand(missing, initializer="zeros")
    head.assign_columns("kernel", columns.kernel.astype("float32"))
    head.assign_columns("bias", columns.bias.astype("float32"))


def solve(run):
    """Grows the head and solves it for new features; nothing is trained.

    Args:
        run: `PhaseRun` that has read its samples.

    Returns:
        An empty dict: there is no history.
    """
    head, inputs = run.classifier.head, run.inputs
    check_seen(head, run.classifier.label_space)
    if inputs.num_new_classes:
        head.expand(inputs.num_new_classes)
    x, labels = selected(inputs, run.plan.phase_callbacks).labeled
    head.adapt(run.backbone.features_of(x), labels)
    return {}


def check_seen(head, label_space):
    """Raises if a head in closed form has seen no sample of a class."""
    found = label_space.unseen(head.statistics.counts)
    if len(found):
        unseen = [label_space.classes[k] for k in found]
        raise ValueError(
            f"{type(head).__name__} '{head.name}' has never seen the classes "
            f"{unseen}, so it cannot predict them beside new ones. Show it "
            "samples of them first, by `remember`."
        )
