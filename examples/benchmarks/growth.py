"""What a phase costs when there are thousands of classes already.

    python -m examples.benchmarks.growth
    python -m examples.benchmarks.growth --classes 1 10 100

One classifier learns one class in each phase, of a few samples, on a frozen
layer; the head is solved. Beyond 1,000 classes, 100 arrive in each phase, and
only the last ones one by one. It is measured what the last phases took beside
the tenth, what the process holds, and whether file, `predict` and report can
still be used. The floor of a file is its weights and statistics. All times are
those of the processor.
"""

import argparse
import pathlib
import tempfile
import time

import keras
import numpy as np

import keras_incremental as ki

from .peak_memory import STATUS

CLASSES = (1, 10, 100, 1000, 10_000)
WIDTH, EACH, PREDICTED = 64, 5, 1000
# Phases whose median is the time of one.
AROUND = 5
# From so many classes on, so many arrive at once.
ONE_BY_ONE, BULK = 1000, 100
COLUMNS = (
    "classes learned",
    "ms of the last phase",
    "over the tenth",
    "process, MB",
    "file, MB",
    "floor, MB",
    "ms to save",
    f"ms to predict {PREDICTED:,}",
    "ms of a report",
    "lines",
)


class Growth:
    """A classifier that learns one class after the other.

    Attributes:
        seconds: List, the CPU seconds of each phase.
    """

    def __init__(self):
        keras.utils.set_random_seed(0)
        frozen = keras.layers.Dense(WIDTH, activation="relu", trainable=False)
        inputs = keras.Input((WIDTH,))
        model = keras.Model(inputs, keras.layers.Dense(2)(frozen(inputs)))
        names = ["first", "second"]
        self.clf = ki.IncrementalClassifier(model, names)
        self._generator = np.random.default_rng(0)
        self.seconds = []
        first = np.concatenate([self._samples(), self._samples()])
        self.clf.learn(first, np.repeat([0, 1], EACH), names, verbose=0)

    @property
    def learned(self):
        """How many classes have arrived."""
        return len(self.clf.classes) - 2

    def grow(self, count):
        """Learns classes until there are so many."""
        while self.learned < count:
            left = count - self.learned - AROUND
            bulk = self.learned >= ONE_BY_ONE and left > 0
            self.learn(min(BULK, left) if bulk else 1)

    def learn(self, count=1, **options):
        """Learns more classes, and returns the report."""
        names = [f"class {self.learned + k}" for k in range(count)]
        x = np.concatenate([self._samples() for _ in names])
        labels = np.repeat(names, EACH).tolist()
        started = time.process_time()
        report = self.clf.learn(x, labels, names, verbose=0, **options)
        self.seconds.append(time.process_time() - started)
        return report

    def validation(self):
        """One sample of each class that is known and of the next one."""
        size = len(self.clf.classes) + 1
        x = self._generator.standard_normal((size, WIDTH))
        return x.astype("float32"), np.arange(size)

    def _samples(self):
        center = 3 * self._generator.standard_normal((1, WIDTH))
        noise = self._generator.standard_normal((EACH, WIDTH))
        return (center + noise).astype("float32")


def row_of(growth):
    """Returns the figures of a classifier as it is now."""
    clf, seconds = growth.clf, growth.seconds
    last = np.median(seconds[-AROUND:])
    ratio = np.nan
    if len(seconds) >= 10:
        ratio = last / np.median(seconds[10 - AROUND : 10])
    held = _megabytes_held()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "many.keras"
        saving = _milliseconds(lambda: clf.save(path))
        size = path.stat().st_size / 1e6
    floor = (clf.statistics.nbytes + 4 * clf.count_params()) / 1e6
    x = growth.validation()[0][:1]
    x = np.repeat(x, PREDICTED, 0)
    clf.predict(x, verbose=0)
    predicting = _milliseconds(lambda: clf.predict(x, verbose=0))
    known = growth.learned
    text = []
    report = growth.learn(validation_data=growth.validation())
    reporting = _milliseconds(lambda: text.append(str(report)))
    lines = len(text[0].splitlines())
    figures = (1000 * last, ratio, held, size, floor, saving, predicting)
    return known, *figures, reporting, lines


def text_of(row):
    """Returns a row of the table."""
    known, last, ratio, held, size, floor, *rest = row
    parts = [f"{known:,}", f"{last:.0f}"]
    parts.append("" if np.isnan(ratio) else f"{ratio:.1f}")
    parts += [f"{held:,.0f}", f"{size:.2f}", f"{floor:.2f}"]
    return "| " + " | ".join([*parts, *(f"{x:,.0f}" for x in rest)]) + " |"


def main(arguments=None):
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.benchmarks.growth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--classes", nargs="+", type=int, default=CLASSES)
    options = parser.parse_args(arguments)
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---" * len(COLUMNS) + "|", flush=True)
    growth = Growth()
    for count in sorted(options.classes):
        growth.grow(count)
        print(text_of(row_of(growth)), flush=True)


def _megabytes_held():
    """Returns what the process holds now, or NaN where Linux does not tell."""
    if not STATUS.exists():
        return np.nan
    line = next(
        line
        for line in STATUS.read_text().splitlines()
        if line.startswith("VmRSS")
    )
    return int(line.split()[1]) * 1024 / 1e6


def _milliseconds(call):
    started = time.process_time()
    call()
    return 1000 * (time.process_time() - started)


if __name__ == "__main__":
    main()
