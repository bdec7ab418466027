import dataclasses
import numbers
import os
from typing import Any
from typing import Self

import keras

from keras_incremental.data.labels import check_labels
from keras_incremental.data.source import Source
from keras_incremental.data.source import as_source
from keras_incremental.memory import mixing
from keras_incremental.memory import selection as selections
from keras_incremental.memory.exemplar_store import ExemplarStore
from keras_incremental.memory.exemplars import checked_logits
from keras_incremental.memory.policies import Interleave
from keras_incremental.memory.policies import MixingPolicy
from keras_incremental.memory.replay import Replay
from keras_incremental.memory.selector import Selector
from keras_incremental.memory.selector import check_features
from keras_incremental.memory.selector import class_of_each
from keras_incremental.memory.selector import gather
from keras_incremental.memory.stored_samples import check_exists
from keras_incremental.utils import graph
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Function
from keras_incremental.utils.types import Logs
from keras_incremental.utils.types import Selection
from keras_incremental.utils.types import Tensor

CANDIDATES_PER_CLASS = 5000
# The part of a batch that `mix` replays where nothing else is said.
SHARE = 0.25


@dataclasses.dataclass(frozen=True)
class _Mixed:
    source: Source
    replay: Replay
    num_classes: int | None

    def check_labels(self, classes, width):
        """Raises if the model has no output for an exemplar or a label."""
        if width is not None and max(classes, default=0) >= width:
            raise ValueError(
                f"The memory holds class {max(classes)}, but the model has "
                f"{width} outputs. Received: memory.classes={classes}. Train "
                "the model that has these classes, or add them to it."
            )
        if self.source.whole is not None:
            check_labels(self.source.whole[1], width)


@export
class ExemplarMemory(ExemplarStore, keras.callbacks.Callback):
    """Stores a few samples of each class, and replays them in training.

    `mix` adds exemplars of old classes to every batch of new data. When `fit`
    ends, the callback selects exemplars of the new classes with the trained
    features, and removes exemplars of old classes to fit the budget. Samples
    are stored without changes, each in its own shape where they differ; images
    are stored as `uint8` if their values allow it. New samples come first in a
    batch.

    If a data set has more than 5000 samples of a class (and more than its
    quota), exemplars are selected from a random subset. An iterator is read
    into memory.

    Reference:
    - [Rebuffi et al., 2017](https://arxiv.org/abs/1611.07725)

    Args:
        budget: Int, 1 or more. Number of exemplars in total. A larger memory
            keeps old classes better. Defaults to `2000`.
        per_class: Boolean. Whether `budget` is the number of exemplars of
            each class. Defaults to `False`.
        selection: `"herding"`, `"random"`, another name of
            `memory.selection`, or a function `(features, count, seed) ->
            indices`, best first. Defaults to `"herding"`.
        share: Float in `[0, 1)`, the part of each batch that is replayed. A
            larger share protects old classes and slows down new ones; 0 only
            collects. Defaults to `None`: the recipe decides, and `mix` takes
            0.25, 16 exemplars to 48 new samples.
        augmentation: Layer or function on batches, applied to replayed
            samples and never stored. `IncrementalClassifier` then caches no
            features. Defaults to `None`.
        features: Function of a batch of samples of one shape, returns what
            selections compare, of new and stored samples. Defaults to `None`,
            the input of the model's head.
        seed: Int, 0 or more. Defaults to `0`.
        path: String or path of an SQLite file where the samples lie, so that
            only about 50 bytes of each are in memory. A missing one is made.
            A classifier is saved without a copy of it, and is loaded with
            it; see `prune`. Defaults to `None`: all of them are in memory.

    Example:

    >>> import numpy as np
    >>> from keras_incremental.callbacks.exemplar_memory import ExemplarMemory
    >>> memory = ExemplarMemory(budget=4, features=lambda x: x)
    >>> x, y = np.random.rand(20, 3), np.repeat([0, 1], 10)
    >>> memory.update(x, y)
    >>> memory.counts
    {0: 2, 1: 2}
    >>> x, y = memory.mix(np.random.rand(6, 3), np.full(6, 2))[0]
    >>> y.tolist()[:6], len(y)
    ([2, 2, 2, 2, 2, 2], 8)
    """

    def __init__(
        self,
        budget: int = 2000,
        per_class: bool = False,
        selection: str | Selection = "herding",
        share: float | None = None,
        augmentation: Function | None = None,
        features: Function | None = None,
        seed: int = 0,
        path: str | os.PathLike | None = None,
    ):
        ExemplarStore.__init__(self, budget, per_class, path)
        keras.callbacks.Callback.__init__(self)
        if share is not None and not _is_share(share):
            raise ValueError(
                "`share` must be a number in [0, 1), the part of a batch "
                f"that is replayed, or None. Received: share={share!r}."
            )
        if not isinstance(seed, numbers.Integral) or seed < 0:
            raise ValueError(
                "`seed` must be an integer of 0 or more. Received: "
                f"seed={seed!r}."
            )
        for name, value in (
            ("augmentation", augmentation),
            ("features", features),
        ):
            if value is not None and not callable(value):
                raise TypeError(
                    f"`{name}` must be a layer, a function or None. "
                    f"Received: {name}={value!r}."
                )
        self._select: Selection = selections.get(selection)
        self.selection: str | Selection = selection
        self.share: float | None = None if share is None else float(share)
        self.augmentation = augmentation
        self.features = features
        self.seed: int = int(seed)
        self._mixed: _Mixed | None = None
        self._training: Any = None

    def __bool__(self):
        # An empty memory is not the absence of a memory.
        return True

    def __repr__(self):
        kind = " per class" if self.per_class else ""
        return (
            f"<ExemplarMemory budget={self.budget}{kind}, {len(self)} "
            f"exemplars, counts={self.counts}, {self.nbytes} bytes>"
        )

    @property
    def mixing_policy(self) -> MixingPolicy | None:
        """`Interleave` with the share of this memory; `None` without one."""
        return Interleave(self.share) if self.share else None

    @property
    def is_replayed(self) -> bool:
        """Bool. Whether exemplars are replayed, not only collected."""
        return self.share != 0

    def update(
        self,
        x: Data,
        y: Tensor | None = None,
        features: Tensor | Function | None = None,
        model: keras.Model | None = None,
        label_version: int = 0,
        logits: Tensor | None = None,
        verbose: int = 0,
    ) -> None:
        """Selects exemplars of the classes in new data.

        Classes that are not in the data keep their first exemplars. A class
        that is stored already is selected anew from old and new samples.
        When this raises, the memory is as before.

        Args:
            x: Samples: arrays, a list of arrays that differ in shape, or a
                data set of `(x, y)`.
            y: Global labels, integers or one-hot, if x is an array.
            features: Array with one row for each sample, or function of a
                batch of samples. Defaults to `None`: the memory's own
                function, else the input of the head of the model.
            model: Classifier. Defaults to `None`, the one last trained.
            label_version: Int, version of the label space. Defaults to
                `0`.
            logits: Array with one row for each sample, if x is an array, that
                is kept with the exemplars for `stored_logits`. Defaults to
                `None`.
            verbose: Same as for `fit`; progress is shown where it takes long.
                Defaults to `0`.
        """
        source = as_source(x, y, varies=True, choose=self.snapshot().part_of)
        _check_logits(logits, source)
        x, y = self._candidates(source)
        model = self.model if model is None else model
        select = Selector(self._select, self.seed, source.dtype)
        select.look_at(x, [features, self.features], model)
        self.insert(x, y, select, source.dtype, label_version, logits, verbose)

    def mix(
        self,
        data: Data,
        y: Tensor | None = None,
        batch_size: int | None = None,
        num_classes: int | None = None,
        steps: int | None = None,
    ) -> Data:
        """Adds exemplars to every batch of new data.

        Args:
            data: Whatever `fit` takes, without sample weights.
            y: Global labels, if data is an array.
            batch_size: Int, new samples in a batch of arrays or of an
                iterator. Exemplars come on top. Defaults to `None`, 32.
            num_classes: Int, the labels must be below. Defaults to `None`:
                the outputs of the model that is trained.
            steps: Int, batches to read from an iterator without an end.

        Returns:
            Data of the same kind, see `keras_incremental.data.map_batches`;
            a `keras.utils.PyDataset` for arrays and for an iterator. It has
            as many batches as the new data.

        Raises:
            ValueError: if labels are missing or wrong, or if new data and
                exemplars do not fit into one batch, as those that differ in
                shape.
        """
        if steps is not None and hasattr(data, "cardinality"):
            data, steps = data.take(steps), None
        size = 32 if batch_size is None else batch_size
        held = self.snapshot()
        source = as_source(
            data, y, size, steps, "data", varies=True, choose=held.part_of
        )
        policy = Interleave(SHARE) if self.share is None else self.mixing_policy
        replay = Replay(held, policy, self.augmentation, self.seed)
        replay.num_classes = num_classes
        mixed, source = mixing.mix(data, source, replay, size, self.seed)
        self._mixed = _Mixed(source, replay, num_classes)
        return mixed

    def on_train_begin(self, logs: Logs = None) -> None:
        self._training, self._mixed = self._mixed, None
        if self._training is None:
            raise ValueError(
                "ExemplarMemory has no new data for this `fit`. Received: "
                "callbacks=[memory] without `mix`. Train with "
                "`model.fit(memory.mix(data), callbacks=[memory])`, and call "
                "`mix` for each `fit`."
            )
        if self.features is None:
            check_features(self._select, self.model)
        width = self._training.num_classes or _num_outputs(self.model)
        self._training.check_labels(self.classes, width)
        self._training.replay.restart(width)

    def on_train_end(self, logs: Logs = None) -> None:
        training, self._training = self._training, None
        self.update(training.source)

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        return {
            "budget": self.budget,
            "per_class": self.per_class,
            "selection": serialize(self.selection),
            "share": self.share,
            "augmentation": serialize(self.augmentation),
            "features": serialize(self.features),
            "seed": self.seed,
            "path": self.path,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        config = dict(config)
        check_exists(config.get("path"))
        for name in ("selection", "augmentation", "features"):
            if isinstance(config.get(name), dict):
                config[name] = keras.saving.deserialize_keras_object(
                    config[name]
                )
        return cls(**config)

    def _candidates(self, source):
        if source.whole is not None:
            x, y = source.whole
            return x, class_of_each(y)
        known = 1 if self.per_class else max(1, len(self.counts))
        limit = max(CANDIDATES_PER_CLASS, -(-self.budget // known))
        return gather(source, limit, self.seed)


def _is_share(value):
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return number and 0 <= value < 1


def _check_logits(logits, source):
    if logits is None:
        return
    if source.whole is None:
        raise ValueError(
            "`logits` go with arrays, because exemplars of a data set are "
            f"drawn from it. Received: logits with a {source.kind}. Pass x "
            "and y as arrays."
        )
    checked_logits(logits, len(source.whole[0]))


def _num_outputs(model):
    try:
        units = getattr(graph.split_head(model).head, "units", None)
    except ValueError:
        return None
    # One output decides between two classes.
    return units and max(units, 2)
