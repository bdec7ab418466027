"""Arrays of a phase: new, replayed and validation samples."""

import dataclasses
import typing

import numpy as np

from keras_incremental.data.held_out import split_held_out
from keras_incremental.data.label_space import EVER
from keras_incremental.data.labels import NO_LABEL
from keras_incremental.models.inputs.checks import in_one_shape
from keras_incremental.statistics.feature_statistics import described
from keras_incremental.utils import records
from keras_incremental.utils.varying import common_shape

EXEMPLARS, STATISTICS = "exemplars", "feature statistics"
OLD_DATA = "old data"
# How many features are drawn for each old class, and for all of them.
DRAWN_PER_CLASS, MAX_DRAWN = 200, 20_000


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Arrays that a student reads in a phase, and their labels.

    Where the backbone is frozen, inputs are features that were computed once,
    else samples.

    Attributes:
        new: Inputs of new samples, unlabeled ones last. Of large data that
            each epoch reads anew, a part.
        new_labels: Ints, -1 for unlabeled samples.
        num_new_classes: Int. How many classes arrive.
        old: Inputs that are replayed for old classes.
        old_labels: Ints.
        validation: Inputs to measure on, or `None`.
        validation_labels: Ints, or `None`.
        old_versions: Ints, the versions of the label space that `old_labels`
            were given at; -1 where they stand for all that a class ever was.
        num_exemplars: Int. How many of `old` are exemplars: the first.
        stored: Logits that were stored with exemplars, or `None`.
        sources: Tuple of strings, where `old` comes from.
        held_out: Pair of inputs and labels kept out of the training, or
            `None`.
        table: Boolean array `(num_labels, num_classes)`: which classes each
            label may be. `None`, if labels are classes. Those below the
            number of classes always are.
        replayed_rows: Bools for `all`, which samples are replayed. Defaults
            to `None`, those of `old`.
        redrawn: `RedrawnInputs`, where each epoch trains on another reading
            of the first new samples, or `None`.
    """

    new: np.ndarray
    new_labels: np.ndarray
    num_new_classes: int
    old: np.ndarray
    old_labels: np.ndarray
    validation: np.ndarray | None
    validation_labels: np.ndarray | None
    old_versions: np.ndarray = dataclasses.field(
        default_factory=lambda: np.zeros(0, int)
    )
    num_exemplars: int = 0
    stored: np.ndarray | None = None
    sources: tuple[str, ...] = ()
    held_out: tuple | None = None
    table: np.ndarray | None = None
    replayed_rows: np.ndarray | None = None
    redrawn: typing.Any = None

    def in_one_shape(self, backbone, augmentation=None):
        """Returns the inputs in one shape, of which batches can be made.

        Args:
            backbone: `Backbone`.
            augmentation: Function on batches of exemplars, or `None`.
        """
        new, old = in_one_shape(
            backbone, self.new, self.old, augmentation=augmentation
        )
        validation = self.validation
        if validation is not None:
            (validation,) = in_one_shape(backbone, validation)
        return dataclasses.replace(
            self, new=new, old=old, validation=validation
        )

    @property
    def varies(self):
        """Bool. Whether inputs of a batch may differ in shape."""
        return None in common_shape([self.new.shape[1:], self.old.shape[1:]])

    @property
    def replayed(self):
        """Bools for `all`, which samples are replayed."""
        if self.replayed_rows is not None:
            return self.replayed_rows
        sizes = [len(self.new_labels), len(self.old_labels)]
        return np.repeat([False, True], sizes)

    @property
    def known_replayed(self):
        """Bools for `known`, which samples are replayed."""
        return self.replayed[of_samples(self.is_exact(self.all_labels))]

    @property
    def all_labels(self):
        """Labels of new and kept samples together."""
        return np.concatenate([self.new_labels, self.old_labels])

    @property
    def all(self):
        """Inputs and labels of new and kept samples together."""
        if not len(self.old_labels):
            return self.new, self.new_labels
        return records.joined([self.new, self.old]), self.all_labels

    @property
    def epoch_labels(self):
        """Labels that an epoch shows, and how many of them are new ones."""
        new, data = self.new_labels, self.redrawn
        if data is not None and data.is_partial:
            new = np.concatenate([data.labels, new[data.num_kept :]])
        return np.concatenate([new, self.old_labels]), len(new)

    @property
    def known_labels(self):
        """The same, without samples that have no label."""
        labels, num_new = self.epoch_labels
        known = of_samples(self.is_exact(labels))
        return labels[known], int(known[:num_new].sum())

    @classmethod
    def of(cls, new, new_labels):
        """Inputs with new samples only."""
        return cls(new, new_labels, 0, new[:0], new_labels[:0], None, None)

    def take(self, new=None, old=None):
        """Returns the inputs with some of their samples.

        Args:
            new: Indices of new samples, or bools. Defaults to `None`, all.
            old: Indices of replayed samples in ascending order, or bools.
                Defaults to `None`, all.
        """
        new = _indices(new, len(self.new_labels))
        old = _indices(old, len(self.old_labels))
        exemplars = old[old < self.num_exemplars]
        rows = self.replayed_rows
        if rows is not None:
            rows = rows[np.concatenate([new, len(self.new_labels) + old])]
        return dataclasses.replace(
            self,
            new=self.new[new],
            new_labels=self.new_labels[new],
            old=self.old[old],
            old_labels=self.old_labels[old],
            old_versions=self.old_versions[old],
            num_exemplars=len(exemplars),
            stored=None if self.stored is None else self.stored[exemplars],
            replayed_rows=rows,
        )

    @property
    def known(self):
        """Inputs and labels of all samples that have labels."""
        return self._with_labels(*self.all)

    @property
    def labeled(self):
        """Inputs and labels of the new samples that have labels."""
        return self._with_labels(self.new, self.new_labels)

    def _with_labels(self, samples, labels):
        known = of_samples(self.is_exact(labels))
        return (
            (samples, labels)
            if known.all()
            else (samples[known], labels[known])
        )

    def is_exact(self, labels):
        """Which labels are one class, neither missing nor several."""
        exact = labels != NO_LABEL
        if self.table is not None:
            exact &= labels < self.table.shape[1]
        return exact

    def data_of(self, wanted):
        """The data for a callback: one of `"new"`, `"all"` and `"held_out"`."""
        data = {
            "new": self.labeled,
            "all": self.known,
            "held_out": self.held_out,
        }[wanted]
        if data is None:
            return None
        x, labels = data
        return records.readable(x), labels


def _indices(rows, size):
    return np.arange(size) if rows is None else np.arange(size)[rows]


def read(run, stores_logits=False):
    """Returns `Inputs` of the samples of a phase.

    Args:
        run: `PhaseRun`.
        stores_logits: Bool. Whether logits kept beside exemplars are read
            too. Defaults to `False`.
    """
    samples, memory = run.samples, run.classifier.memory
    kept = [] if memory is None or not memory.replays else [_kept(memory)]
    num_exemplars = sum(len(labels) for _, labels, _ in kept)
    kept += [] if samples.old is None else [_given(samples.old)]
    kept = [(run.student_inputs(x), *rest) for x, *rest in kept]
    new, labels = run.student_inputs(samples.x), samples.labels
    if run.auxiliary is not None:
        extra = run.student_inputs(run.auxiliary.x)
        new = records.joined([new, extra])
        nothing = samples.codec.no_labels(len(extra), len(samples.classes))
        labels = np.concatenate([labels, nothing])
    stored = None
    if stores_logits and num_exemplars:
        stored = memory.stored_logits(len(samples.classes))
    old, old_labels, versions = _joined(kept, new, samples.labels)
    validation = run.validation
    return Inputs(
        new=new,
        new_labels=labels,
        num_new_classes=len(samples.new_classes),
        old=old,
        old_labels=old_labels,
        old_versions=versions,
        validation=validation and run.student_inputs(validation.x),
        validation_labels=validation and validation.labels,
        num_exemplars=num_exemplars,
        stored=stored,
    )


def _kept(memory):
    """Exemplars, their labels, and the versions that these are of."""
    return (*memory.readable(), memory.label_versions)


def _given(old):
    """The same of a data set of known classes."""
    return (*old.arrays, np.full(len(old.labels), old.label_version))


def _joined(parts, new, labels):
    """Inputs, labels and versions of several parts as one."""
    if not parts:
        return new[:0], labels[:0], np.zeros(0, int)
    inputs, *labels = zip(*parts, strict=True)
    return records.joined(inputs), *map(np.concatenate, labels)


def with_old_classes(classifier, inputs, samples, backbone, draws=True):
    """Inputs with features of old classes drawn from their statistics."""
    sources = tuple(
        _sources_of(classifier, samples, backbone, inputs.num_exemplars)
    )
    inputs = dataclasses.replace(inputs, sources=sources)
    if STATISTICS not in sources or not draws:
        return inputs
    old = samples.missing_classes(classifier.label_space)
    statistics, head = classifier.statistics, classifier.head
    unseen = [k for k in old if not statistics.covers([k])]
    if head.is_affine:
        statistics = described(statistics, head.columns("kernel"), unseen)
    else:
        old = [k for k in old if k not in unseen]
    per_class = min(DRAWN_PER_CLASS, max(MAX_DRAWN // len(old), 1))
    drawn, labels = statistics.draw(
        old, per_class, classifier.seed + classifier.num_phases
    )
    return dataclasses.replace(
        inputs,
        old=np.concatenate([inputs.old, drawn]) if len(inputs.old) else drawn,
        old_labels=np.concatenate([inputs.old_labels, labels]),
        old_versions=np.concatenate(
            [inputs.old_versions, np.full(len(labels), EVER)]
        ),
    )


def _sources_of(classifier, samples, backbone, num_exemplars):
    """Yields what stands for the old classes that samples do not show."""
    if num_exemplars:
        yield EXEMPLARS
    if samples.old is not None:
        yield OLD_DATA
    missing = samples.missing_classes(classifier.label_space)
    seen = [k for k in missing if classifier.statistics.covers([k])]
    # The head tells where a few classes lie beside others, but not most.
    covered = 2 * len(seen) > len(missing)
    valid_statistics = backbone.caches_head_inputs and not backbone.is_trainable
    if classifier.recipe.statistics and covered and valid_statistics:
        yield STATISTICS


def with_held_out(inputs, share, seed):
    """Inputs with a class-balanced part kept out of the training.

    Args:
        inputs: `Inputs`.
        share: Float from 0 to 1.
        seed: Int.
    """
    if not share:
        return inputs
    everything, labels = inputs.all
    known = np.flatnonzero(of_samples(inputs.is_exact(labels)))
    held = known[split_held_out(labels[known], share, seed)[1]]
    kept = np.setdiff1d(np.arange(len(labels)), held)
    edge = len(inputs.new_labels)
    new, old = kept[kept < edge], kept[kept >= edge] - edge
    redrawn = inputs.redrawn
    if redrawn is not None:
        given = held[held < redrawn.num_kept]
        redrawn, stay = redrawn.without(given)
        new = new[np.append(stay, np.ones(edge - len(stay), bool))[new]]
    return dataclasses.replace(
        inputs.take(new, old),
        redrawn=redrawn,
        held_out=(everything[held], labels[held]),
    )


def of_samples(mask):
    """Which samples have a place where a mask is true."""
    return mask.any(axis=tuple(range(1, mask.ndim)))
