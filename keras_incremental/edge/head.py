"""A head as statistics, in one small file."""

import dataclasses
import os
import zipfile
from collections.abc import Iterable
from typing import Self

import numpy as np

from keras_incremental.errors import DamagedFileError
from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.statistics.row_statistics import RowStatistics
from keras_incremental.statistics.row_statistics import turned
from keras_incremental.statistics.solved_columns import LeftOut
from keras_incremental.statistics.solved_columns import LinearColumns
from keras_incremental.statistics.solved_columns import TurnedColumns
from keras_incremental.statistics.solved_columns import solve_columns
from keras_incremental.statistics.solved_columns import weighted
from keras_incremental.utils import archives
from keras_incremental.utils import files

FORMAT = 2
# Of files with weights of classes, which earlier versions would not know.
WEIGHTED = 3
# Samples of a class whose features are kept, for the temperature.
KEPT = 50
# Rows of new samples, as a share of the features, that make a learned sample
# several times as expensive as in the first call.
LAG = 1 / 16


@dataclasses.dataclass(frozen=True)
class Head:
    """What a device knows of its classes.

    Attributes:
        classes: Tuple of strings.
        columns: `LinearColumns` or `TurnedColumns` that predict now.
        activation: String, `"softmax"`, `"log_softmax"` or `""`.
        basis: Array of shape `(features, features)`, orthonormal.
        statistics: `RowStatistics` of all that was seen, of features along
            the basis.
        learned: `RowStatistics` of what this device has learned.
        features: Array of shape `(samples, features)`, of the first 50
            samples of each class that this device has learned.
        labels: Ints of shape `(samples,)`, their classes.
        class_weight: Dict of names and weights above 0; others have 1.
    """

    classes: tuple[str, ...]
    columns: LinearColumns | TurnedColumns
    activation: str
    basis: np.ndarray
    statistics: RowStatistics
    learned: RowStatistics
    features: np.ndarray
    labels: np.ndarray
    class_weight: dict[str, float] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(
        cls,
        classes: tuple[str, ...],
        columns: LinearColumns,
        activation: str,
        statistics: FeatureStatistics,
        class_weight: dict[str, float] | None = None,
    ) -> Self:
        """Returns the head of a device that has learned nothing yet.

        Args:
            classes: See `Head`, as are `columns` and `activation`.
            columns: `LinearColumns`.
            activation: String.
            statistics: `FeatureStatistics` of all that was seen.
            class_weight: Dict of names and weights. Defaults to `None`, all 1.
        """
        return cls(
            classes,
            columns,
            activation,
            *turned(statistics),
            RowStatistics(),
            np.zeros((0, len(columns.kernel)), "float32"),
            np.zeros(0, int),
            dict(class_weight or {}),
        )

    @property
    def input_dim(self) -> int:
        """Int. The number of features."""
        return len(self.basis)

    def outputs(self, features: np.ndarray) -> np.ndarray:
        """Returns what the classifier gives: probabilities, or logits."""
        logits = self.columns.scores(features).astype("float32")
        if not self.activation:
            return logits
        logits -= logits.max(-1, keepdims=True)
        total = np.exp(logits).sum(-1, keepdims=True)
        if self.activation == "softmax":
            return np.exp(logits) / total
        return logits - np.log(total)

    def along_basis(self, features: np.ndarray) -> np.ndarray:
        """Returns features as the statistics read them."""
        return features.astype("float64") @ self.basis

    def renewed(self, most: float) -> Self:
        """Returns the same head with statistics along their own basis.

        It takes an eigendecomposition, after which later samples are learned
        fastest.

        Args:
            most: Float. With this `lag` or less, nothing is done.
        """
        if self.statistics.lag <= most:
            return self
        change, statistics = turned(self.statistics.matrix())
        return dataclasses.replace(
            self, basis=self.basis @ change, statistics=statistics
        )

    def with_samples(
        self,
        features: np.ndarray,
        along: np.ndarray,
        labels: np.ndarray,
        names: Iterable[str],
    ) -> Self:
        """Returns the head that has seen samples, its columns as they are.

        Args:
            features: Array of shape `(samples, features)`.
            along: The same, along the basis.
            labels: Ints of shape `(samples,)`, that index the new `classes`.
            names: Names of new classes.
        """
        all_features = np.concatenate([self.features, features])
        all_labels = np.concatenate([self.labels, labels])
        rows = [np.flatnonzero(all_labels == k)[:KEPT] for k in set(all_labels)]
        kept = np.sort(np.concatenate([np.zeros(0, int), *rows]))
        return dataclasses.replace(
            self,
            classes=(*self.classes, *names),
            statistics=self.statistics.updated(along, labels),
            learned=self.learned.updated(features, labels),
            features=all_features[kept],
            labels=all_labels[kept],
        )

    def solved(
        self, along: np.ndarray, labels: np.ndarray
    ) -> tuple[TurnedColumns, LeftOut]:
        """Returns what `solve_columns` does, its columns turned back.

        Args:
            along: Array of shape `(samples, features)`, samples along the
                basis that the head has seen.
            labels: Ints of shape `(samples,)`.
        """
        columns, left_out = solve_columns(self.statistics, along, labels)
        columns = weighted(columns, self.weights)
        return TurnedColumns(self.basis, columns), left_out

    @property
    def weights(self) -> np.ndarray:
        """Array of shape `(classes,)`, how much each class counts."""
        return np.array([self.class_weight.get(n, 1.0) for n in self.classes])

    def along_columns(self) -> LinearColumns:
        """Returns the columns that predict now, of features along the basis."""
        return LinearColumns(
            self.basis.T @ self.columns.kernel, self.columns.bias
        )

    def without(self, index: int) -> Self:
        """Returns the head without one of its classes."""
        others = np.delete(np.arange(len(self.classes)), index)
        kept = self.labels != index
        labels = self.labels[kept]
        return dataclasses.replace(
            self,
            classes=tuple(self.classes[k] for k in others),
            columns=LinearColumns(
                self.columns.kernel[:, others], self.columns.bias[others]
            ),
            statistics=_only(self.statistics, index, others),
            learned=_only(self.learned, index, others),
            features=self.features[kept],
            labels=labels - (labels > index),
        )

    def save(self, path: str | os.PathLike) -> None:
        """Writes the file; an old one stays until the new one is whole.

        Where many samples were learned since the last eigendecomposition it
        takes one, so that those to come are learned fast.
        """
        head = self.renewed(LAG / 2)
        arrays = {
            "format": np.asarray(WEIGHTED if self.class_weight else FORMAT),
            "classes": np.asarray(self.classes),
            "activation": np.asarray(self.activation),
            "kernel": self.columns.kernel.astype("float32"),
            "bias": self.columns.bias.astype("float32"),
            "features": self.features.astype("float32"),
            "labels": self.labels,
            "basis": head.basis,
        }
        if self.class_weight:
            names, weights = zip(*self.class_weight.items(), strict=True)
            arrays["weighted"] = np.asarray(names)
            arrays["class_weight"] = np.asarray(weights)
        head.statistics.mixed().save_to(arrays)
        self.learned.mixed().save_to(arrays, "learned_")
        with files.replacing(path) as part:
            with open(part, "wb") as file:
                np.savez(file, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Self:
        """Reads what `save` wrote.

        Raises:
            OSError: if there is no such file.
            DamagedFileError: if it is damaged, or of another kind.
        """
        with open(path, "rb") as file:
            try:
                with zipfile.ZipFile(file) as archive:
                    archives.check_sizes(archive, file)
                    archives.check_checksums(archive)
                    return cls._from(archives.read_arrays(archive))
            except archives.DAMAGES as error:
                raise DamagedFileError(path, "head", error) from error

    @classmethod
    def _from(cls, arrays):
        found = archives.check_whole(
            "format", arrays["format"].item(), FORMAT, WEIGHTED
        )
        head = cls(
            tuple(arrays["classes"].tolist()),
            LinearColumns(arrays["kernel"], arrays["bias"]),
            str(arrays["activation"]),
            arrays["basis"],
            RowStatistics.load_from(arrays),
            RowStatistics.load_from(arrays, "learned_"),
            arrays["features"],
            arrays["labels"],
            _class_weight(arrays) if found == WEIGHTED else {},
        )
        _check_names(head)
        _check_numbers(head)
        size, units = head.input_dim, len(head.classes)
        shapes = {
            "kernel": (head.columns.kernel.shape, (size, units)),
            "bias": (head.columns.bias.shape, (units,)),
            "basis": (head.basis.shape, (size, size)),
            "means": (head.statistics.means.shape, (units, size)),
            "diagonal": (head.statistics.diagonal.shape, (size,)),
            "scatter": (head.statistics.scatter.shape[1:], (size,)),
            "features": (head.features.shape, (len(head.labels), size)),
        }
        if len(head.learned):
            known = (len(head.learned.counts), size)
            shapes["learned means"] = (head.learned.means.shape, known)
            shapes["learned scatter"] = (
                head.learned.scatter.shape[1:],
                (size,),
            )
            shapes["learned diagonal"] = (
                head.learned.diagonal.shape,
                (size,),
            )
        odd = {k: found for k, (found, fits) in shapes.items() if found != fits}
        if odd:
            raise ValueError(f"{odd} for {units} classes, {size} features")
        return head


def _class_weight(arrays):
    names, weights = arrays["weighted"], arrays["class_weight"]
    fits = (
        names.dtype.kind == "U"
        and weights.dtype.kind == "f"
        and names.ndim == 1
        and names.shape == weights.shape
    )
    if not fits or not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError(
            f"`class_weight` is {weights!r:.200} of {names!r:.200}"
        )
    return dict(zip(names.tolist(), weights.tolist(), strict=True))


def _check_names(head):
    names = head.classes
    if {type(n) for n in names} != {str} or len(set(names)) < len(names):
        raise ValueError(f"classes {names}")
    if head.activation not in ("", "softmax", "log_softmax"):
        raise ValueError(f"activation {head.activation!r}")


def _check_numbers(head):
    """Raises if an array of a head has values that it cannot have."""
    whole = {
        "labels": (head.labels, len(head.classes)),
        "counts": (head.statistics.counts, 2**62),
        "learned_counts": (head.learned.counts, 2**62),
    }
    for name, (array, most) in whole.items():
        of_ints = array.ndim == 1 and array.dtype.kind in "iu"
        if not of_ints or (array < 0).any() or (array >= most).any():
            raise ValueError(f"`{name}` is {array!r:.200}")
    real = {"features": head.features, "basis": head.basis}
    real.update(kernel=head.columns.kernel, bias=head.columns.bias)
    for kind in (head.statistics, head.learned):
        parts = {n: getattr(kind, n) for n in kind.ARRAYS[1:]}
        real.update({f"{n} {id(kind)}": v for n, v in parts.items()})
    for name, array in real.items():
        if array is None:
            continue
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise ValueError(f"`{name.split()[0]}` is not finite")


def _only(statistics, index, others):
    """Returns statistics without a class, the others renumbered."""
    known = others[others < len(statistics.counts)]
    if index >= len(statistics.counts):
        return statistics
    left = statistics.without([index])
    return left.only(known) if len(left) else RowStatistics()
