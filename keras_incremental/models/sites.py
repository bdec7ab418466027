"""Statistics of sites and devices, brought into a classifier."""

import functools
import hashlib
import operator
import os
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_incremental.edge.head import Head
from keras_incremental.models import session
from keras_incremental.models.inputs import arguments
from keras_incremental.models.inputs import checks
from keras_incremental.models.inputs.reading import Reader
from keras_incremental.models.inputs.samples import Samples
from keras_incremental.models.phases.solvable import is_open
from keras_incremental.models.phases.solving import assign_columns
from keras_incremental.models.phases.solving import warnings_of
from keras_incremental.models.run import Run
from keras_incremental.models.transaction import Gate
from keras_incremental.models.transaction import changing
from keras_incremental.models.transaction import reads
from keras_incremental.models.unknown.estimate import keep_deviations
from keras_incremental.models.weighing import described_weights
from keras_incremental.models.weighing import weights_of
from keras_incremental.reporting.report import PhaseReport
from keras_incremental.statistics import SiteStatistics
from keras_incremental.statistics import site_files
from keras_incremental.statistics.kept_rows import KeptRows
from keras_incremental.statistics.kept_rows import digests
from keras_incremental.statistics.site_statistics import KEPT
from keras_incremental.statistics.site_statistics import is_alike
from keras_incremental.statistics.solved_columns import solve_in_units
from keras_incremental.statistics.solved_columns import weighted
from keras_incremental.utils.long_progress import shown
from keras_incremental.utils.long_progress import steps_of
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Tensor

METHOD = "head solved from statistics of devices and sites"


def read_statistics(given):
    """Returns `SiteStatistics`, of each site or device once.

    Args:
        given: List of paths of files, and of `SiteStatistics`.
    """
    given = [given] if is_statistics(given) else list(given)
    read = [_read(part) for part in given]
    marks = [_mark(part) for part in read]
    if not read or len(set(marks)) < len(marks):
        raise ValueError(
            "`statistics` must be of each site or device once, else its "
            f"samples count twice. Received: {[_shown(p) for p in given]}, "
            f"{len(set(marks))} of them different. Leave out the others."
        )
    return read


def sum_of(parts, classifier):
    """Returns the sum of statistics, in the classes of a classifier.

    Args:
        parts: List of `SiteStatistics`.
        classifier: `IncrementalClassifier`.

    Raises:
        ValueError: if they have no samples, or are of other features.
    """
    parts = [part for part in parts if len(part)]
    size = classifier.head.input_dim
    odd = [part.width for part in parts if part.width != size]
    if odd or not parts:
        raise ValueError(
            "Sites and devices must have learned something, from the "
            f"features of this classifier. Received: {len(parts)} of them with "
            f"samples, with {odd or size} features, where the classifier has "
            f"{size}. Pass what `compute_statistics` has returned, or files "
            "that `SiteStatistics.save` or, after `learn`, "
            "`EdgeClassifier.save` has written."
        )
    total = functools.reduce(
        operator.add, steps_of(parts, "adding statistics", len(parts), "site")
    )
    own = None if total.probe is None else classifier.backbone.probe()
    if not is_alike(total.probe, own):
        raise ValueError(
            "The statistics are of another backbone than that of this "
            f"classifier. Received: {size} features each, which differ for "
            "the same made-up samples. Compute them by this classifier, or "
            "load the one that they were computed by."
        )
    new = [name for name in total.classes if name not in classifier.classes]
    return total.placed((*classifier.classes, *new))


def compute_statistics(classifier, samples, batch_size, most, site):
    """Returns the `SiteStatistics` of samples.

    Args:
        classifier: `IncrementalClassifier`.
        samples: `Samples` that fit it.
        batch_size: Int.
        most: Int, of how many samples of a class features are kept.
        site: String.
    """
    check_solves(classifier)
    backbone = classifier.backbone
    samples = samples.labeled
    inputs = backbone.student_inputs(samples.x, batch_size)
    features = ops.convert_to_numpy(backbone.features_of(inputs))
    names = np.asarray(samples.classes)[samples.labels]
    return SiteStatistics.of(
        features,
        names.tolist(),
        digests(samples.x),
        samples_per_class=most,
        site=site,
        probe=backbone.probe(),
    )


def check_solves(classifier):
    """Raises unless statistics of samples are of use to a classifier."""
    backbone = classifier.backbone
    if not is_open(classifier, backbone):
        raise ValueError(
            "Statistics of samples are of use where a head is solved from "
            "them: a frozen backbone, no recipe that says otherwise, classes "
            "that exclude each other, none of them merged, removed or "
            f"divided. Received: recipe={classifier.recipe.name!r}, trainable "
            f"weights below the head: {backbone.is_trainable}. Freeze the "
            "backbone, and leave out the recipe."
        )


def remember_statistics(classifier, given, others):
    """Keeps statistics of samples of known classes; nothing is trained.

    Args:
        classifier: `IncrementalClassifier`.
        given: `SiteStatistics`, or the path of a file of them.
        others: Dict of arguments of `remember` that are for samples.
    """
    meant = [name for name, value in others.items() if value is not None]
    if meant:
        raise ValueError(
            "Statistics contain the names of their classes, and no samples. "
            f"Received: {meant} together with statistics. Leave them out."
        )
    check_solves(classifier)
    found = sum_of(read_statistics(given), classifier)
    new = found.classes[len(classifier.classes) :]
    if new:
        raise ValueError(
            "`remember` takes statistics of known classes. Received: new "
            f"ones, {list(new)}. Call `learn_statistics`, which adds them."
        )
    with changing(classifier):
        classifier.statistics = classifier.statistics + found.statistics
        keep_deviations(classifier, found.kept.features, found.kept.labels)


def is_statistics(given):
    """Returns whether these are statistics, or the path of a file."""
    return isinstance(given, SiteStatistics) or _is_path(given)


def _read(part):
    if isinstance(part, SiteStatistics):
        return part
    if site_files.is_site_file(part):
        return SiteStatistics.load(part)
    head = Head.load(part)
    if not len(head.learned):
        return SiteStatistics()
    shown = np.flatnonzero(head.learned.counts)
    labels = np.searchsorted(shown, head.labels)
    return SiteStatistics(
        tuple(head.classes[k] for k in shown),
        head.learned.matrix().only(shown),
        KeptRows.of(head.features, labels, None, KEPT),
    )


def _mark(part):
    """Returns what differs between statistics of different samples."""
    statistics = part.statistics
    arrays = [statistics.counts, statistics.means, statistics.scatter]
    data = [b"" if a is None else np.asarray(a).tobytes() for a in arrays]
    return part.classes, hashlib.sha256(b"".join(data)).digest()


def _shown(part):
    return type(part).__name__ if not _is_path(part) else os.fspath(part)


def _is_path(part):
    return isinstance(part, (str, os.PathLike))


class DeviceRun(Run):
    """A run over statistics of sites and devices.

    Args:
        classifier: `IncrementalClassifier`.
        learned: `SiteStatistics` in the classes of the classifier.
        validation: `Samples` to measure on, or `None`.
        options: `FitOptions`.
        gate: See `Run`.
    """

    def __init__(self, classifier, learned, validation, options, gate):
        super().__init__(classifier, validation, options, gate)
        self.learned = learned
        new = learned.classes[len(self.known_classes) :]
        self.samples = Samples(None, None, learned.classes, new)
        self.notes = []
        self._validation_inputs = None
        self._check()

    @property
    def num_new_classes(self):
        return len(self.samples.new_classes)

    @property
    def description(self):
        weights = described_weights(self.classifier, self.samples.classes)
        return ", ".join([METHOD, *weights, *self.notes])

    def read(self):
        if self.validation is not None:
            self._validation_inputs = self.student_inputs(self.validation.x)

    def predict(self):
        return self.predicted(self._validation_inputs)

    def train(self):
        columns, left_out = solve_in_units(self._statistics(), *self._samples())
        self.notes.extend(warnings_of(left_out, len(self.known_classes)))
        weights = weights_of(self.classifier, self.samples.classes)
        columns = weighted(columns, weights)
        assign_columns(self.classifier.head, columns, self.num_new_classes)
        return {}

    def update_memory(self):
        classifier, learned = self.classifier, self.learned
        classifier.label_space = classifier.label_space.renewed(learned.classes)
        classifier.num_phases += 1
        classifier.statistics = self._statistics()
        keep_deviations(classifier, learned.kept.features, learned.kept.labels)

    def report(self, before, after):
        learned, validation = self.learned, self.validation
        labels = None if validation is None else validation.labels
        shown = np.flatnonzero(learned.statistics.counts)
        return PhaseReport(
            classes=learned.classes,
            new_classes=self.samples.new_classes,
            phase_classes=tuple(learned.classes[k] for k in shown),
            **self.measure(labels, before, after, learned.classes),
            **self.common_fields(),
            used={
                "method": self.description,
                "new samples": len(learned.statistics),
                "exemplars": len(self.classifier.memory or ()),
                "training mode": self.training_mode,
                "epochs": 0,
            },
        )

    def _statistics(self):
        return self.classifier.statistics + self.learned.statistics

    def _samples(self):
        """Returns features and labels that the temperature is found by."""
        learned, memory = self.learned, self.classifier.memory
        if memory is None or not len(memory):
            return learned.kept.features, learned.kept.labels
        x, labels = memory.readable()
        inputs = self.student_inputs(x)
        features = ops.convert_to_numpy(self.backbone.features_of(inputs))
        return (
            np.concatenate([learned.kept.features, features]),
            np.concatenate([learned.kept.labels, labels]),
        )

    def _check(self):
        classifier = self.classifier
        statistics = self._statistics()
        missing = [
            name
            for label, name in enumerate(self.learned.classes)
            if not statistics.covers([label])
        ]
        if not is_open(classifier, classifier.backbone) or missing:
            raise ValueError(
                "Statistics are learned by a classifier whose head is solved "
                "from statistics of all classes. Received: "
                f"recipe={classifier.recipe.name!r}, no statistics of "
                f"{missing}. Load the classifier that was exported or sent, "
                "or pass statistics of these classes too."
            )


class SitesMixin(keras.Model):
    """Methods that learn from the statistics of sites and devices."""

    @reads
    def compute_statistics(
        self,
        x: Data,
        y: Tensor | None = None,
        classes: Sequence[str] | None = None,
        *,
        site: str = "",
        samples_per_class: int = KEPT,
        batch_size: int = 32,
        steps: int | None = None,
        verbose: int | str = "auto",
    ) -> SiteStatistics:
        """Computes statistics of samples, for `learn_statistics`.

        The classifier is not changed. Each site loads the file of this
        classifier, computes the statistics of its own samples, of new or known
        classes, and saves them; `learn_statistics` learns from those of all
        sites.

        Args:
            x: Samples, or a data set, same as for `learn`.
            y: Labels as names, or as indices of `classes`.
            classes: Names of the classes in the data. Defaults to the folder
                names of the data set.
            site: String, the name of the site. Statistics with the same name
                are added only once. Defaults to `""`: it has none.
            samples_per_class: Int, 0 or more: of how many samples of a class
                the features are kept, to find the temperature by. With 0 no
                feature of a sample leaves. The least of all sites counts.
                Defaults to `50`.
            batch_size: Int. Defaults to `32`.
            steps: Int. Same as for `learn`.
            verbose: Same as for `remember`.

        Returns:
            `keras_incremental.statistics.SiteStatistics`.

        Raises:
            ValueError: if data or arguments do not fit, or if `learn` would
                not solve the head from statistics.

        Example:

        >>> import keras
        >>> import numpy as np
        >>> from keras_incremental.models import IncrementalClassifier
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> clf = IncrementalClassifier(model, ["cat", "dog"])
        >>> x, y = np.eye(4), ["cat", "cat", "dog", "dog"]
        >>> north = clf.compute_statistics(x, y, site="north")
        >>> south = clf.compute_statistics(-x[:2], classes=["bird"])
        >>> report = clf.learn_statistics([north, south], verbose=0)
        >>> clf.classes
        ('cat', 'dog', 'bird')
        """
        verbose = arguments.checked_verbose(verbose)
        samples = Reader(self, batch_size, steps, verbose).new(x, y, classes)
        samples = checks.compatible(samples, self)
        with shown(verbose):
            return compute_statistics(
                self, samples, batch_size, samples_per_class, site
            )

    def learn_statistics(
        self,
        statistics: Sequence[str | os.PathLike | SiteStatistics],
        *,
        validation_data: Data | None = None,
        max_drop: float | None = None,
        batch_size: int = 32,
        verbose: int | str = "auto",
    ) -> PhaseReport:
        """Learns from statistics of sites and devices, without their samples.

        Sites send the result of `compute_statistics`. Devices that run an
        `export(extendable=True)` and learn by `keras_incremental.edge` send
        their heads. Statistics are added up, so that neither the order of
        sites nor that of their samples matters, and the head is solved from
        all of them at once. Pass each sample once: a device sends all that it
        has learned since it was exported, so its later file takes the place of
        an earlier one.

        Args:
            statistics: List of `SiteStatistics`, of files of them, and of
                files that `EdgeClassifier.save` has written. Classes are
                matched by name; new ones are appended in alphabetical order.
            validation_data: Same as for `learn`.
            max_drop: Float from 0 to 1. Refuses an update that costs the old
                classes more accuracy. Defaults to `None`, any.
            batch_size: Int. Defaults to `32`.
            verbose: Same as for `fit`. Defaults to `"auto"`.

        Returns:
            A `PhaseReport`.

        Raises:
            ValueError: if they are of no samples, twice of one site, or of
                another backbone, or if this classifier's head is not solved
                from statistics. Nothing is changed.
        """
        gate = Gate(max_drop, self.max_class_drop)
        options = arguments.fit_options(None, batch_size, None, (), verbose)
        with shown(options.verbose):
            learned = sum_of(read_statistics(statistics), self)
        validation = Reader(
            self, batch_size, verbose=options.verbose
        ).validation(validation_data, learned.classes)
        validation = checks.compatible(validation, self)
        run = DeviceRun(self, learned, validation, options, gate)
        checks.check_gate(gate, run.samples, validation)
        return session.run_if_accepted(run)
