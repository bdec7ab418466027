"""Changes of a classifier: atomic, by one thread, and if a gate accepts."""

import collections
import contextlib
import copy
import dataclasses
import functools
import math
import numbers
import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import ParamSpec
from typing import TypeVar

import keras
import numpy as np
from keras import ops

from keras_incremental.layers.growth import HeadState
from keras_incremental.metrics.paired_tests import drop_interval
from keras_incremental.utils import devices
from keras_incremental.utils import graph
from keras_incremental.utils import state
from keras_incremental.utils import weight_values
from keras_incremental.utils.transactions import Transaction

P = ParamSpec("P")
R = TypeVar("R")
# Attributes whose values are never changed, only replaced.
REPLACED = (
    "label_space",
    "num_phases",
    "phases",
    "statistics",
    "deviations",
    "_class_weight",
    "_calibration",
    "previous",
)


class Guard:
    """Keeps threads from reading a classifier while another changes it.

    A change waits until those that read have finished. Who begins to read in
    the meantime is refused: to wait would take as long as a training.
    """

    def __init__(self):
        self._condition = threading.Condition()
        self._changes: int | None = None
        self._depth = 0
        self._readers: collections.Counter[int] = collections.Counter()
        # On JAX, Keras takes the weights out of a model while it predicts.
        in_turn = keras.backend.backend() == "jax"
        self._turn: Any = (
            threading.RLock() if in_turn else contextlib.nullcontext()
        )

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Holds the classifier for this thread alone."""
        own = threading.get_ident()
        with self._condition:
            self._check(own)
            self._changes, self._depth = own, self._depth + 1
        try:
            with self._condition:
                self._condition.wait_for(lambda: not self._others(own))
            yield
        finally:
            with self._condition:
                self._depth -= 1
                self._changes = own if self._depth else None

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Keeps other threads from changing the classifier."""
        own = threading.get_ident()
        with self._condition:
            reads = self._readers[own] > 0
            if not reads:
                self._check(own)
            counts = self._changes != own
            self._readers[own] += counts
        try:
            with self._turn:
                yield
        finally:
            with self._condition:
                self._readers[own] -= counts
                self._condition.notify_all()

    def _others(self, own):
        """Returns how many calls of other threads read."""
        return self._readers.total() - self._readers[own]

    def _check(self, own):
        if self._changes not in (None, own):
            raise RuntimeError(
                "Another thread is changing this classifier, so that its "
                "weights and classes do not belong together now. Received: a "
                "call while `learn` or another change runs. Wait until it has "
                "returned, or predict by a copy, such as `to_keras()` or the "
                "loaded file."
            )


def reads(method: Callable[P, R]) -> Callable[P, R]:
    """Lets a method of a classifier read it as it is, or not at all."""

    @functools.wraps(method)
    def reading(*args: P.args, **kwargs: P.kwargs) -> R:
        classifier: Any = args[0]
        with (
            classifier.guard.value.reading(),
            devices.scope_of(classifier.variables),
        ):
            return method(*args, **kwargs)

    return reading


class Snapshot:
    """State of a classifier, to be restored exactly.

    Args:
        classifier: `IncrementalClassifier`.

    Attributes:
        compilation: `HeadCompilation`, how the classifier is compiled.
    """

    def __init__(self, classifier):
        features, memory = classifier.features, classifier.memory
        self._classifier = classifier
        self._replaced = {name: getattr(classifier, name) for name in REPLACED}
        readout = classifier.readout
        self._readout = None if readout is None else readout.snapshot()
        self._flags = [
            (layer, layer.trainable) for layer in state.flatten_layers(features)
        ]
        self._weights = [
            (v, weight_values.kept_of(v), v.regularizer)
            for v in features.variables
        ]
        self._memory = None
        if memory is not None:
            self._memory = memory.snapshot(), memory.forgotten
        self._callbacks = [
            (callback, {k: _copied(v) for k, v in vars(callback).items()})
            for callback in callbacks_of(classifier.recipe)
        ]
        self._head = HeadState(classifier, classifier.head)
        self.compilation = self._head.compilation

    def restore(self):
        """Restores weights, classes, memory and compile state."""
        classifier = self._classifier
        for layer, flag in self._flags:
            if layer.trainable != flag:
                layer.trainable = flag
        for variable, value, regularizer in self._weights:
            variable.assign(value.copy())
            variable.regularizer = regularizer
        if self._readout is not None:
            classifier.readout.restore(self._readout)
        if self._memory is not None:
            content, classifier.memory.forgotten = self._memory
            classifier.memory.restore(content)
        for callback, attributes in self._callbacks:
            vars(callback).clear()
            vars(callback).update(attributes)
        for name, value in self._replaced.items():
            setattr(classifier, name, value)
        self._head.restore()

    def go_back(self):
        """Restores all of it but the samples that were forgotten since."""
        memory = self._classifier.memory
        forgotten = () if memory is None else sorted(memory.forgotten)
        self.restore()
        if forgotten:
            memory.forget(forgotten)

    def to_go_back_to(self):
        """Returns the snapshot, after which there is none to go back to."""
        self._replaced["previous"] = None
        return state.Untracked(self)


def callbacks_of(recipe):
    """Returns the callbacks of a recipe, with that against the bias."""
    parts = (*recipe.callbacks, recipe.bias_correction)
    return [
        part for part in parts if isinstance(part, keras.callbacks.Callback)
    ]


def _copied(value):
    grows = isinstance(value, (list, dict, set))
    return copy.copy(value) if grows else value


@contextlib.contextmanager
def changing(classifier, num_new_classes=0):
    """Gives a `Transaction`, and keeps other threads out of the block.

    Args:
        classifier: `IncrementalClassifier`.
        num_new_classes: Int. How many classes arrive. Raises before anything
            changes if the compiled loss cannot grow. Defaults to `0`.
    """
    with (
        classifier.guard.value.changing(),
        devices.scope_of(classifier.variables),
    ):
        snapshot = Snapshot(classifier)
        snapshot.compilation.check(num_new_classes)
        with Transaction(snapshot) as transaction:
            yield transaction


def check_finite(classifier):
    """Raises if training has diverged."""
    variables = [*classifier.trainable_variables, *classifier.head.variables]
    if classifier.train_batch_norm:
        for layer in graph.batch_norms(classifier.features):
            variables.extend(layer.variables)
    diverged = {
        variable.path: None
        for variable in variables
        if not np.isfinite(ops.convert_to_numpy(variable)).all()
    }
    if diverged:
        raise RuntimeError(
            f"Training diverged: {list(diverged)} are not finite, so nothing "
            "has been changed. Pass an `optimizer` with a lower learning rate, "
            "or look for extreme values in `x`."
        )


@dataclasses.dataclass(frozen=True)
class Gate:
    """Limits to what an update may lose, as shares from 0 to 1.

    Attributes:
        max_drop: The accuracy over all old classes may fall by this much;
            `None` for any.
        max_class_drop: The accuracy of any single old class may; `None` for
            any.
    """

    max_drop: float | None = None
    max_class_drop: float | None = None

    def __post_init__(self):
        for name, value in dataclasses.asdict(self).items():
            if value is None:
                continue
            number = isinstance(value, numbers.Real) and value is not True
            if not number or not 0 <= value <= 1:
                raise ValueError(
                    f"`{name}` is a share of the samples, from 0 to 1. "
                    f"Received: {name}={value!r}. Two points are 0.02."
                )

    @property
    def is_open(self):
        return self.max_drop is None and self.max_class_drop is None

    def judge(self, drop, class_drops):
        """Judges a measured update.

        Returns:
            `(accepted, reason)`, the reason in words, with the uncertainty
            that comes from the number of validation samples, as `compare`
            tells it.
        """
        if self.is_open:
            return True, "accepted: no `max_drop` was given"
        refusals = [
            reason
            for name, limit, measured in self._limits(drop, class_drops)
            if (reason := _over(name, limit, measured))
        ]
        if refusals:
            return False, "refused: " + "; ".join(refusals)
        return True, "accepted: " + _within(drop, self._tightest())

    def _limits(self, drop, class_drops):
        if self.max_drop is not None:
            yield "the old classes", self.max_drop, drop
        if self.max_class_drop is not None:
            for name, measured in class_drops.items():
                yield f"'{name}'", self.max_class_drop, measured

    def _tightest(self):
        limits = (self.max_drop, self.max_class_drop)
        return min(limit for limit in limits if limit is not None)


def _over(name, limit, drop):
    if math.isnan(drop.value) or drop.value <= limit:
        return None
    sure = drop_interval(drop.lost, drop.gained, drop.count)[0] > limit
    doubt = "" if sure else ", though so few samples cannot prove it"
    return (
        f"{name} {drop.in_words()}, more than the {100 * limit:.1f} "
        f"allowed{doubt}"
    )


def _within(drop, limit):
    doubt = (
        ""
        if _excludes_more(drop, limit)
        else ", though so few samples cannot exclude more"
    )
    return f"the old classes {drop.in_words()}{doubt}"


def _excludes_more(drop, limit):
    if not drop.count:
        return False
    return drop_interval(drop.lost, drop.gained, drop.count)[1] <= limit
