"""What was tried to be better than the solved head, and is not built in.

    python -m examples.benchmarks.tried --data digits fashion_mnist \\
        cats_vs_dogs --data-dir fashion_mnist=GARMENTS cats_vs_dogs=PHOTOS

The first column is the accuracy of the head that `learn` solves, of all
pictures at once; the others are how many points more each other way has on the
same split: the mean, and the standard error of these differences. A way is
built in if it is better on each data set, with few pictures and with more.

- random: the same regression on random features, `relu(x R)`, twice as many as
  there are features; and four times as many.
- chosen: that of these three, plain features among them, whose evidence is
  largest.
- anacp: random features are projected on prototypes of the classes, which are
  the means with equal singular values; a second regression on random features
  of the projection learns from samples that are drawn from statistics.
- lda: linear discriminants.
- blend: the sum of the probabilities of both.
- own: a covariance of each class, half of it shared.

Reference:
- McDonnell et al., 2023, RanPAC; Momeni et al., 2025, AnaCP
"""

import dataclasses

import numpy as np

from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics.ridge_solution import solved
from keras_incremental.statistics.solved_columns import solve_columns

from . import frozen_sets as sets

# Pictures of each class to learn from.
COUNTS = (25, 120)
# Of AnaCP: how many samples are drawn for each real one.
DRAWN = 5
COLUMNS = (
    "solved",
    "random, twice",
    "random, 4 times",
    "chosen",
    "anacp",
    "lda",
    "blend",
    "own",
)


def regression(x, y):
    """The solution, and the log evidence of its penalty."""
    solution = solved(FeatureStatistics.of(x, y))
    ridge = np.array([solution.penalty.ridge])
    evidence = solution.gram.log_evidence(ridge, solution.penalty.cosine)
    return solution, float(evidence[0])


def expanded(x, width, seed=0):
    """Random features."""
    drawn = np.random.default_rng(seed).standard_normal((x.shape[1], width))
    return np.maximum(x @ drawn / np.sqrt(x.shape[1]), 0)


def random(data):
    """Scores of 2 and 4 times as many random features, and of the chosen."""
    width = data.x.shape[1]
    found = [(data.x, data.x_test)]
    for times in (2, 4):
        pair = [expanded(x, times * width) for x in (data.x, data.x_test)]
        found.append(pair)
    scores, evidence = [], []
    for x, x_test in found:
        solution, height = regression(x, data.y)
        scores.append(solution.scores(x_test))
        evidence.append(height)
    _, twice, four_times = scores
    return twice, four_times, scores[int(np.argmax(evidence))]


def anacp(data):
    """Scores by analytic contrastive projection."""
    width = 2 * data.x.shape[1]
    statistics = FeatureStatistics.of(data.x, data.y)
    means = statistics.means - statistics.means.mean(0)
    left, sizes, right = np.linalg.svd(means, full_matrices=False)
    count = data.num_classes - 1
    prototypes = sizes[:count].mean() * left[:, :count] @ right[:count]
    first = regression(expanded(data.x, width), data.y)[0]

    def projected(x):
        scores = first.scores(expanded(x, width)) @ prototypes
        return np.concatenate([scores, expanded(scores, width, seed=1)], 1)

    each = DRAWN * len(data.y) // data.num_classes
    x, y = statistics.draw(range(data.num_classes), each)
    second = regression(projected(x.astype("float64")), y)[0]
    return second.scores(projected(data.x_test))


def discriminants(data):
    """Scores by linear discriminants, in a blend, and of own covariances."""
    statistics = FeatureStatistics.of(data.x, data.y)
    normal, middle = statistics.normal(), statistics.means.mean(0)
    # Where the shared covariance is a sphere.
    x, centers, probes = (
        normal.whitened(rows - middle)
        for rows in (data.x, statistics.means, data.x_test)
    )
    lda = probes @ centers.T - np.square(centers).sum(1) / 2
    columns = solve_columns(statistics, data.x, data.y)[0]
    blend = probabilities(lda) + probabilities(columns.scores(data.x_test))
    own = [
        log_density(probes - center, x[data.y == label] - center)
        for label, center in enumerate(centers)
    ]
    return lda, blend, np.stack(own, -1)


def log_density(steps, rows):
    """Of a normal distribution whose covariance is half that of some rows."""
    rows = rows / np.sqrt(len(rows))
    inner = np.eye(len(rows)) + rows @ rows.T
    along = steps @ rows.T
    squares = np.square(steps).sum(1)
    squares = squares - np.sum(along @ np.linalg.inv(inner) * along, 1)
    return -squares - np.linalg.slogdet(inner)[1] / 2


def probabilities(logits):
    logits = np.exp(logits - logits.max(-1, keepdims=True))
    return logits / logits.sum(-1, keepdims=True)


def differences(data):
    """The accuracy of the solved head, and how much better each way is."""
    solution = regression(data.x, data.y)[0]
    base = data.accuracy(solution.scores(data.x_test))
    ways = (*random(data), anacp(data), *discriminants(data))
    return [base, *(data.accuracy(scores) - base for scores in ways)]


def few(data, count):
    """The same split, with so many pictures of each class to learn from."""
    rows = [np.flatnonzero(data.y == k) for k in range(data.num_classes)]
    rows = np.concatenate([found[:count] for found in rows])
    return dataclasses.replace(
        data,
        x=data.x[rows].astype("float64"),
        y=data.y[rows],
        x_test=data.x_test.astype("float64"),
    )


def row(found):
    """The mean of the first column, differences and their errors of others."""
    found = np.array(found)
    errors = found.std(0, ddof=1) / np.sqrt(len(found))
    base, *others = zip(found.mean(0), errors, strict=True)
    return [f"{base[0]:.2f}", *(f"{v:+.2f} ± {e:.2f}" for v, e in others)]


def main(arguments=None):
    """Prints the table."""
    options = sets.parser_of("tried", __doc__).parse_args(arguments)
    folders = sets.folders_of(options)
    sets.print_header("points more, in %", COLUMNS)
    for name in options.data:
        features = sets.features_of(name, folders.get(name), options.limit)
        splits = [sets.split(*features, k) for k in range(options.splits)]
        for count in COUNTS:
            found = [differences(few(data, count)) for data in splits]
            words = f"{name}, {count} a class"
            print("| " + " | ".join([words, *row(found)]) + " |", flush=True)


if __name__ == "__main__":
    main()
