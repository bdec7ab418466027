"""One thread that changes a classifier, and others that read it."""

import collections
import contextlib
import functools
import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import ParamSpec
from typing import TypeVar

import keras

from keras_incremental.utils import devices

P = ParamSpec("P")
R = TypeVar("R")


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
