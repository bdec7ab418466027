"""How well unknown samples are told from known ones, by each score.

    python -m examples.benchmarks.unknown
    python -m examples.benchmarks.unknown --data digits fashion_mnist \\
        --data-dir fashion_mnist=FOLDER

Of each data set some classes are known, and the others come as unknown ones:
near, as all are pictures of one kind. With two data sets, all of the other one
come too, as far ones. The area under the ROC curve, mean over the splits: the
share of pairs of a known and an unknown picture in which the unknown one has
the larger score. Features are computed once.

The last score needs nothing but statistics. A second table has the false
alarms in percent: of thresholds from half of the test pictures, where 5 were
asked for, and of those estimated from the statistics of so many pictures a
class, where 1, 5 and 10 were; mean, least and most of the splits.
"""

import dataclasses
import itertools

import keras
import numpy as np

import keras_incremental as ki

from . import frozen_sets as sets

NEAR, FAR = "near", "far"
TWO, FEW, MANY = 2, 3, 6
RATE, RATES, SAMPLES = 0.05, (0.01, 0.05, 0.1), (None, 25, 10)


# What is added, each part of the same spread over known pictures.
SUMS = {
    "distance": ("distance",),
    "energy": ("energy",),
    "max_softmax": ("max_softmax",),
    "distance_and_energy": ("distance", "energy"),
    "distance_and_discriminant": ("distance", "discriminant"),
}


def scores_of(clf, x):
    """Returns a dict of the scores of pictures, by name."""
    logits = clf.predict(x, verbose=0)
    return {
        "distance": ki.rejection.distance(x, clf.statistics),
        "discriminant": ki.rejection.discriminant(x, clf.statistics),
        "energy": ki.rejection.energy(logits),
        "max_softmax": ki.rejection.max_softmax(logits),
    }


def taught(data, known):
    """A classifier of the first classes, half of them adopted.

    Of two classes both are adopted, with half of their pictures.
    """
    first = data.y < max((known + 1) // 2, 2)
    if known == 2:
        first &= np.arange(len(data.y)) % 2 == 0
    count = int(data.y[first].max()) + 1
    names = [str(label) for label in range(known)]
    model = keras.Sequential(
        [keras.Input(data.x.shape[1:]), keras.layers.Dense(count)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(data.x[first], data.y[first], epochs=sets.EPOCHS, verbose=0)
    clf = ki.IncrementalClassifier(model, names[:count])
    clf.remember(data.x[first], data.y[first])
    later = ~first & (data.y < known)
    labels = [names[label] for label in data.y[later]]
    clf.learn(data.x[later], labels, names[count:] or names, verbose=0)
    return clf


def areas(data, known, others):
    """Areas under the curve of each score, for unknown ones near and far."""
    clf = taught(data, known)
    is_known = data.y_test < known
    held, fresh = (
        scores_of(clf, x) for x in np.array_split(data.x_test[is_known], 2)
    )
    unknown = {NEAR: data.x_test[~is_known]}
    if others is not None:
        unknown[FAR] = others
    return {
        (place, name): area(fresh, scores_of(clf, x), held, parts)
        for place, x in unknown.items()
        for name, parts in SUMS.items()
    }


def few(data, count, known):
    """The same split with so many pictures to learn from of known classes."""
    rows = [np.flatnonzero(data.y == k)[:count] for k in range(known)]
    order = np.sort(np.concatenate(rows))
    return dataclasses.replace(data, x=data.x[order], y=data.y[order])


def alarms(data, known, count):
    """False alarms in percent, by held-out pictures and by statistics.

    Those by statistics are of each rate, NaN where there are too few pictures.
    """
    clf = taught(few(data, count, known), known)
    rows = np.flatnonzero(data.y_test < known)
    held, fresh = np.array_split(np.random.default_rng(0).permutation(rows), 2)
    clf.calibrate_unknown(data.x_test[held], false_alarm=RATE)
    found = [share_unknown(clf, data.x_test[fresh])]
    for rate in RATES:
        if rate * (len(clf.statistics) + 1) < 1:
            found.append(np.nan)
            continue
        clf.calibrate_unknown(false_alarm=rate)
        found.append(share_unknown(clf, data.x_test[rows]))
    return found


def share_unknown(clf, x):
    """The share of pictures that are called unknown, in percent."""
    return 100 * np.mean(clf.predict_names(x, unknown="unknown") == "unknown")


def area(known, unknown, held, names):
    """The area of a sum of scores, each of the same spread on held-out ones."""
    from sklearn import metrics

    both = [
        sum(scores[name] / held[name].std() for name in names)
        for scores in (known, unknown)
    ]
    labels = np.repeat([0, 1], [len(scores) for scores in both])
    return metrics.roc_auc_score(labels, np.concatenate(both))


def rows_of(features, name, known, options):
    """Mean areas of a data set, by place and score."""
    x, y, share = features[name]
    others = [v[0] for key, v in features.items() if key != name]
    others = others[0] if others else None
    if others is not None and others.shape[1:] != x.shape[1:]:
        others = None
    found = []
    for seed in range(options.splits):
        keras.utils.set_random_seed(seed)
        data = sets.split(x, y, share, seed)
        found.append(areas(data, known, others))
    return {key: np.mean([row[key] for row in found]) for key in found[0]}


def print_alarms(features, name, options):
    """Prints the rows of false alarms of a data set."""
    x, y, share = features[name]
    splits = [sets.split(x, y, share, k) for k in range(options.splits)]
    most = min(MANY, splits[0].num_classes)
    for known, count in itertools.product(sorted({TWO, most}), SAMPLES):
        found = []
        for seed, data in enumerate(splits):
            keras.utils.set_random_seed(seed)
            found.append(alarms(data, known, count))
        each = count or np.sum(splits[0].y < known) // known
        cells = [
            ""
            if np.isnan(v).any()
            else f"{np.mean(v):.1f} ({min(v):.1f} to {max(v):.1f})"
            for v in zip(*found, strict=True)
        ]
        print(
            f"| {known} of {name}, {each} | " + " | ".join(cells) + " |",
            flush=True,
        )


def main(arguments=None):
    """Prints the tables."""
    options = sets.parser_of("unknown", __doc__).parse_args(arguments)
    folders = sets.folders_of(options)
    features = {
        name: sets.features_of(name, folders.get(name), options.limit)
        for name in options.data
    }
    print("| known classes, unknown ones | " + " | ".join(SUMS) + " |")
    print("|---" * (len(SUMS) + 1) + "|")
    for name in options.data:
        if features[name][1].max() < MANY:
            continue
        for known in (FEW, MANY):
            found = rows_of(features, name, known, options)
            for place in dict.fromkeys(place for place, _ in found):
                cells = [f"{found[place, score]:.3f}" for score in SUMS]
                print(
                    f"| {known} of {name}, {place} | "
                    + " | ".join(cells)
                    + " |",
                    flush=True,
                )
    print(
        f"\n| known classes, pictures of each | held-out, {100 * RATE:.0f} % | "
        + " | ".join(f"statistics, {100 * rate:.0f} %" for rate in RATES)
        + " |"
    )
    print("|---" * (2 + len(RATES)) + "|")
    for name in options.data:
        print_alarms(features, name, options)


if __name__ == "__main__":
    main()
