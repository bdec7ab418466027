import os
from collections.abc import Sequence

import keras

from keras_incremental.models import session
from keras_incremental.models.device_run import DeviceRun
from keras_incremental.models.device_run import compute_statistics
from keras_incremental.models.device_run import read_statistics
from keras_incremental.models.device_run import sum_of
from keras_incremental.models.gate import Gate
from keras_incremental.models.guard import reads
from keras_incremental.models.inputs import arguments
from keras_incremental.models.inputs import checks
from keras_incremental.models.inputs.reading import Reader
from keras_incremental.reporting.report import PhaseReport
from keras_incremental.statistics import SiteStatistics
from keras_incremental.statistics.site_statistics import KEPT
from keras_incremental.utils.long_progress import shown
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Tensor


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
