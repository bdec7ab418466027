"""Maximum likelihood fit of an affine map of logits."""

import numpy as np
from numpy.typing import ArrayLike

from keras_incremental.utils.probabilities import logsumexp

MIN_ALPHA = 0.05
TOLERANCE = 1e-10
MAX_STEPS = 100
MAX_STEP = 10.0


def fit_affine(
    logits: ArrayLike, labels: ArrayLike, new: slice, prior: float = 0.1
) -> tuple[float, float]:
    """Fits `alpha * logit + beta` for the columns `new` of logits.

    Minimizes, by Newton's method in float64, the convex function

        sum of the crossentropies + prior / 2 * ((alpha - 1)**2 + beta**2)

    Args:
        logits: Array of shape `(num_samples, num_classes)`.
        labels: Ints of shape `(num_samples,)`.
        new: Slice of the columns to map.
        prior: Float, 0 or more. A larger value stays closer to the identity.
            Defaults to `0.1`.

    Returns:
        Two floats: `alpha`, 0.05 or more, and `beta`.

    Raises:
        ValueError: if there are no samples, or a label has no column.

    Example:

    >>> logits = np.array([[0.0, 3.0], [0.0, 1.0]] * 50)
    >>> labels = np.array([1, 0] * 50)
    >>> alpha, beta = fit_affine(logits, labels, slice(1, 2))
    >>> alpha > 1 and beta < 0
    True
    """
    logits = np.asarray(logits, "float64")
    labels = _checked_labels(labels, logits)
    problem = _Problem(logits, labels, new, prior)
    point = _minimize(problem, np.array([1.0, 0.0]), np.array([True, True]))
    if point[0] < MIN_ALPHA:
        # The function is convex, so its minimum lies on the edge.
        edge = np.array([MIN_ALPHA, point[1]])
        point = _minimize(problem, edge, np.array([False, True]))
    return float(point[0]), float(point[1])


class _Problem:
    """Objective of the fit, with its derivatives."""

    def __init__(self, logits, labels, new, prior):
        self._logits, self._new, self._prior = logits, new, prior
        self._own = np.zeros(logits.shape, bool)
        self._own[np.arange(len(labels)), labels] = True

    def value(self, point):
        mapped = self._mapped(point)
        losses = logsumexp(mapped)[:, 0] - mapped[self._own]
        return losses.sum() + self._prior / 2 * np.sum((point - [1, 0]) ** 2)

    def derivatives(self, point):
        """Returns gradient and Hessian with respect to `(alpha, beta)`."""
        mapped = self._mapped(point)
        share = np.exp(mapped - logsumexp(mapped))[:, self._new]
        new = self._logits[:, self._new]
        # Derivatives of the mapped logits by `alpha` and `beta`.
        by = np.stack([new, np.ones_like(new)])
        mean = np.einsum("nk,ink->ni", share, by)
        own = np.einsum("nk,ink->ni", self._own[:, self._new], by)
        gradient = np.sum(mean - own, 0) + self._prior * (point - [1, 0])
        second = np.einsum("nk,ink,jnk->ij", share, by, by) - mean.T @ mean
        return gradient, second + self._prior * np.eye(2)

    def _mapped(self, point):
        mapped = self._logits.copy()
        mapped[:, self._new] = point[0] * mapped[:, self._new] + point[1]
        return mapped


def _minimize(problem, point, free):
    for _ in range(MAX_STEPS):
        gradient, hessian = problem.derivatives(point)
        step = np.zeros(2)
        step[free] = _newton(gradient[free], hessian[np.ix_(free, free)])
        expected = -gradient @ step
        if expected < TOLERANCE:
            break
        point = _shortened(problem, point, step, expected)
    return point


def _newton(gradient, hessian):
    # The Hessian vanishes if all samples are far from the decision boundary.
    damping = 1e-6 * np.linalg.norm(gradient) + 1e-12
    step = -np.linalg.solve(hessian + damping * np.eye(len(hessian)), gradient)
    return step * min(1.0, MAX_STEP / (np.linalg.norm(step) + 1e-12))


def _shortened(problem, point, step, expected):
    """Returns the point after a step, halved until the value decreases."""
    start = problem.value(point)
    for _ in range(50):
        if problem.value(point + step) <= start - 0.1 * expected:
            return point + step
        step, expected = step / 2, expected / 2
    return point


def _checked_labels(labels, logits):
    labels = np.asarray(labels).reshape(-1)
    if not len(labels) or len(labels) != len(logits):
        raise ValueError(
            "`logits` and `labels` must have the same number of samples, at "
            f"least one. Received: {len(logits)} samples and {len(labels)} "
            "labels. Hold out more samples."
        )
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(
            f"`labels` must be from 0 to {logits.shape[1] - 1}. Received: "
            f"labels from {labels.min()} to {labels.max()}. Pass labels of "
            "classes of the head only."
        )
    return labels.astype(int)
