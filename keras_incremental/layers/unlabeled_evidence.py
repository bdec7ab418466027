"""Limits of a new class, learned from unlabeled samples of any classes."""

import dataclasses

import numpy as np

from keras_incremental.metrics.positive_share import estimate_positive_share
from keras_incremental.statistics.low_rank import empty_statistics
from keras_incremental.statistics.solved_columns import LinearColumns
from keras_incremental.statistics.solved_columns import solve_in_units

# Samples of other classes that are enough.
LEAST = 5
ROUNDS, STEPS, PRECISE = 50, 50, 1e-6


@dataclasses.dataclass(frozen=True)
class Evidence:
    """How evidence for a class adds up, learned beside unlabeled samples.

    Attributes:
        bias: Float.
        weights: Array of shape `(parts,)`, so that `bias + parts @ weights`
            is the logit of the class against all others.
        shares: Array, the probability of each unlabeled sample to be one of
            the class, at the share of them that is most probable.
    """

    bias: float
    weights: np.ndarray
    shares: np.ndarray

    def logits(self, parts: np.ndarray) -> np.ndarray:
        """Returns the logits of samples.

        Args:
            parts: Array of shape `(samples, parts)`.
        """
        return self.bias + parts @ self.weights


def weigh_evidence(
    own: np.ndarray, unlabeled: np.ndarray, shares: np.ndarray
) -> Evidence | None:
    """Returns how evidence adds up, `None` if nearly all are of the class.

    By expectation maximization: a logistic regression of the samples of the
    class against the unlabeled ones, each of which counts as far as it is of
    another class; then these shares, of that regression. Both sides weigh the
    same, and the weights have a normal prior of variance 1.

    Reference:
    - [Saerens et al., 2002](https://doi.org/10.1162/089976602753284446), the
      shares; Ward et al., 2009, Presence-only data and the EM algorithm

    Args:
        own: Array of shape `(samples, parts)`, of samples of the class that
            the evidence was not learned from, each part of variance 1.
        unlabeled: Array of shape `(others, parts)`.
        shares: Array of shape `(others,)`, the first guess, from 0 to 1.
    """
    rows = np.concatenate([own, unlabeled])
    rows = np.concatenate([np.ones((len(rows), 1)), rows], axis=1)
    line, found = np.zeros(rows.shape[-1]), shares
    for _ in range(ROUNDS):
        shares, others = found, np.sum(1 - found)
        if others < LEAST:
            return None
        line = _regression(rows, len(own), 1 - shares, line)
        logits = rows[len(own) :] @ line
        share = np.clip(estimate_positive_share(logits), PRECISE, 1 - PRECISE)
        found = _sigmoid(logits + np.log(share / (1 - share)))
        if np.abs(found - shares).max() < PRECISE:
            break
    return Evidence(float(line[0]), line[1:], found)


def told_from(
    own: np.ndarray, others: np.ndarray
) -> tuple[LinearColumns, np.ndarray, np.ndarray]:
    """Returns a column that tells a class from other samples.

    It is the ridge regression of both, its penalty the most probable one, at
    the best temperature.

    Args:
        own: Array of shape `(samples, features)`, of the class.
        others: Array of shape `(others, features)`.

    Returns:
        `LinearColumns` of one column, and the logits of `own` and of `others`,
        each left out in turn.
    """
    features = np.concatenate([others, own])
    labels = np.repeat([0, 1], [len(others), len(own)])
    statistics = empty_statistics(features.shape[-1])
    statistics = statistics.updated(features, labels)
    columns, left_out = solve_in_units(statistics, features, labels)
    column = LinearColumns(
        columns.kernel[:, 1] - columns.kernel[:, 0],
        columns.bias[1] - columns.bias[0],
    )
    logits = left_out.logits[:, 1] - left_out.logits[:, 0]
    return column, logits[len(others) :], logits[: len(others)]


def _regression(rows, count, rest, line):
    """Returns the line of least crossentropy, from an earlier one.

    Args:
        rows: Array with a column of ones; the first `count` are of the class.
        count: Int.
        rest: Array, how much each of the others counts.
        line: Array to begin with.
    """
    total = count + rest.sum()
    weights = np.concatenate(
        [np.full(count, total / (2 * count)), rest * total / (2 * rest.sum())]
    )
    targets = np.arange(len(rows)) < count
    prior = np.ones(rows.shape[-1])
    prior[0] = 0

    def loss(line):
        logits = rows @ line
        losses = np.logaddexp(0, logits) - targets * logits
        return weights @ losses + prior @ line**2 / 2

    lowest = loss(line)
    for _ in range(STEPS):
        probabilities = _sigmoid(rows @ line)
        slope = rows.T @ (weights * (probabilities - targets)) + prior * line
        bends = weights * probabilities * (1 - probabilities)
        bend = (rows.T * bends) @ rows + np.diag(prior)
        step = np.linalg.lstsq(bend, slope, rcond=None)[0]
        # Newton's step is too long where probabilities are near 0 or 1.
        size = 1.0
        while size > PRECISE and loss(line - size * step) > lowest:
            size /= 2
        if size <= PRECISE:
            break
        line = line - size * step
        last, lowest = lowest, loss(line)
        if last - lowest < PRECISE * max(abs(lowest), 1):
            break
    return line


def _sigmoid(logits):
    return np.exp(-np.logaddexp(0, -logits))
