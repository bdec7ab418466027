"""What three lines give on a frozen network, beside training on everything.

    python -m examples.benchmarks.frozen
    python -m examples.benchmarks.frozen --data digits cats_vs_dogs \\
        --data-dir cats_vs_dogs=PHOTOS
    python -m examples.benchmarks.frozen --rare 10 --columns ridge statistics

For each data set and split, classes arrive two at a time; where there are
only two, both come again, with the other half of their pictures. The last row
of each data set is the mean over the splits. Features are computed once.
With `--rare`, half of the classes have so many times fewer pictures to learn
from, and as many to test: in the joint ridge regression each picture weighs the
same, in the default each class. With `--rare-test` too, they are as rare among
the test pictures.

- logistic, ridge: joint, all training pictures at once; the strength of the
  first is chosen by cross-validation on training pictures, that of the second
  by the evidence.
- statistics, exemplars: `IncrementalClassifier`, as it is. `remember` sees
  the first classes, and no other pictures than the exemplars are kept.
- frequencies, rarities: the same with statistics, and with `class_weight`:
  the number of pictures of each class, or its inverse.
- draws: the same with statistics, but trained on features that are drawn from
  them, `learn(epochs=20)`.
- nothing: the same without `remember`.
- unlabeled: the same, but every fourth picture comes without its label, with
  each class that arrives: `learn(auxiliary=)`, of all classes so far.
"""

import argparse
import dataclasses
import sys
import time

import keras
import numpy as np

import keras_incremental as ki

from . import backbones
from . import datasets

COLUMNS = (
    "logistic",
    "ridge",
    "statistics",
    "exemplars",
    "frequencies",
    "rarities",
    "draws",
    "nothing",
    "unlabeled",
)
EXEMPLARS, EPOCHS, STEP, UNLABELED = 20, 20, 2, 4
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
    network, size, most = SETS[name]
    data = datasets.load(name, data_dir, size, limit or most, limit or most)
    model = network((size, size, 3))
    x = np.concatenate([data.x_train, data.x_test])
    y = np.concatenate([data.y_train, data.y_test])
    features = model.predict(x, batch_size=64, verbose=0)
    return features, y, len(data.y_train) / len(y)


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


def logistic(data):
    """Joint logistic regression."""
    from sklearn import linear_model
    from sklearn import model_selection
    from sklearn import pipeline
    from sklearn import preprocessing

    regression = model_selection.GridSearchCV(
        pipeline.make_pipeline(
            preprocessing.StandardScaler(),
            linear_model.LogisticRegression(max_iter=300),
        ),
        {"logisticregression__C": np.logspace(-5, 0, 6)},
        cv=3,
    )
    regression.fit(data.x, data.y)
    return data.accuracy(regression.predict_proba(data.x_test))


def ridge(data):
    """Joint ridge regression."""
    head = ki.layers.AnalyticDense(data.num_classes)
    head.adapt(data.x, data.y)
    return data.accuracy(np.asarray(head(data.x_test)))


def phases(data):
    """Rows of the pictures of each phase."""
    if data.num_classes <= STEP:
        return np.array_split(np.arange(len(data.y)), 2)
    starts = range(0, data.num_classes, STEP)
    return [np.flatnonzero(data.y // STEP == start // STEP) for start in starts]


def incremental(
    data,
    memory=None,
    remembers=True,
    unlabeled=None,
    class_weight=None,
    **options,
):
    """The default, phase by phase, perhaps with unlabeled pictures beside."""
    first, *later = phases(data)
    names = [str(label) for label in range(data.num_classes)]
    width = data.x.shape[1:]
    count = int(data.y[first].max()) + 1
    model = keras.Sequential([keras.Input(width), keras.layers.Dense(count)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(data.x[first], data.y[first], epochs=EPOCHS, verbose=0)
    clf = ki.IncrementalClassifier(
        model, names[:count], memory=memory, class_weight=class_weight
    )
    if remembers:
        clf.remember(data.x[first], data.y[first])
    for rows in later:
        new = [names[label] for label in np.unique(data.y[rows])]
        labels = [names[label] for label in data.y[rows]]
        if unlabeled is not None:
            so_far = unlabeled.y <= data.y[rows].max()
            options["auxiliary"] = unlabeled.x[so_far]
        clf.learn(data.x[rows], labels, new, verbose=0, **options)
    return data.accuracy(clf.predict(data.x_test, verbose=0))


def by_frequency(data, power=1.0):
    """The default, each class weighing a power of how many pictures it has."""
    weights = (np.bincount(data.y) ** power).tolist()
    names = [str(label) for label in range(data.num_classes)]
    weights = dict(zip(names, weights, strict=True))
    return incremental(data, class_weight=weights)


def beside_unlabeled(data):
    """The default without `remember`, beside pictures without labels.

    NaN where no new class arrives.
    """
    if data.num_classes <= STEP:
        return np.nan
    known = np.arange(len(data.y)) % UNLABELED > 0
    given, unlabeled = (
        dataclasses.replace(data, x=data.x[rows], y=data.y[rows])
        for rows in (known, ~known)
    )
    return incremental(given, remembers=False, unlabeled=unlabeled)


LEARNERS = {
    "logistic": logistic,
    "ridge": ridge,
    "statistics": incremental,
    "exemplars": lambda data: incremental(
        data, ki.ExemplarMemory(EXEMPLARS, per_class=True)
    ),
    "frequencies": by_frequency,
    "rarities": lambda data: by_frequency(data, -1.0),
    "draws": lambda data: incremental(data, epochs=EPOCHS),
    "nothing": lambda data: incremental(data, remembers=False),
    "unlabeled": beside_unlabeled,
}


def rows_of(name, data_dir, options):
    """Accuracies of each split of a data set, printed as they come."""
    features, labels, share = features_of(name, data_dir, options.limit)
    rows = []
    for seed in range(options.splits):
        keras.utils.set_random_seed(seed)
        data = split(features, labels, share, seed)
        data = rare(data, options.rare, options.rare_test)
        started = time.perf_counter()
        rows.append([LEARNERS[column](data) for column in options.columns])
        print_row(f"{name} {seed}", rows[-1])
        print(
            f"{time.perf_counter() - started:.0f} seconds",
            file=sys.stderr,
        )
    print_row(f"{name}, mean", np.mean(rows, 0))
    return rows


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


def main(arguments=None):
    """Prints the table."""
    parser = parser_of("frozen", __doc__)
    parser.add_argument(
        "--columns", nargs="+", default=COLUMNS, choices=COLUMNS
    )
    parser.add_argument(
        "--rare", type=float, default=1, help="how many times rarer half is"
    )
    parser.add_argument(
        "--rare-test", action="store_true", help="so rare to test on, too"
    )
    options = parser.parse_args(arguments)
    folders = folders_of(options)
    print("| accuracy in % | " + " | ".join(options.columns) + " |")
    print("|---" * (len(options.columns) + 1) + "|")
    for name in options.data:
        rows_of(name, folders.get(name), options)


if __name__ == "__main__":
    main()
