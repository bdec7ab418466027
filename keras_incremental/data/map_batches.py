import keras
import numpy as np

from keras_incremental.data.adapters import PyDatasetAdapter
from keras_incremental.data.adapters import adapter_of
from keras_incremental.data.labeled_dicts import LABELS
from keras_incremental.data.labeled_dicts import is_labeled
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Function
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor


def map_batches(
    data: Data, function: Function, spec: Function | None = None
) -> Data:
    """Applies a NumPy function to the batches of data of any kind.

    The function runs on the host, each time that a batch is drawn, in the
    process of the caller and one batch at a time, except where a `PyDataset`
    has workers. So data that is random in each epoch stays so.

    Args:
        data: Whatever `fit` takes: `tf.data.Dataset`,
            `keras.utils.PyDataset`, torch `DataLoader`, Grain `MapDataset`,
            `IterDataset` or `DataLoader`, or iterator, of batches `x`,
            `(x, y)` or `(x, y, sample_weight)`, or of dicts with a key
            `"label"`; or such a tuple of arrays, which is one batch. `x` may
            be a structure of arrays.
        function: Function of `(x, y, sample_weight)`, returns such a tuple.
            Tensors come as NumPy arrays, strings of `tf.data` as bytes, and
            what is missing as `None`.
        spec: Function of `(x, y, sample_weight)`, the specs of a
            `tf.data.Dataset`, which returns those of what `function`
            returns. Not called for data of other kinds. Defaults to `None`:
            shapes and dtypes stay the same.

    Returns:
        Data of the same kind: an `IterDataset` for Grain, a generator for an
        iterator, a tuple for arrays. Class names stay with it.

    Example:

    >>> import numpy as np
    >>> from keras_incremental.data import map_batches
    >>> def double(x, y, sample_weight):
    ...     return 2 * x, y, sample_weight
    >>> batches = iter([(np.ones(2), np.zeros(2)), (np.ones(1), np.zeros(1))])
    >>> [x.tolist() for x, y in map_batches(batches, double)]
    [[2.0, 2.0], [2.0]]
    """

    def apply(batch):
        parts = keras.tree.map_structure(_to_numpy, unpack(batch))
        return _pack(function(*parts), batch)

    def apply_to_spec(given):
        return _pack(spec(*unpack(given)), given)

    return adapter_of(data).map(apply, spec and apply_to_spec)


def unpack(batch: Structure, where: str = "a batch") -> tuple:
    """Returns `(x, y, sample_weight)`, with `None` for what is missing.

    A dict with a key `"label"`, as those of TensorFlow Datasets, has its
    labels there. What is left of it is `x`; one part alone is an array.
    """
    if is_labeled(batch):
        return _unpack_dict(batch)
    if isinstance(batch, (tuple, list)) and not 1 <= len(batch) <= 3:
        raise ValueError(
            "A batch must be x, (x, y) or (x, y, sample_weight). Received: "
            f"{where} with {len(batch)} parts. Give the samples and their "
            "labels."
        )
    return keras.utils.unpack_x_y_sample_weight(batch)


def _unpack_dict(batch):
    x = {name: part for name, part in batch.items() if name not in LABELS}
    y = next(batch[name] for name in batch if name in LABELS)
    return (next(iter(x.values())) if len(x) == 1 else x), y, None


def require_labels(y: Tensor | None, caller: str) -> None:
    """Raises a `ValueError` if there are no labels."""
    if y is None:
        raise ValueError(
            f"`{caller}` needs labels beside the inputs. Received: x alone. "
            "Add the labels: give `(x, y)`, or data that yields it."
        )


def refuse_processes(data: Data, reason: str) -> None:
    """Raises a `ValueError` for a `PyDataset` that reads in processes."""
    if PyDatasetAdapter.matches(data) and data.use_multiprocessing:
        raise ValueError(
            f"A `PyDataset` in several processes {reason}. Received: "
            "use_multiprocessing=True. Use threads: "
            "`use_multiprocessing=False`, `workers` as it is."
        )


def _pack(parts, like):
    packed = keras.utils.pack_x_y_sample_weight(*parts)
    # A dict with labels was a tuple of parts, and does not become samples.
    had_parts = isinstance(like, (tuple, list)) or is_labeled(like)
    return (packed,) if had_parts and not isinstance(packed, tuple) else packed


def _to_numpy(tensor):
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu()
    return np.asarray(tensor) if hasattr(tensor, "__array__") else tensor
