"""Reads files that strangers have changed, for minutes or for hours.

    python -m examples.benchmarks.fuzz --minutes 10 --targets memory report

Each file is a good one whose bytes, or a field of which, were changed, with
checksums that are right again. It must load as something that can be used, or
raise one class of error with a sentence, and take no more memory than the file
has bytes. Atheris chooses the changes by what code they reach, if it is
installed (`pip install "keras-incremental[fuzz]"`); else they are drawn at
random. A file that fails is kept, with the traceback beside it.
"""

import argparse
import collections
import importlib.util
import json
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import tracemalloc
import types

from keras_incremental.errors import DamagedFileError

from . import mutations
from .fuzz_targets import TARGETS

# Bytes that a process may grow by while it reads one file.
MOST_GROWTH = 400_000_000
# How changes are found, with Atheris and without.
HOW = {
    True: "chosen by Atheris",
    False: "drawn at random; for those that reach new code, "
    '`pip install "keras-incremental[fuzz]"`',
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--failures", default="fuzz_failures")
    parser.add_argument("--here", action="store_true", help="in this process")
    options = parser.parse_args()
    if options.here:
        Fuzzer(options.targets[0], options).run()
        return
    print(f"changes are {HOW[has_atheris()]}", flush=True)
    for name in options.targets:
        # Atheris never returns, so each has a process.
        values = {"seed": options.seed, "minutes": options.minutes}
        command = [f"--{key}={value}" for key, value in values.items()]
        command += ["--failures", options.failures, "--targets", name]
        done = subprocess.run(
            [sys.executable, "-m", __spec__.name, "--here", *command],
            stderr=subprocess.DEVNULL,
        )
        counts = pathlib.Path(options.failures) / f"{name}.json"
        ended = f" ended by {done.returncode}" if done.returncode else ""
        print(f"{name} {counts.read_text()}{ended}", flush=True)


def has_atheris():
    return importlib.util.find_spec("atheris") is not None


def try_one(target, rng, good, path, content):
    """Reads a changed file, and returns whether it was refused.

    Args:
        target: `Target`.
        rng: `random.Random`.
        good: Bytes of a good file.
        path: Path to write the changed one to.
        content: What is read of the good one.

    Raises:
        AssertionError: if it was neither refused as promised, nor is of use.
    """
    change = target.change if rng.randrange(4) else mutations.flipped
    changed = change(rng, good)
    path.write_bytes(changed)
    room = 20 * len(changed) + target.room
    try:
        found = read_within(target.read, path, room)
    except ValueError as error:
        assert says_why(error), f"no sentence: {error!r}"
        return True
    if change is mutations.flipped:
        assert target.content(found) == content, "another content"
    target.use(found)
    return False


def read_within(read, path, room):
    """Reads a file, and raises if that takes more memory than `room`."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        return read(path)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert peak < room, f"{peak} bytes of memory"
        assert after - before < MOST_GROWTH / 1024, "the process has grown"


def says_why(error):
    """Returns whether an error says what is wrong, and what was found."""
    if isinstance(error, DamagedFileError):
        return bool(error.part)
    return "Received: " in str(error) and str(error).endswith(".")


class Fuzzer:
    """Tries one file after the other, and counts.

    Args:
        name: String, a key of `TARGETS`.
        options: What `main` was called with.
    """

    def __init__(self, name, options):
        self.target, self.options = TARGETS[name], options
        self.folder = pathlib.Path(options.failures)
        self.folder.mkdir(exist_ok=True)
        self.name, self.counts = name, collections.Counter(files=0)
        self.reasons = set()
        work = pathlib.Path(tempfile.mkdtemp())
        self.path = work / self.target.name
        self.target.make(self.path)
        self.good = self.path.read_bytes()
        self.content = self.target.content(self.target.read(self.path))
        self.written = 0

    def run(self):
        seconds = 60 * self.options.minutes
        if has_atheris():
            run_atheris(self.try_next, seconds, self.options.seed)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            seed = f"{self.options.seed}-{self.counts['files']}"
            self.try_next(random.Random(seed))

    def try_next(self, rng):
        self.counts["files"] += 1
        try:
            refused = try_one(
                self.target, rng, self.good, self.path, self.content
            )
            self.counts["refused" if refused else "loaded"] += 1
        except Exception as error:
            self.counts["failures"] += 1
            self.keep(error)
        if time.monotonic() > self.written + 1:
            self.written = time.monotonic()
            counts = {**self.counts, "kinds of failures": len(self.reasons)}
            (self.folder / f"{self.name}.json").write_text(json.dumps(counts))

    def keep(self, error):
        """Keeps a file that failed, one of each place in the code."""
        text = "".join(traceback.format_exception(error))
        frames = traceback.extract_tb(error.__traceback__)
        reason = (type(error).__name__, frames[-1].filename, frames[-1].lineno)
        if reason in self.reasons:
            return
        self.reasons.add(reason)
        place = self.folder / f"{self.name}-{len(self.reasons)}"
        place.with_suffix(".bin").write_bytes(self.path.read_bytes())
        place.with_suffix(".txt").write_text(text, errors="replace")


def run_atheris(try_next, seconds, seed):
    """Lets Atheris choose what is tried; the process ends with it."""
    import atheris

    class Numbers(random.Random):
        """Random numbers that are bytes of Atheris, and then zeros."""

        def __new__(cls, data):
            return super().__new__(cls)

        def __init__(self, data):
            super().__init__(0)
            self.data = atheris.FuzzedDataProvider(data)

        def random(self):
            return self.data.ConsumeUInt(4) / 2**32

        def getrandbits(self, k):
            return self.data.ConsumeUInt((k + 7) // 8) >> (-k % 8)

    for function in functions_of("keras_incremental"):
        atheris.instrument_func(function)
    atheris.Setup(
        [
            sys.argv[0],
            f"-max_total_time={int(seconds)}",
            f"-seed={seed + 1}",
            "-max_len=400",
            "-len_control=0",
            "-rss_limit_mb=8192",
            "-timeout=120",
        ],
        lambda data: try_next(Numbers(data)),
    )
    atheris.Fuzz()


def functions_of(package):
    """Returns the functions and methods of loaded modules of a package."""
    found = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == package:
            owners = [module, *filter(is_class, vars(module).values())]
            for owner in owners:
                for value in vars(owner).values():
                    value = getattr(value, "__func__", value)
                    if isinstance(value, types.FunctionType):
                        found[id(value)] = value
    return [f for f in found.values() if f.__module__.startswith(package)]


def is_class(value):
    return isinstance(value, type)


if __name__ == "__main__":
    main()
