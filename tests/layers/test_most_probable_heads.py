"""The penalty of heads in closed form, against what samples say of it."""

import numpy as np
import pytest
from keras import ops

from keras_incremental.layers import AnalyticDense

WIDTH, COSINES = 12, (1, 0.5, 0)


def samples(counts, large=True, width=WIDTH):
    """Features that vary more or less; those of one kind tell the classes."""
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(len(counts)), counts)
    spread = np.geomspace(3, 0.1, width)
    tells = np.arange(width) < 4 if large else np.arange(width) >= width - 4
    centers = random.normal(size=(len(counts), width)) * spread * tells
    noise = random.normal(size=(len(labels), width)) * spread
    return (1 + 2 * centers[labels] + noise).astype("float32"), labels


def useless(data):
    x, y = data
    others = np.full((len(x), 1), 7.0), np.zeros((len(x), 1)), x[:, :3]
    return np.concatenate([x, *others], axis=1, dtype="float32"), y


DATA = {
    "large features tell": samples((30, 25, 20)),
    "small features tell": samples((30, 25, 20), large=False),
    "fewer samples than features": samples((9, 8, 7), width=60),
    "constant, zero and double features": useless(samples((30, 25, 20))),
    "one sample of a class": samples((30, 20, 1)),
}
HEADS = {
    "ridge": {},
    "ridge, balanced": {"balanced": True},
    "ridge, no intercept": {"intercept": False},
    "ranpac": {"expansion": 30},
}


def means_of(values, weights, intercept):
    if intercept:
        return np.average(values, 0, weights)
    return np.zeros(values.shape[1])


def known_of(values, ridge, cosine):
    """How much larger the variance of targets is than that of the noise."""
    prior = (values + ridge * cosine) / (ridge + cosine * values)
    return values * prior / ridge


def most_probable(values, squares, freedom, targets):
    """The strength and the cosine under which targets are most probable."""

    def density(ridge, cosine):
        total = 1 + known_of(values, ridge, cosine)
        left = freedom * np.log(np.sum(squares / total))
        return -targets / 2 * (left + np.log(total).sum())

    best = []
    for cosine in COSINES:
        grid = np.geomspace(1e-6, 1e3, 60) * values.max()
        for _ in range(7):
            heights = [density(ridge, cosine) for ridge in grid]
            place = np.clip(np.argmax(heights), 1, len(grid) - 2)
            grid = np.geomspace(grid[place - 1], grid[place + 1], 30)
        best.append((max(heights), grid[np.argmax(heights)], cosine))
    return max(best)[1:]


def expected_scores(x, y, probes, head):
    """The mean of scores under this prior, from samples alone."""
    if head.expansion:
        drawn = head.random_kernel.astype("float64")
        x, probes = (np.maximum(rows @ drawn, 0) for rows in (x, probes))
    weights = 1 / np.bincount(y)[y] if head.balanced else np.ones(len(x))
    targets, root = np.eye(y.max() + 1)[y], np.sqrt(weights)[:, None]
    center = means_of(x, weights, head.intercept)
    shares = means_of(targets, weights, head.intercept)
    rows, targets = root * (x - center), root * (targets - shares)
    values, vectors = np.linalg.eigh(rows @ rows.T)
    values = np.where(values > 1e-10 * values.max(), values, 0)
    squares = np.square(vectors.T @ targets).sum(1)
    freedom = len(x) - head.intercept
    ridge, cosine = most_probable(values, squares, freedom, targets.shape[1])
    known = known_of(values, ridge, cosine)
    inverse = np.divide(known, values, known * 0, where=values > 0)
    inverse = inverse / (1 + known)
    kernel = rows.T @ (vectors * inverse) @ (vectors.T @ targets)
    return 10 * ((probes - center) @ kernel + shares), cosine


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", HEADS)
def test_the_scores_are_the_mean_under_the_most_probable_prior(name, data):
    x, y = DATA[data]
    head = AnalyticDense(3, **HEADS[name])
    head.adapt(x, y)
    probes = x[::5] + np.float32(0.1)
    expected, cosine = expected_scores(x, y, probes, head)
    found = ops.convert_to_numpy(head(probes))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    if name == "ridge" and "features tell" in data:
        assert (cosine < 1) == ("large" in data)
