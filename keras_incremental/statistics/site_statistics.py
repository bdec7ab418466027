"""Statistics of named samples, which leave a site in place of the samples."""

import dataclasses
import os
import unicodedata
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.statistics import site_files
from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.statistics.kept_rows import KeptRows
from keras_incremental.statistics.low_rank import empty_statistics
from keras_incremental.utils import files

# Samples of a class whose features are kept, for the temperature.
KEPT = 50
# Part of its largest feature by which what is made of a made-up sample may
# differ between backends.
ROUNDING = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class SiteStatistics:
    """Statistics of the samples of a site, by the names of their classes.

    `IncrementalClassifier.compute_statistics` makes them where the samples
    are, `+` merges those of several sites, and `learn_statistics` solves a
    head from them, which is that of all samples in one process, to rounding.
    Neither the order of the sites nor how the samples are divided matters,
    up to rounding. Instances are immutable, and need NumPy alone.

    What leaves the site is the number of samples and the mean feature of
    each class, one matrix, and the features of some samples of each class,
    which find the temperature: those of the smallest `keys`, so that any
    division of the samples keeps the same. Of more than 4,096 features, what
    takes the place of the matrix is exact up to 128 MiB, see
    `LowRankStatistics`.

    A sample that is in two sites counts twice; so does one that a pipeline
    reads twice. Sites that have a name cannot be added twice.

    Args:
        classes: Tuple of strings, sorted: the classes that have samples.
            Defaults to `()`.
        statistics: `FeatureStatistics`, or `LowRankStatistics` of more than
            4,096 features. Defaults to that of no samples.
        kept: `KeptRows`, features of some samples. Defaults to none.
        sites: Tuple of strings, the names of the sites. Defaults to `()`.
        probe: Array of shape `(num_probes, features)`, what the backbone
            makes of made-up samples, by which backbones are compared.
            Defaults to `None`: only the number of features is.

    Example:

    >>> import numpy as np
    >>> from keras_incremental.statistics import SiteStatistics
    >>> north = SiteStatistics.of(np.eye(4), ["cat", "cat", "dog", "dog"])
    >>> south = SiteStatistics.of(np.eye(4)[:2], ["dog", "bird"])
    >>> both = north + south
    >>> both.counts
    {'bird': 1, 'cat': 2, 'dog': 3}
    """

    classes: tuple[str, ...] = ()
    statistics: FeatureStatistics = FeatureStatistics()
    kept: KeptRows = KeptRows()
    sites: tuple[str, ...] = ()
    probe: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        features: ArrayLike,
        names: Sequence[str],
        keys: ArrayLike | None = None,
        samples_per_class: int = KEPT,
        site: str = "",
        probe: np.ndarray | None = None,
    ) -> Self:
        """Returns the statistics of samples.

        Args:
            features: Array of shape `(num_samples, features)`, what a frozen
                backbone makes of the samples.
            names: List of strings, the class of each.
            keys: Ints of 64 bits of shape `(num_samples,)`, a digest of each
                sample. Defaults to `None`, that of its features.
            samples_per_class: Int, 0 or more: of how many samples of a class
                the features are kept. A larger value finds the temperature
                more precisely. With 0 no feature of a sample leaves, and the
                temperature is 1 if nothing else tells it. Defaults to `50`.
            site: String, the name of the site, which is then added once at
                most. Defaults to `""`: it has none.
            probe: See `SiteStatistics`. Defaults to `None`.

        Raises:
            ValueError: if they do not fit each other, or are not finite.
        """
        rows = _checked_rows(features, names)
        classes, labels = np.unique(_spelled(names), return_inverse=True)
        if not len(classes):
            return cls()
        kept = KeptRows.of(rows, labels, keys, samples_per_class)
        return cls(
            tuple(classes.tolist()),
            empty_statistics(rows.shape[-1]).updated(rows, labels),
            kept,
            (site,) if site else (),
            None if probe is None else np.asarray(probe, "float64"),
        )

    def __len__(self) -> int:
        return len(self.statistics)

    @property
    def counts(self) -> dict[str, int]:
        """Dict of names, and how many samples each class has."""
        counts = self.statistics.counts.tolist()
        return dict(zip(self.classes, counts, strict=True))

    @property
    def width(self) -> int:
        """Int. The number of features, 0 where there are no samples."""
        return self.statistics.means.shape[-1] if len(self) else 0

    def __add__(self, other: Self) -> Self:
        """Returns the statistics of the samples of both.

        Raises:
            ValueError: if they are of different features, or share a site.
        """
        if not len(self) or not len(other):
            return self if len(self) else other
        check_alike(self, other)
        classes = tuple(sorted({*self.classes, *other.classes}))
        one, two = self.placed(classes), other.placed(classes)
        return dataclasses.replace(
            one,
            statistics=one.statistics + two.statistics,
            kept=one.kept + two.kept,
            sites=tuple(sorted({*self.sites, *other.sites})),
            probe=other.probe if self.probe is None else self.probe,
        )

    def placed(self, classes: Sequence[str]) -> Self:
        """Returns the same statistics in the order of other classes.

        Args:
            classes: List of strings, with all of those that have samples.
        """
        if not len(self):
            return dataclasses.replace(self, classes=tuple(classes))
        order = {name: place for place, name in enumerate(classes)}
        places = np.array([order[name] for name in self.classes])
        return dataclasses.replace(
            self,
            classes=tuple(classes),
            statistics=self.statistics.placed(places, len(classes)),
            kept=self.kept.placed(places),
        )

    def save(self, path: str | os.PathLike) -> None:
        """Writes a file; an old one stays until the new one is whole.

        Args:
            path: String or path, such as `"north.npz"`.
        """
        with files.replacing(path) as part:
            site_files.write(self, part)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Self:
        """Returns what `save` wrote.

        Args:
            path: String or path.

        Raises:
            OSError: if there is no such file.
            DamagedFileError: if it is damaged, or of another kind.
            ValueError: if a later version of this package wrote it.
        """
        return site_files.read(cls, path)


def check_alike(one: SiteStatistics, two: SiteStatistics) -> None:
    """Raises unless statistics are of one backbone, and of other sites.

    Args:
        one: `SiteStatistics` with samples.
        two: `SiteStatistics` with samples.

    Raises:
        ValueError: if they are not.
    """
    if one.width != two.width:
        raise ValueError(
            "Statistics of different features cannot be added. Received: "
            f"{one.width} and {two.width} features. Compute both with one "
            "backbone."
        )
    if not is_alike(one.probe, two.probe):
        raise ValueError(
            "Statistics of different backbones cannot be added. Received: "
            f"{one.width} features each, which differ for the same made-up "
            "samples. Send one file of the classifier to all sites, and "
            "compute the statistics anew where it was another."
        )
    twice = sorted({*one.sites} & {*two.sites})
    if twice:
        raise ValueError(
            "Each site must be added once, else its samples count twice. "
            f"Received: {twice} in both. Leave one of them out."
        )


def is_alike(one: np.ndarray | None, two: np.ndarray | None) -> bool:
    """Returns whether two probes are of one backbone, or one is `None`."""
    if one is None or two is None:
        return True
    if one.shape != two.shape:
        return False
    largest = max(float(np.abs(one).max(initial=0)), ROUNDING)
    return bool(np.abs(one - two).max(initial=0) <= ROUNDING * largest)


def _checked_rows(features, names):
    rows = np.asarray(features)
    if rows.ndim != 2 or rows.dtype.kind not in "biuf":
        raise ValueError(
            "`features` must be numbers of shape `(num_samples, features)`. "
            f"Received: shape {rows.shape} of {rows.dtype}. Pass what the "
            "layer below the head gives."
        )
    if isinstance(names, str) or len(names) != len(rows):
        raise ValueError(
            "`names` must have one name for each sample. Received: "
            f"{len(rows)} samples and names={names!r:.80}. Repeat the name "
            "where all samples show one class."
        )
    odd = np.flatnonzero(~np.isfinite(rows).all(-1))
    if len(odd):
        raise ValueError(
            "`features` must be finite. Received: NaN or infinity in the "
            f"samples {odd[:5].tolist()}. Leave these samples out."
        )
    return rows


def _spelled(names):
    """Returns names in the spelling in which classes compare them."""
    odd = [n for n in names if not isinstance(n, str) or not n.strip()]
    if odd:
        raise ValueError(
            "`names` must be non-empty strings. Received: "
            f"{odd[:5]} among them. Name the class of each sample."
        )
    return [unicodedata.normalize("NFC", str(name)).strip() for name in names]
