"""Progress of what may take long, shown once it does."""

import time

import keras

# Seconds that pass without a word.
PATIENCE = 2.0


class LongProgress:
    """Bar of Keras with the time left, once something takes 2 seconds.

    Args:
        name: String, what is done. It is printed before the bar.
        target: Number, how many steps there will be, or `None` where that is
            not known. Defaults to `None`.
        verbose: Same as for `fit`; `0` prints nothing. Defaults to `0`.
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
        self._bar = keras.utils.Progbar(
            target, verbose=verbose, unit_name=unit_name
        )
        self._verbose = verbose
        self._done = 0
        self._started = time.perf_counter()

    def add(self, steps: int = 1) -> None:
        """Counts steps that are done."""
        self._done += steps
        waited = time.perf_counter() - self._started > PATIENCE
        if not self._verbose or not waited:
            return
        if self._name is not None:
            print(self._name, flush=True)
            self._name = None
        self._bar.update(self._done)
