import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.callbacks.weight_protection import check_data
from keras_incremental.data.labels import check_class_names
from keras_incremental.data.labels import check_labels
from keras_incremental.data.source import as_source
from keras_incremental.statistics import SiteStatistics
from keras_incremental.statistics.kept_rows import digests
from keras_incremental.statistics.site_statistics import KEPT
from keras_incremental.utils import devices
from keras_incremental.utils import graph
from keras_incremental.utils import records
from keras_incremental.utils.export import export
from keras_incremental.utils.probes import probe_of
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Logs

BATCH_SIZE = 128


@export
class KeepStatistics(PhaseCallback):
    """Keeps statistics of the training data when the `fit` of a model ends.

    A classifier that is to learn new classes later needs to know where its old
    ones lie: the mean feature of each class and one covariance, in the features
    that its head reads. Where the data will be gone by then, this callback
    keeps them, of any Keras model and by its final weights, and
    `IncrementalClassifier.remember` takes the statistics or their file in the
    place of samples. They hold as long as the layers below the head do not
    train.

    Keras shows no data to callbacks, so it is given. The layers below the head
    run once more over it, in inference mode. The data is cleared when the
    `fit` ends. What `IncrementalClassifier` learns by `learn` it remembers
    without this callback.

    Args:
        classes: List of strings, the names of the classes in the order of
            their integer labels.
        data: Tuple `(inputs, labels)` with integer labels, or a data set of
            such batches that can be read again. It may also be set as an
            attribute before `fit`. Defaults to `None`.
        path: String or path of a file to write, such as `"old.npz"`. Defaults
            to `None`, no file is written.
        samples_per_class: Int, 0 or more: of how many samples of a class the
            features are kept, by which it is known how its samples vary. With
            0 no feature of a sample is. Defaults to `50`.

    Attributes:
        statistics: `keras_incremental.statistics.SiteStatistics` after `fit`.

    Raises:
        ValueError: when `fit` begins without `data`, or where the model does
            not end in a head that reads one feature vector of each sample;
            when it ends, if labels or features do not fit.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> from keras_incremental import IncrementalClassifier
    >>> x, y = np.eye(4, dtype="float32"), np.array([0, 0, 1, 1])
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> model.compile("adam", loss)
    >>> keep = KeepStatistics(["cat", "dog"], data=(x, y))
    >>> history = model.fit(x, y, verbose=0, callbacks=[keep])
    >>> clf = IncrementalClassifier(model, ["cat", "dog"])
    >>> clf.remember(keep.statistics)
    >>> len(clf.statistics)
    4
    """

    def __init__(
        self,
        classes: Sequence[str],
        data: Data | None = None,
        path: str | os.PathLike | None = None,
        samples_per_class: int = KEPT,
    ):
        super().__init__()
        self.classes = check_class_names(classes)
        self.data: Any = data
        self.path = path
        self.samples_per_class = samples_per_class
        self.statistics: SiteStatistics | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        check_data(self)
        features = graph.split_head(self.model).features
        if len(features.output_shape) != 2:
            raise ValueError(
                "KeepStatistics takes a model whose head reads one vector of "
                f"each sample. Received: features {features.output_shape} of "
                f"model '{self.model.name}'. Leave out the callback."
            )
        if isinstance(self.data, tuple):
            # Before a long training, not after it.
            self._checked(self.data[1])

    def on_train_end(self, logs: Logs = None) -> None:
        data, self.data = self.data, None
        x, y = data if isinstance(data, tuple) else (data, None)
        features = graph.split_head(self.model).features
        found, probe = SiteStatistics(), probe_of(features)[1]
        source = as_source(x, y, BATCH_SIZE, None, "data")
        for samples, labels in source.all_batches():
            found = found + self._of(features, samples, labels, probe)
        self.statistics = found
        if self.path is not None:
            found.save(self.path)

    def _of(self, features, samples, labels, probe):
        labels = self._checked(labels)
        rows = devices.predict_on_batch(features, records.readable(samples))
        return SiteStatistics.of(
            keras.ops.convert_to_numpy(rows),
            np.asarray(self.classes)[labels].tolist(),
            digests(samples),
            samples_per_class=self.samples_per_class,
            probe=probe,
        )

    def _checked(self, labels):
        return check_labels(
            labels, len(self.classes), self.classes, "data", sparse=True
        )

    def get_config(self) -> Config:
        return {
            "classes": list(self.classes),
            "path": None if self.path is None else os.fspath(self.path),
            "samples_per_class": self.samples_per_class,
        }
