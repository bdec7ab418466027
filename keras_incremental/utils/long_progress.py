"""Progress of what may take long, shown once it does."""

import contextlib
import contextvars
import math
import time
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

# Seconds that pass without a word.
PATIENCE = 2.0

_verbose: contextvars.ContextVar[int] = contextvars.ContextVar(
    "verbose", default=0
)


@contextlib.contextmanager
def shown(verbose: int) -> Iterator[None]:
    """Shows the progress of what runs inside, where that takes long.

    Args:
        verbose: Same as for `fit`; `0` prints nothing.
    """
    token = _verbose.set(verbose)
    try:
        yield
    finally:
        _verbose.reset(token)


class LongProgress:
    """Bar of Keras with the time left, once something takes 2 seconds.

    Args:
        name: String, what is done. It is printed before the bar.
        target: Number, how many steps there will be, or `None` where that is
            not known. Defaults to `None`.
        verbose: Same as for `fit`; `0` prints nothing, unless `shown` does.
            Defaults to `0`.
        unit_name: String, what a step is. Defaults to `"step"`.
    """

    def __init__(
        self,
        name: str,
        target: float | None = None,
        verbose: int = 0,
        unit_name: str = "step",
    ):
        self._name: str | None = name
        self._done, self._target = 0, target
        self._bar: Any = None
        verbose = verbose or _verbose.get()
        if verbose:
            self._bar = _bar(target, verbose, unit_name)
        self._started = time.perf_counter()

    def add(self, steps: int = 1) -> None:
        """Counts steps that are done."""
        self._done += steps
        if self._bar is None:
            return
        if time.perf_counter() - self._started <= PATIENCE:
            return
        if self._name is not None:
            if self._done == self._target:
                # No time is left to tell of.
                return
            print(self._name, flush=True)
            self._name = None
        self._bar.update(self._done)


def steps_of(
    steps: Iterable[Any], name: str, target: float, unit_name: str = "step"
) -> Iterator[Any]:
    """Yields items, and shows the progress.

    Args:
        steps: Iterable. Of a slice all of its rows count.
        name: String, see `LongProgress`.
        target: Number, how many steps there will be.
        unit_name: String. Defaults to `"step"`.
    """
    progress = LongProgress(name, target, unit_name=unit_name)
    for step in steps:
        yield step
        progress.add(_size(step, target))


def predict_callbacks(count: int, batch_size: int) -> list[Any]:
    """Returns callbacks of `predict` that show how far it is, if any do.

    Args:
        count: Int, how many samples there are.
        batch_size: Int.
    """
    if not _verbose.get():
        return []
    import keras

    progress = LongProgress("predicting", math.ceil(count / batch_size))
    return [
        keras.callbacks.LambdaCallback(
            on_predict_batch_end=lambda batch, logs: progress.add()
        )
    ]


def _size(step, target):
    if not isinstance(step, slice):
        return 1
    return len(range(*step.indices(target)))


def _bar(target, verbose, unit_name):
    # A device has no Keras.
    import keras

    return keras.utils.Progbar(target, verbose=verbose, unit_name=unit_name)
