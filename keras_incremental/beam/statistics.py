"""Transforms from samples to statistics."""

import dataclasses
import functools
import operator
import os
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import apache_beam
import numpy as np
from apache_beam.utils.shared import Shared

from keras_incremental.models import load_classifier
from keras_incremental.statistics import SiteStatistics
from keras_incremental.statistics.site_statistics import KEPT

Labeled = tuple[np.ndarray, str]


class MergeStatistics(apache_beam.CombineFn):
    """Sum of `SiteStatistics`, which the order of a runner does not change.

    A runner may divide the elements as it likes, and merge what it has in any
    order: counts and kept features are the same to the bit, means and the
    matrix to the rounding of float64.

    Args:
        site: String, the name of the site that all elements are of. Defaults
            to `""`: it has none.
    """

    def __init__(self, site: str = ""):
        super().__init__()
        self.site = site

    def create_accumulator(self) -> SiteStatistics:
        """Returns the statistics of no samples."""
        return SiteStatistics()

    def add_input(
        self, mutable_accumulator: SiteStatistics, element: SiteStatistics
    ) -> SiteStatistics:
        """Returns the statistics of both; neither is changed."""
        return mutable_accumulator + element

    def merge_accumulators(
        self, accumulators: Iterable[SiteStatistics]
    ) -> SiteStatistics:
        """Returns the statistics of all."""
        return functools.reduce(operator.add, accumulators, SiteStatistics())

    def extract_output(self, accumulator: SiteStatistics) -> SiteStatistics:
        """Returns the statistics, with the name of the site."""
        if not self.site or not len(accumulator):
            return accumulator
        return dataclasses.replace(accumulator, sites=(self.site,))


class ComputeBatchStatistics(apache_beam.DoFn):
    """The statistics of a batch of samples, by a frozen backbone.

    Each process of a worker loads the classifier once, whatever the number of
    its threads, bundles and batches.

    Args:
        path: String or path of a file that `IncrementalClassifier.save` has
            written, which each worker can open.
        samples_per_class: See `SiteStatistics.of`. Defaults to `50`.
    """

    def __init__(self, path: str | os.PathLike, samples_per_class: int = KEPT):
        super().__init__()
        self._path = os.fspath(path)
        self._most = samples_per_class
        self._shared = Shared()
        self._classifier: Any = None

    def setup(self) -> None:
        """Loads the classifier, unless this process has."""
        load = functools.partial(load_classifier, self._path, compile=False)
        self._classifier = self._shared.acquire(load, tag=self._path)

    def process(self, element: Sequence[Labeled]) -> Iterator[SiteStatistics]:
        """Yields the statistics of a batch, of each size of samples.

        Args:
            element: List of pairs of a sample and the name of its class.
        """
        sizes: dict[tuple, list[Labeled]] = {}
        for sample, name in element:
            sizes.setdefault(np.shape(sample), []).append((sample, name))
        for pairs in sizes.values():
            samples, names = zip(*pairs, strict=True)
            yield self._classifier.compute_statistics(
                np.stack(samples),
                list(names),
                sorted(set(names)),
                samples_per_class=self._most,
                batch_size=len(names),
            )
            # Each sample is seen once.
            self._classifier.drop_cached_features()


class ComputeStatistics(apache_beam.PTransform):
    """From pairs of a sample and its class to one `SiteStatistics`.

    A runner that tries a bundle again drops what the first try gave, so no
    sample counts twice for that. A sample that is in the input twice does:
    put `apache_beam.Distinct` over paths or ids before.

    Args:
        path: See `ComputeBatchStatistics`.
        batch_size: Int, samples in a batch. Each batch costs a matrix of as
            many rows and columns as there are features, so a small one is
            slow. Defaults to `128`.
        samples_per_class: See `SiteStatistics.of`. Defaults to `50`.
        site: See `MergeStatistics`. Defaults to `""`.

    Example:

    ```python
    with apache_beam.Pipeline() as pipeline:
        (
            pipeline
            | ReadImages("pictures/*/*", size=(224, 224))
            | ComputeStatistics("pets.keras", site="north")
            | apache_beam.Map(lambda found: found.save("north.npz"))
        )
    clf = ki.models.load_classifier("pets.keras")
    clf.learn_statistics(["north.npz"])
    ```
    """

    def __init__(
        self,
        path: str | os.PathLike,
        batch_size: int = 128,
        samples_per_class: int = KEPT,
        site: str = "",
    ):
        super().__init__()
        self.batch_size = batch_size
        self._compute = ComputeBatchStatistics(path, samples_per_class)
        self._merge = MergeStatistics(site)

    def expand(self, input_or_inputs: Any) -> Any:
        """Returns a collection of one `SiteStatistics`.

        Args:
            input_or_inputs: Collection of pairs of an array, a sample as the
                classifier reads it, and the name of its class.
        """
        size = self.batch_size
        return (
            input_or_inputs
            | apache_beam.BatchElements(size, size)
            | apache_beam.ParDo(self._compute)
            | apache_beam.CombineGlobally(self._merge)
        )
