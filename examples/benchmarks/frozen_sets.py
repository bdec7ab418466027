"""Features of frozen networks, split, learned from and shown in tables."""

import argparse
import dataclasses
import sys
import time

import keras
import numpy as np

from . import backbones
from . import datasets

# Epochs of a head, and which picture of how many comes without its label.
EPOCHS, UNLABELED = 20, 4
# Network, size of the pictures, and how many of each class.
SETS = {
    "digits": (backbones.vgg16, 48, None),
    "fashion_mnist": (backbones.vgg16, 48, 500),
    "cats_vs_dogs": (backbones.efficientnet_lite0, 160, None),
}


@dataclasses.dataclass(frozen=True)
class Split:
    """Features of the pictures to learn from and to test on, with labels."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    @property
    def num_classes(self):
        return int(self.y.max()) + 1

    def accuracy(self, scores):
        """The share of test pictures whose largest score is right, in %."""
        return 100 * float(np.mean(scores.argmax(-1) == self.y_test))


def features_of(name, data_dir, limit):
    """Features and labels of all pictures, and how many are to learn from."""
    _, size, most = SETS[name]
    data = datasets.load(name, data_dir, size, limit or most, limit or most)
    x = np.concatenate([data.x_train, data.x_test])
    y = np.concatenate([data.y_train, data.y_test])
    return extracted(name, x), y, len(data.y_train) / len(y)


def extracted(name, pictures):
    """Features of pictures by the network of a data set."""
    network, size, _ = SETS[name]
    model = network((size, size, 3))
    return model.predict(pictures, batch_size=64, verbose=0)


def split(features, labels, share, seed):
    """A split of its own, with as large a share of each class, and an order."""
    random = np.random.default_rng(seed)
    num_classes = int(labels.max()) + 1
    labels = random.permutation(num_classes)[labels]
    chosen = np.zeros(len(labels), bool)
    for label in range(num_classes):
        rows = random.permutation(np.flatnonzero(labels == label))
        chosen[rows[: round(share * len(rows))]] = True
    order = random.permutation(np.flatnonzero(chosen))
    return Split(
        features[order], labels[order], features[~chosen], labels[~chosen]
    )


def rare(data, factor, tested=False):
    """The same split, with fewer pictures to learn from of half the classes.

    If `tested`, there are as few of them to test on.
    """
    kept = rarer(data.y, factor)
    given = {"x": data.x[kept], "y": data.y[kept]}
    if tested:
        kept = rarer(data.y_test, factor)
        given |= {"x_test": data.x_test[kept], "y_test": data.y_test[kept]}
    return dataclasses.replace(data, **given)


def rarer(labels, factor):
    """Which labels stay, if half of the classes are so many times rarer."""
    kept = np.ones(len(labels), bool)
    for label in range((int(labels.max()) + 1) // 2):
        rows = np.flatnonzero(labels == label)
        kept[rows[max(round(len(rows) / factor), 1) :]] = False
    return kept


def trained(x, y):
    """A linear classifier of features."""
    head = keras.layers.Dense(int(y.max()) + 1)
    model = keras.Sequential([keras.Input(x.shape[1:]), head])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(x, y, epochs=EPOCHS, verbose=0)
    return model


def print_rows(name, splits, ways):
    """Prints what is measured on each split as it comes, and the mean.

    Args:
        name: String.
        splits: List of `Split`.
        ways: Functions of a split that return a number, or several. Each
            starts with the seed of the split, so none changes another.
    """
    rows = []
    for seed, data in enumerate(splits):
        started, row = time.perf_counter(), []
        for way in ways:
            keras.utils.set_random_seed(seed)
            row.extend(np.atleast_1d(way(data)))
        rows.append(row)
        print_row(f"{name} {seed}", row)
        print(
            f"{time.perf_counter() - started:.0f} seconds",
            file=sys.stderr,
        )
    print_row(f"{name}, mean", np.mean(rows, 0))


def print_header(words, columns):
    print(f"| {words} | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")


def print_row(name, values):
    cells = ["" if np.isnan(v) else f"{v:.2f}" for v in values]
    print("| " + " | ".join([name, *cells]) + " |", flush=True)


def parser_of(name, description):
    """Returns a parser of what benchmarks of frozen features are told."""
    parser = argparse.ArgumentParser(
        prog=f"python -m examples.benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", nargs="+", default=["digits"], choices=SETS)
    add("--data-dir", nargs="*", default=[], help="as cats_vs_dogs=FOLDER")
    add("--splits", type=int, default=3)
    add("--limit", type=int, help="pictures of each class, to learn and test")
    return parser


def folders_of(options):
    """Returns a dict of data sets and the folders that were given for them."""
    return dict(entry.split("=", 1) for entry in options.data_dir)
