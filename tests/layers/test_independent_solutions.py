"""Every head in closed form against its formula, on data that are odd.

The formulas read samples, not statistics, and share no code with the heads.
"""

import functools
import inspect

import numpy as np
import pytest
from keras import ops

from keras_incremental import layers
from keras_incremental import recipes

DIM, PROBES = 8, np.random.default_rng(9).normal(1, 2, size=(16, 8))


def samples(counts, dim=DIM, seed=0):
    """Features above 0, as of a ReLU, and labels, of a number of each class."""
    labels = np.repeat(np.arange(len(counts)), counts)
    drawn = np.random.default_rng(seed).normal(size=(len(labels), dim))
    return np.abs(drawn + 3 * np.eye(dim)[labels % dim] + 0.5), labels


def dead(x):
    return np.concatenate([x[:, :-2], np.zeros((len(x), 2))], axis=1)


def constant(x):
    return np.concatenate([x[:, :-1], np.full((len(x), 1), 7.0)], axis=1)


def twins(x):
    return np.concatenate([x[:, :4], x[:, :4]], axis=1)


def case(counts, change=lambda x: x, repeats=1):
    x, y = samples(counts)
    return np.tile(change(x), (repeats, 1)), np.tile(y, repeats)


def mislabeled(counts):
    x, y = samples(counts)
    return x, np.where(np.arange(len(y)) % 3, y, (y + 1) % len(counts))


DATA = {
    "plain": case((20, 15, 12)),
    "fewer samples than features": case((2, 2, 1)),
    "dead features": case((20, 15, 12), dead),
    "a constant feature": case((20, 15, 12), constant),
    "features twice": case((20, 15, 12), twins),
    "samples twice": case((9, 6, 5), repeats=2),
    "one to 1,000": case((1000, 1)),
    "one sample a class": case((1, 1, 1)),
    "one class": case((12,)),
    "one sample in all": case((1,)),
    "all samples alike": (np.ones((6, DIM)), np.arange(6) % 2),
    "large": case((20, 15, 12), lambda x: 1e6 * x),
    "only zeros": (np.zeros((6, DIM)), np.arange(6) % 2),
}
NOISE = {"a third of wrong labels": mislabeled((30, 30, 30))}


def lengths_of_one(x):
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    return np.divide(x, norm, out=np.zeros_like(x), where=norm > 0)


def means_of(x, y):
    return np.stack([x[y == k].mean(0) for k in range(y.max() + 1)])


def nearest_mean(x, y, probes, normalize=True):
    if normalize:
        means = lengths_of_one(means_of(lengths_of_one(x), y))
        return 10 * lengths_of_one(probes) @ means.T
    means = means_of(x, y)
    steps = probes[:, None] - means
    return 10 * ((probes**2).sum(1)[:, None] - (steps**2).sum(-1))


def discriminant(x, y, probes, share=0.1, priors=False):
    """Log densities, up to what all classes have in common."""
    means = means_of(x, y)
    inner = x - means[y]
    covariance = inner.T @ inner / len(x)
    variance = np.trace(covariance) / DIM
    sphere = np.eye(DIM)
    if variance > 0:
        covariance = (1 - share) * covariance + share * variance * sphere
    else:
        covariance = sphere
    inverse = np.linalg.inv(covariance)
    steps = probes[:, None] - means
    distances = np.einsum("nki,ij,nkj->nk", steps, inverse, steps)
    return -distances / 2 + priors * np.log(np.bincount(y) / len(y))


def least_squares(x, y, probes, ridge=0.1, intercept=True, weights=None):
    """One system of equations in all samples, the penalty among them."""
    weights = np.ones(len(x)) if weights is None else weights
    center = np.average(x, 0, weights) if intercept else np.zeros(x.shape[1])
    targets = np.eye(y.max() + 1)[y]
    shares = np.average(targets, 0, weights) if intercept else 0
    rows = np.sqrt(weights)[:, None] * (x - center)
    energy = np.sum(rows**2)
    penalty = ridge * (energy / x.shape[1] if energy > 0 else 1.0)
    system = np.concatenate([rows, np.sqrt(penalty) * np.eye(x.shape[1])])
    wanted = np.sqrt(weights)[:, None] * (targets - shares)
    wanted = np.concatenate([wanted, np.zeros((x.shape[1], wanted.shape[1]))])
    kernel = np.linalg.lstsq(system, wanted, rcond=None)[0]
    return 10 * ((probes - center) @ kernel + shares)


def balanced(x, y, probes):
    counts = np.bincount(y)
    return least_squares(x, y, probes, weights=1 / counts[y])


def projected(x, width, seed=0):
    drawn = np.random.default_rng(seed).standard_normal((DIM, width))
    return x @ (drawn / np.sqrt(DIM)).astype("float32").astype("float64")


def expanded(x, y, probes, intercept=True):
    x, probes = (np.maximum(projected(v, 20), 0) for v in (x, probes))
    return least_squares(x, y, probes, intercept=intercept)


def compensated(x, y, probes):
    """The second regression reads what the first one left of each sample."""
    main = expanded(x, y, probes, intercept=False)
    left = np.eye(y.max() + 1)[y] - expanded(x, y, x, intercept=False) / 10
    rows, others = (np.tanh(projected(v, 20)) for v in (x, probes))
    gram = rows.T @ rows
    energy = np.trace(gram) / 20
    penalty = 0.1 * (energy if energy > 0 else 1.0) * np.eye(20)
    kernel = np.linalg.solve(gram + penalty, rows.T @ left)
    return main + 0.6 * 10 * others @ kernel


def mahalanobis(x, y, probes, shared=False):
    """Roots, shrunk correlations of each class, vectors of length 1."""
    x, probes = (np.sign(v) * np.sqrt(np.abs(v)) for v in (x, probes))
    means = means_of(x, y)
    classes = [x[y == k] - means[k] for k in range(len(means))]
    if shared:
        classes = [np.concatenate(classes)] * len(means)
    scores = []
    for mean, inner in zip(lengths_of_one(means), classes, strict=True):
        matrix = correlation(inner.T @ inner / len(inner))
        steps = lengths_of_one(probes) - mean
        inverse = np.linalg.inv(matrix + 1e-8 * np.eye(DIM))
        scores.append(-np.einsum("ni,ij,nj->n", steps, inverse, steps))
    return 10 * np.stack(scores, -1)


def correlation(covariance):
    if not np.trace(covariance) > 0:
        return np.eye(DIM)
    diagonal = np.eye(DIM, dtype=bool)
    larger = covariance + 3 * np.where(
        diagonal, covariance[diagonal].mean(), covariance[~diagonal].mean()
    )
    deviations = np.sqrt(np.diag(larger))
    return larger / deviations[:, None] / deviations


Analytic = functools.partial(layers.AnalyticDense, ridge=0.1)
HEADS = {
    "cosines of means": (layers.NearestClassMean, nearest_mean),
    "distances of means": (
        functools.partial(layers.NearestClassMean, normalize=False),
        functools.partial(nearest_mean, normalize=False),
    ),
    "discriminants": (
        functools.partial(layers.StreamingLDA, shrinkage=0.1),
        discriminant,
    ),
    "discriminants with priors": (
        functools.partial(layers.StreamingLDA, shrinkage=0.1, priors=True),
        functools.partial(discriminant, priors=True),
    ),
    "ridge": (Analytic, least_squares),
    "ridge, balanced": (functools.partial(Analytic, balanced=True), balanced),
    "ranpac": (functools.partial(Analytic, expansion=20), expanded),
    "acil": (
        functools.partial(Analytic, expansion=20, intercept=False),
        functools.partial(expanded, intercept=False),
    ),
    "ds-al": (
        functools.partial(
            Analytic, expansion=20, intercept=False, compensation=0.6
        ),
        compensated,
    ),
    "correlations": (layers.FeCAM, mahalanobis),
    "one correlation": (
        functools.partial(layers.FeCAM, shared=True),
        functools.partial(mahalanobis, shared=True),
    ),
}
# Scores of a class are right up to what all classes share.
FREE = {"distances of means", "one correlation"}
FREE |= {name for name in HEADS if "discriminants" in name}


def comparable(name, scores):
    scores = np.asarray(scores, "float64")
    return scores - scores[:, :1] if name in FREE else scores


@pytest.mark.parametrize("data", DATA | NOISE)
@pytest.mark.parametrize("name", HEADS)
def test_scores_are_those_of_the_formula(name, data):
    make, formula = HEADS[name]
    x, y = (DATA | NOISE)[data]
    size = max(np.abs(x).max(), 1)
    probes = PROBES * size / 10
    head = make(int(y.max()) + 1)
    head.adapt(x, y)
    found = comparable(
        name, ops.convert_to_numpy(head(probes.astype("float32")))
    )
    expected = comparable(name, formula(x, y, probes))
    assert np.isfinite(found).all()
    # Scores are differences of larger numbers in float32.
    scale = max(np.abs(formula(x, y, probes)).max(), 1)
    np.testing.assert_allclose(found, expected, atol=2e-5 * scale)


@pytest.mark.parametrize("data", DATA)
def test_what_is_chosen_from_data_is_finite(data):
    x, y = DATA[data]
    for make in (layers.AnalyticDense, layers.StreamingLDA):
        head = make(int(y.max()) + 1)
        head.adapt(x, y)
        found = ops.convert_to_numpy(head(x.astype("float32")))
        assert np.isfinite(found).all()
        expected = len(np.unique(x, axis=0)) < 2 or found.argmax(-1) == y
        assert np.mean(expected) > 0.8


def test_every_head_in_closed_form_is_here():
    exported = {
        head
        for _, head in inspect.getmembers(layers, inspect.isclass)
        if issubclass(head, layers.ClosedFormHead)
        and head is not layers.ClosedFormHead
    }
    made = {type(make(1)) for make, _ in HEADS.values()}
    assert made == exported
    solved = [getattr(recipes, name)().head for name in recipes.names()]
    solved = {type(head) for head in solved if head and head.is_closed_form}
    assert solved <= made
