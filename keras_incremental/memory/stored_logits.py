"""Logits beside exemplars: as wide as the head was, filled up with NaN."""

from collections.abc import Sequence

import numpy as np

from keras_incremental.data import arrays


def checked(logits: np.ndarray | None, size: int) -> np.ndarray | None:
    """Logits of new samples as float32, or `None` if there are none."""
    if logits is None:
        return None
    logits = arrays.to_numpy(logits, "logits")
    if (
        logits.ndim != 2
        or len(logits) != size
        or logits.dtype.kind not in "fiu"
    ):
        raise ValueError(
            "`logits` must have one row of numbers for each sample. "
            f"Received: logits of shape {logits.shape} and {logits.dtype} "
            f"for {size} samples. Give what the model's head returns for `x`."
        )
    arrays.check_finite(logits, "logits")
    return logits.astype("float32")


def widened(logits: np.ndarray | None, size: int, width: int) -> np.ndarray:
    """The logits of `size` rows in `width` columns, NaN where unknown."""
    wide = np.full((size, width), np.nan, "float32")
    if logits is not None:
        wide[:, : logits.shape[1]] = logits
    return wide


def join(
    parts: Sequence[np.ndarray | None], sizes: Sequence[int]
) -> np.ndarray | None:
    """Logits of several parts below each other, `None` if none has any."""
    widths = [part.shape[1] for part in parts if part is not None]
    if not widths:
        return None
    pairs = zip(parts, sizes, strict=True)
    return np.concatenate([widened(p, n, max(widths)) for p, n in pairs])
