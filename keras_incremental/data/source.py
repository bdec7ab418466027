import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_incremental.data import arrays
from keras_incremental.data import batch_checks
from keras_incremental.data.adapter import Adapter
from keras_incremental.data.adapters import ArraysAdapter
from keras_incremental.data.adapters import adapter_of
from keras_incremental.data.arrays import class_names
from keras_incremental.data.class_sample import ClassSample
from keras_incremental.data.collecting import Collector
from keras_incremental.data.endless import read_to_the_end
from keras_incremental.utils.long_progress import LongProgress
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Function
from keras_incremental.utils.types import Tensor

# Of data that does not say how long it is: 32 GiB.
MAX_BYTES = 2**35


class Source:
    """Uniform view of data that `fit` takes. Made by `as_source`.

    Args:
        adapter: `Adapter` of the data.
        argument: What errors call the data by.
        steps: Int, batches of a pass. Defaults to `None`, all.
        has_labels: As the attribute.
        whole: As the attribute.
        lists: Bool. Whether a list has the parts of samples. Defaults to
            `False`.
        varies: Bool. Whether samples may differ in shape. Defaults to
            `False`.
        choose: See `as_source`. Defaults to `None`.

    Attributes:
        kind: `"arrays"`, `"tf.data"`, `"PyDataset"`, `"DataLoader"`,
            `"Grain"`, `"list"`, `"generator"` or `"generator function"`.
        class_names: List of strings, if the data set knows them, as those of
            `keras.utils.image_dataset_from_directory` do, or if labels are a
            table with named columns. Else `None`.
        has_labels: Whether batches contain labels; `None` if that is not
            known before the first pass.
        reiterable: Whether there can be a second pass.
        goes_on: Whether `passes` has no end.
        num_batches: Int or `None`.
        dtype: NumPy dtype of `x` as the model sees it; `None` before the
            first pass, if the data is not arrays.
        whole: The arrays `(x, y)` themselves, if the data is arrays. Else
            `None`.
    """

    def __init__(
        self,
        adapter: Adapter,
        argument: str,
        steps: int | None = None,
        has_labels: bool | None = None,
        whole: tuple | None = None,
        lists: bool = False,
        varies: bool = False,
        choose: Function | None = None,
    ):
        self.kind = adapter.kind
        self.class_names = adapter.class_names
        self.reiterable = adapter.reiterable
        self.goes_on = adapter.goes_on
        endless = adapter.num_batches == math.inf
        self.num_batches = steps if endless else steps or adapter.num_batches
        self.whole: Any = whole
        self._adapter = adapter
        self._argument = argument
        self._steps = steps
        self._lists = lists
        self._choose = choose
        dtype = None if whole is None else whole[0].dtype
        self._form = batch_checks.BatchForm(has_labels, varies, dtype)
        self._spent = False
        batch_checks.check_steps(steps, adapter.num_batches, argument)

    @property
    def has_labels(self) -> bool | None:
        return self._form.has_labels

    @property
    def dtype(self) -> Any:
        return self._form.dtype

    def batches(self) -> Iterator[tuple]:
        """Returns an iterator of one pass over the data.

        Returns:
            Iterator over NumPy arrays `(x, y)`; `y` is `None` without labels.
            Where samples of a batch differ in shape, `x` is `VaryingSamples`.

        Raises:
            ValueError: if the data cannot be read again, ends early, is
                empty, or if its batches do not fit together.
        """
        if self._spent and not self.reiterable:
            raise ValueError(
                f"`{self._argument}` is an iterator that has been read, and "
                f"cannot be read twice. Received: {self.kind}. Pass arrays, "
                "a `tf.data.Dataset` or a `keras.utils.PyDataset`."
            )
        self._spent = True
        batches = itertools.islice(self._adapter.batches(), self._steps)
        return self._read(batches, self._steps)

    def passes(self) -> Iterator[tuple]:
        """Returns an iterator over one pass, or over pass after pass.

        It goes on where that lets what is random be drawn anew, and where the
        data has no end.
        """
        return self._read(self._adapter.passes(self._steps))

    def second_pass(self, count: int) -> Iterator[tuple]:
        """Returns an iterator over some batches, drawn as a second pass is.

        Args:
            count: Int, how many batches, where a pass has so many.
        """
        return self._read(self._adapter.second_pass(self._steps, count))

    def all_batches(self) -> Iterator[tuple]:
        """Returns `batches()` for what returns nothing before their end.

        Data of unknown length with very many batches is warned of.
        """
        if self.num_batches is not None:
            return self.batches()
        return read_to_the_end(self.batches(), self._argument)

    def collect(self, max_bytes: int | None = None, verbose: int = 0) -> tuple:
        """Returns all data of one pass, in compact storage.

        Float samples whose values are all integers from 0 to 255 come as
        `uint8`; `x.astype(source.dtype)` is what the model sees. Beyond 128
        MiB, samples lie in a temporary file.

        Args:
            max_bytes: Int, most bytes of `x` to hold. Defaults to `None`: 32
                GiB of data of unknown length, else no bound.
            verbose: Same as for `fit`; progress is shown where it takes long.
                Defaults to `0`.

        Returns:
            Arrays `(x, y)`; `y` is `None` without labels.
        """
        if max_bytes is None:
            if self.whole is not None:
                return arrays.compact(self.whole[0]), self.whole[1]
            max_bytes = MAX_BYTES if self.num_batches is None else math.inf
        samples, ys = Collector(), []
        for x, y in self._shown(verbose):
            samples.add(x, self.dtype)
            ys.append(y)
            if samples.nbytes > max_bytes:
                raise ValueError(
                    f"`{self._argument}` does not fit into {max_bytes} "
                    f"bytes. Received: {samples.nbytes} bytes after "
                    f"{len(ys)} batches. Pass `steps` if the data has no "
                    "end, or less data."
                )
        x = samples.array(self.dtype)
        return x, None if ys[0] is None else np.concatenate(ys)

    def sample(self, part: ClassSample, verbose: int = 0) -> tuple:
        """Returns a part of the samples of one pass, and all labels.

        Args:
            part: `ClassSample`, which keeps it.
            verbose: Same as for `collect`. Defaults to `0`.

        Returns:
            Arrays `(x, y)`; `y` is `None` without labels.
        """
        ys = []
        for x, y in self._shown(verbose):
            part.add(x, y)
            ys.append(y)
        x = part.array(self.dtype)
        return x, None if ys[0] is None else np.concatenate(ys)

    def _shown(self, verbose):
        """Yields all batches, and shows how far it is."""
        name = f"reading `{self._argument}`"
        progress = LongProgress(name, self.num_batches, verbose, "batch")
        for batch in self.all_batches():
            progress.add()
            yield batch

    def _read(self, batches, steps=None):
        start = index = 0
        for index, batch in enumerate(batches, 1):
            x, y = self._parse(batch, index - 1)
            arrays.check_finite(x, self._argument, start)
            start += len(x)
            yield x, y
        if start == 0:
            raise ValueError(
                f"`{self._argument}` is empty. Received: {self.kind} with "
                f"{index} batches. Check the path or the filter it is made "
                "with; make an iterator anew if it has been read."
            )
        if steps is not None:
            batch_checks.check_steps(steps, index, self._argument)

    def _parse(self, batch, index):
        where = f"{self._argument} (batch {index})"
        x, y = batch_checks.split_batch(batch, where)
        x = x if self._choose is None else self._choose(x)
        x = arrays.samples_to_numpy(x, where, self._lists, self._form.varies)
        y = (
            None
            if y is None
            else batch_checks.labels_to_numpy(y, f"y of {where}")
        )
        batch_checks.check_batch(x, y, where)
        self._form.check(x, y, where)
        return x, y


def as_source(
    x: Data,
    y: Tensor | None = None,
    batch_size: int = 32,
    steps: int | None = None,
    argument: str = "x",
    lists: bool = False,
    varies: bool = False,
    choose: Function | None = None,
) -> Source:
    """Returns a view of data that reads it as NumPy batches.

    Args:
        x: Array or tensor, tuple of arrays `(x, y)`, `tf.data.Dataset`,
            `keras.utils.PyDataset`, torch `DataLoader`, Grain data set or
            loader, or an iterator or list of batches, or function that
            returns an iterator. Batches are `(x, y)`, `x`, or dicts with a
            key `"label"`. Samples of several parts come as a dict or
            tuple of arrays, and are read as an array of records.
        y: Labels, only if `x` is an array. Defaults to `None`.
        batch_size: Int, rows in a batch of arrays. Defaults to `32`.
        steps: Int, batches in a pass. Needed where the data has no end.
            Defaults to `None`, all.
        argument: Name of `x` in the messages. Defaults to `"x"`.
        lists: Bool. Whether a list has the parts of samples, and not one
            sample in each item. Defaults to `False`.
        varies: Bool. Whether samples of one part, all of one rank, may
            differ in shape. They are `VaryingSamples` then, which are indexed
            as an array is. Defaults to `False`.
        choose: Function of the samples of a batch, or of their specs, returns
            the parts to read. Defaults to `None`, all.

    Returns:
        A `Source`.

    Raises:
        TypeError: if `x` is of another type.
        ValueError: if it can be seen without reading that the data is
            empty, endless, unbatched, weighted, or does not fit together.

    Example:

    >>> import numpy as np
    >>> from keras_incremental.data import as_source
    >>> source = as_source(np.zeros((5, 2)), np.arange(5), batch_size=4)
    >>> [len(x) for x, y in source.batches()]
    [4, 1]
    """
    if isinstance(x, Source):
        return x
    if steps is not None:
        batch_checks.check_count("steps", steps)
    adapter = adapter_of(x)
    if isinstance(adapter, ArraysAdapter):
        arrays.check_known(x, argument)
        if isinstance(x, (tuple, dict)) and y is None:
            x, y = batch_checks.split_batch(x, argument)
        x = x if choose is None else choose(x)
        return _from_arrays(x, y, batch_size, steps, argument, lists, varies)
    if y is not None:
        raise ValueError(
            f"`y` must not be passed when `{argument}` is a data set that "
            f"yields (x, y). Received: {type(x).__name__} and y of type "
            f"{type(y).__name__}. Drop `y`."
        )
    batch_checks.check_length(adapter, steps, argument)
    has_labels = None
    if adapter.element_spec is not None:
        x, y = batch_checks.split_batch(adapter.element_spec, f"`{argument}`")
        x = x if choose is None else choose(x)
        batch_checks.check_specs(x, y, argument)
        has_labels = y is not None
    return Source(
        adapter, argument, steps, has_labels, None, lists, varies, choose
    )


def checked_source(
    x: Any, y: Any, batch_size: int = 32, dtype: Any = None
) -> Source:
    """Returns a view of arrays that another `Source` has read and checked.

    Args:
        x: Array of samples.
        y: Array of labels, or `None`.
        batch_size: Int. Defaults to `32`.
        dtype: NumPy dtype of `x` as the model sees it. Defaults to `None`,
            that of the array.
    """
    adapter = ArraysAdapter((x, y), batch_size)
    has_labels = y is not None
    source = Source(adapter, "x", None, has_labels, (x, y), varies=True)
    if dtype is not None:
        source._form.dtype = dtype
    return source


def _from_arrays(x, y, batch_size, steps, argument, lists, varies):
    names = class_names(y)
    x = arrays.samples_to_numpy(x, argument, lists, varies)
    y = None if y is None else batch_checks.labels_to_numpy(y, "y")
    batch_checks.check_batch(x, y, f"`{argument}`")
    if len(x) == 0:
        raise ValueError(
            f"`{argument}` is empty. Received: {argument}.shape={x.shape}. "
            "Check the path or the filter it is made with."
        )
    batch_checks.check_count("batch_size", batch_size)
    adapter = ArraysAdapter((x, y), batch_size, names)
    read = slice(None if steps is None else steps * batch_size)
    x, y = x[read], None if y is None else y[read]
    for i in range(0, len(x), 256):
        arrays.check_finite(x[i : i + 256], argument, i)
    return Source(
        adapter, argument, steps, y is not None, (x, y), varies=varies
    )
