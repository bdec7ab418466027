import itertools
import time


class Progress:
    """Names the stages of a phase as they begin, and times them.

    Args:
        verbose: As of `fit`; `0` prints nothing.
        names: Names of the stages that there will be, in their order.
    """

    def __init__(self, verbose, names):
        self._verbose = verbose
        self._names = list(names)
        self._starts = []

    def __call__(self, name, details=""):
        """Begins a stage, if it is one of them."""
        if name not in self._names:
            return
        self._starts.append((name, time.perf_counter()))
        if self._verbose:
            number = f"[{self._names.index(name) + 1}/{len(self._names)}]"
            print(f"{number} {name}{details and ': '}{details}", flush=True)

    @property
    def seconds(self):
        """Dict of the stages so far, and how long each took."""
        starts = [*self._starts, ("", time.perf_counter())]
        return {
            name: end - start
            for (name, start), (_, end) in itertools.pairwise(starts)
        }
