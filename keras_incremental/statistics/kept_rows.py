"""Features of some samples of each class, the same in whatever order."""

import dataclasses
import hashlib
from typing import Any
from typing import Self

import numpy as np
from numpy.typing import ArrayLike


@dataclasses.dataclass(frozen=True)
class KeptRows:
    """The samples of the smallest keys of each class.

    A key is a digest, so these are drawn at random; and the smallest of two
    parts have the smallest of both among them, so that parts may be joined in
    any order.

    Args:
        features: Float32 of shape `(num_rows, features)`, sorted by class and
            key. Defaults to `None`.
        labels: Ints of shape `(num_rows,)`. Defaults to `()`.
        keys: Ints of 64 bits of shape `(num_rows,)`. Defaults to `()`.
        most: Int, 0 or more: how many rows of a class there are at most.
            Defaults to `0`.
    """

    features: Any = None
    labels: np.ndarray = dataclasses.field(
        default_factory=lambda: np.zeros(0, int)
    )
    keys: np.ndarray = dataclasses.field(
        default_factory=lambda: np.zeros(0, "uint64")
    )
    most: int = 0

    @classmethod
    def of(
        cls,
        features: np.ndarray,
        labels: np.ndarray,
        keys: ArrayLike | None,
        most: int,
    ) -> Self:
        """Returns the rows to keep of samples.

        Args:
            features: Array of shape `(num_samples, features)`.
            labels: Ints of shape `(num_samples,)`.
            keys: See `KeptRows`, or `None` for digests of the features.
            most: See `KeptRows`.

        Raises:
            ValueError: if there is not one key for each, or `most` is no int.
        """
        is_whole = isinstance(most, (int, np.integer))
        if not is_whole or isinstance(most, bool) or most < 0:
            raise ValueError(
                "`samples_per_class` must be an int of 0 or more. Received: "
                f"samples_per_class={most!r}."
            )
        features = np.asarray(features, "float32")
        keys = digests(features) if keys is None else np.asarray(keys, "uint64")
        if keys.shape != (len(features),):
            raise ValueError(
                "`keys` must be one int for each sample. Received: shape "
                f"{keys.shape} for {len(features)} samples."
            )
        return cls(features, labels, keys, int(most))._smallest()

    def __len__(self) -> int:
        return len(self.labels)

    def __add__(self, other: Self) -> Self:
        """Returns the rows to keep of both, of classes with the same labels.

        Where one of them keeps fewer of a class, so does the sum: else the
        samples of one part would be drawn more often.
        """
        joined = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("features", "labels", "keys")
        }
        most = min(self.most, other.most)
        return dataclasses.replace(self, **joined, most=most)._smallest()

    def placed(self, places: np.ndarray) -> Self:
        """Returns the same rows with other labels.

        Args:
            places: Ints of shape `(num_classes,)`, the new label of each.
        """
        return dataclasses.replace(self, labels=places[self.labels])

    def _smallest(self):
        order = np.lexsort((self.keys, self.labels))
        labels = self.labels[order]
        # How many rows of the same class come before.
        rank = np.arange(len(labels)) - np.searchsorted(labels, labels)
        kept = order[rank < self.most]
        return dataclasses.replace(
            self,
            features=self.features[kept],
            labels=self.labels[kept],
            keys=self.keys[kept],
        )


def digests(samples: np.ndarray) -> np.ndarray:
    """Returns a digest of 64 bits of each sample, of shape `(num_samples,)`.

    It is one of values: batches of the same samples may be stored in other
    dtypes.

    Args:
        samples: Array of shape `(num_samples, ...)`, of numbers, strings or
            records.
    """
    found = [
        hashlib.blake2b(_content(np.asarray(sample)), digest_size=8).digest()
        for sample in samples
    ]
    return np.frombuffer(b"".join(found), "<u8").astype("uint64")


def _content(sample):
    names = sample.dtype.names
    if names is not None:
        return b"".join(_content(np.asarray(sample[name])) for name in names)
    if sample.dtype.kind in "biuf":
        # Adding 0 makes one number of both zeros.
        return (sample.astype("float64") + 0.0).tobytes()
    return repr(sample.tolist()).encode()
