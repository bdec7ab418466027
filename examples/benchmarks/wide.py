"""What a head on many features costs, and what its bounded memory loses.

    python -m examples.benchmarks.wide
    python -m examples.benchmarks.wide --data digits fashion_mnist

The first table is a `learn` of 30 samples of a class beside three others, for
several numbers of features. Up to 4,096 the scatter of the features is kept
whole; beyond it, as rows.

The others are accuracies of a head that is solved from a scatter of fewer
rows than features, beside that of the whole scatter: the mean of the splits.
The matrix of 25,088 features, of VGG16 on pictures of 224 x 224, keeps a row
for 37 features where samples are many, and every sample where there are up to
668 of them.
"""

import tempfile
import time
from pathlib import Path
from unittest import mock

import keras
import numpy as np

import keras_incremental as ki
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics import LowRankStatistics
from keras_incremental.statistics import low_rank
from keras_incremental.statistics.ridge_solution import solved

from . import frozen_sets as sets
from .peak_memory import PeakMemory

WIDTHS = (1024, 4096, 8192, 25_088, 69_312)
EACH, OLD = 30, 3
FEATURES_PER_ROW = (4, 16, 37)


def cost_row(width):
    """Seconds and megabytes of a `learn`, and megabytes of the file."""
    generator = np.random.default_rng(0)
    centers = generator.standard_normal((OLD + 1, width))
    labels = np.repeat(np.arange(OLD + 1), EACH)
    noise = generator.standard_normal((len(labels), width))
    x = (centers[labels] + noise).astype("float32")
    model = keras.Sequential([keras.Input((width,)), keras.layers.Dense(OLD)])
    # As if it were trained: the columns point at the classes.
    model.layers[-1].kernel.assign(centers[:OLD].T / width)
    clf = ki.IncrementalClassifier(model, list("abc"))
    memory, started = PeakMemory(), time.perf_counter()
    old = labels < OLD
    clf.remember(x[old], labels[old])
    clf.learn(x[~old], classes=["d"], verbose=0)
    seconds = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wide.keras"
        clf.save(path)
        size = path.stat().st_size / 1e6
    return seconds, memory.megabytes, size


def accuracies(data):
    """Accuracy of the whole scatter, and of that with fewer rows."""
    width = data.x.shape[-1]
    kinds = [(FeatureStatistics, 0)]
    kinds += [(LowRankStatistics, width // each) for each in FEATURES_PER_ROW]
    found = []
    for kind, rows in kinds:
        # Half of what may be kept is left after a compression.
        with mock.patch.object(low_rank, "MOST", 2 * rows * width):
            statistics = kind.of(data.x, data.y)
        scores = solved(statistics).scores(data.x_test.astype("float64"))
        found.append(data.accuracy(scores))
    return found


def main(arguments=None):
    """Prints the tables."""
    parser = sets.parser_of("wide", __doc__)
    parser.add_argument("--widths", nargs="+", type=int, default=WIDTHS)
    options = parser.parse_args(arguments)
    print("| features | seconds | peak, MB | file, MB |\n|---|---|---|---|")
    for width in options.widths:
        seconds, peak, size = cost_row(width)
        print(f"| {width:,} | {seconds:.1f} | {peak:.0f} | {size:.2f} |")
    columns = [f"a row for {each}" for each in FEATURES_PER_ROW]
    print("\n| accuracy in % | " + " | ".join(["whole", *columns]) + " |")
    print("|---" * (len(columns) + 2) + "|")
    folders = sets.folders_of(options)
    for name in options.data:
        features, labels, share = sets.features_of(
            name, folders.get(name), options.limit
        )
        rows = [
            accuracies(sets.split(features, labels, share, seed))
            for seed in range(options.splits)
        ]
        sets.print_row(name, np.mean(rows, 0))


if __name__ == "__main__":
    main()
