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

A second table is of one class that arrives where all others are known and
nothing is kept of them, see `examples.benchmarks.new_class`.
"""

import dataclasses

import numpy as np

import keras_incremental as ki

from . import frozen_sets as sets
from . import new_class

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
EXEMPLARS, STEP = 20, 2


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
    model = sets.trained(data.x[first], data.y[first])
    count = model.output_shape[-1]
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
    known = np.arange(len(data.y)) % sets.UNLABELED > 0
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
    "draws": lambda data: incremental(data, epochs=sets.EPOCHS),
    "nothing": lambda data: incremental(data, remembers=False),
    "unlabeled": beside_unlabeled,
}


def main(arguments=None):
    """Prints the table."""
    parser = sets.parser_of("frozen", __doc__)
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
    folders = sets.folders_of(options)
    found = {
        name: sets.features_of(name, folders.get(name), options.limit)
        for name in options.data
    }
    sets.print_header("accuracy in %", options.columns)
    for name, features in found.items():
        splits = [
            sets.rare(
                sets.split(*features, seed), options.rare, options.rare_test
            )
            for seed in range(options.splits)
        ]
        ways = [LEARNERS[column] for column in options.columns]
        sets.print_rows(name, splits, ways)
    if "nothing" in options.columns:
        new_class.print_table(found, options.splits)


if __name__ == "__main__":
    main()
