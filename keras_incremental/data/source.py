import itertools

import numpy as np

from keras_incremental.data import arrays


class Source:
    """One view of everything that `fit` takes. Made by `as_source`.

    Args:
        kind: As the attribute.
        opener: Function that begins a pass over batches.
        argument: What errors call the data by.
        steps: Int, batches of a pass. Defaults to `None`, all.
        **known: Attributes that the data set tells.

    Attributes:
        kind: `"arrays"`, `"tf.data"`, `"PyDataset"`, `"DataLoader"` or
            `"generator"`.
        class_names: List of strings, if the data set knows them, as those of
            `keras.utils.image_dataset_from_directory` do. Else `None`.
        has_labels: Whether batches contain labels; `None` if that is not
            known before the first pass.
        reiterable: Whether there can be a second pass.
        num_examples: Int or `None`.
        num_batches: Int or `None`.
        dtype: NumPy dtype of `x` as the model sees it; `None` before the
            first pass, if the data set does not say.
        whole: The arrays `(x, y)` themselves, if the data is arrays. Else
            `None`.
    """

    def __init__(self, kind, opener, argument, steps=None, **known):
        self.kind = kind
        self.class_names = known.get("class_names")
        self.has_labels = known.get("has_labels")
        self.reiterable = known.get("reiterable", True)
        self.num_examples = known.get("num_examples")
        self.num_batches = steps or known.get("num_batches")
        self.dtype = known.get("dtype")
        self.whole = known.get("whole")
        self._opener = opener
        self._argument = argument
        self._steps = steps
        self._shape = None
        self._labels = None
        self._spent = False
        self._check_steps(known.get("num_batches"))

    def batches(self):
        """One pass over the data.

        Returns:
            Iterator over NumPy arrays `(x, y)`; `y` is `None` without labels.

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
        return self._read()

    def collect(self, max_bytes=None):
        """All data of one pass, in compact storage.

        Float pictures whose values are all integers from 0 to 255 come as
        `uint8`; `x.astype(source.dtype)` is what the model sees.

        Args:
            max_bytes: Int, most bytes of `x` to hold. Defaults to `None`, no
                bound.

        Returns:
            Arrays `(x, y)`; `y` is `None` without labels.
        """
        if self.whole is not None and max_bytes is None:
            return arrays.compact(self.whole[0]), self.whole[1]
        xs, ys, size = [], [], 0
        for x, y in self.batches():
            xs.append(arrays.compact(x))
            ys.append(y)
            size += xs[-1].nbytes
            if max_bytes is not None and size > max_bytes:
                raise ValueError(
                    f"`{self._argument}` does not fit into {max_bytes} "
                    f"bytes. Received: {size} bytes after {len(xs)} "
                    "batches. Pass `steps` if the data has no end, or less "
                    "data."
                )
        x = arrays.concatenate(xs, self.dtype)
        return x, None if ys[0] is None else np.concatenate(ys)

    def _read(self):
        start = index = 0
        for index, batch in enumerate(self._take(), 1):
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
        self._check_steps(index)

    def _check_steps(self, available):
        if self._steps and available and available < self._steps:
            raise ValueError(
                f"`{self._argument}` ends after {available} batches. "
                f"Received: steps={self._steps}. Pass steps={available}, or "
                "repeat the data."
            )

    def _take(self):
        return itertools.islice(self._opener(), self._steps)

    def _parse(self, batch, index):
        where = f"{self._argument} (batch {index})"
        x, y = split_batch(batch, where)
        x = arrays.to_numpy(x, where)
        y = None if y is None else arrays.to_numpy(y, f"y of {where}")
        check_batch(x, y, where)
        if self.has_labels is None:
            self.has_labels = y is not None
        if self.has_labels != (y is not None):
            raise ValueError(
                f"All batches must have labels, or none. Received: {where} "
                f"{'with' if y is not None else 'without'} labels."
            )
        self._check_shape(x, where)
        if y is not None:
            self._check_labels(y, where)
        return x, y

    def _check_labels(self, y, where):
        form = (y.shape[1:], y.dtype.kind == "U")
        self._labels = self._labels or form
        if form != self._labels:
            raise ValueError(
                "All labels must have one form: names, numbers, or one-hot "
                f"rows of one width. Received: y of {where} with shape "
                f"{y.shape} and dtype {y.dtype}, unlike the batches before. "
                "Convert all labels to one form."
            )

    def _check_shape(self, x, where):
        if self._shape is None:
            self._shape = x.shape[1:]
        if x.shape[1:] != self._shape:
            raise ValueError(
                "All pictures must have one shape. Received: "
                f"{where} with {x.shape[1:]} after {self._shape}. Resize "
                "them to one shape."
            )
        self.dtype = np.result_type(self.dtype or x.dtype, x.dtype)


def split_batch(batch, where):
    """The pictures and the labels, or `None`, of one batch."""
    if isinstance(batch, list):
        batch = tuple(batch)
    if not isinstance(batch, tuple):
        return batch, None
    if len(batch) == 3 and batch[2] is not None:
        raise ValueError(
            "Sample weights are not supported here. Received: "
            f"{where} with (x, y, sample_weight). Give (x, y) only."
        )
    if not 1 <= len(batch) <= 3:
        raise ValueError(
            f"A batch must be x or (x, y). Received: {where} with "
            f"{len(batch)} parts. Give the pictures and their labels."
        )
    if isinstance(batch[0], tuple):
        raise TypeError(
            "A batch must have one array of inputs. Received: a tuple of "
            f"{len(batch[0])} in {where}. Join the inputs into one array."
        )
    return batch[0], batch[1] if len(batch) > 1 else None


def check_batch(x, y, where):
    if x.ndim == 0 or (y is not None and y.ndim == 0):
        raise ValueError(
            "Data must come in batches. Received: single examples in "
            f"{where}. Batch it first, for example with `dataset.batch(32)`."
        )
    if y is not None and len(x) != len(y):
        raise ValueError(
            f"There must be one label in `y` for each picture. Received: "
            f"{len(x)} pictures and {len(y)} labels in {where}. Check what "
            "was filtered or shuffled apart."
        )
