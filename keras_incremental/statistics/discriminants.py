"""Linear discriminants from the scores of a ridge regression."""

import dataclasses
import math

import numpy as np

from keras_incremental.statistics.ridge_solution import RidgeSolution


@dataclasses.dataclass(frozen=True)
class Discriminants:
    """What turns scores of a ridge regression into linear discriminants.

    A regression on one-hot labels hardly ever answers with a class whose mean
    lies between those of others. Discriminants do: with the penalized scatter
    `S` within the classes, and `m` the distances of their means from the
    center, they are `x inv(S) m' - m inv(S) m' / 2`. The kernel of the
    regression is `W = inv(S + each m' m) each m'`, and with `H = m W`

        inv(S) m' each = W inv(1 - H)

    so both differ by a matrix as small as there are classes. The factor
    `each` is left to the temperature.

    Reference:
    - [Hastie et al., 1995](https://doi.org/10.1214/aos/1176324456), Penalized
      discriminant analysis; Hastie et al., 2009, The elements of statistical
      learning, 4.2, classes that are masked by others

    Attributes:
        steps: Array of shape `(classes, features)`, distances of the means
            from their center.
        inner: Array of shape `(classes, classes)`; or `(features, classes)`
            where this is smaller, and what changes by way of the features.
        offset: Array of shape `(classes,)`.
    """

    steps: np.ndarray
    inner: np.ndarray
    offset: np.ndarray | float = 0.0

    @classmethod
    def of(cls, steps: np.ndarray, kernel: np.ndarray) -> "Discriminants":
        """Returns the discriminants of a solution.

        Args:
            steps: Array of shape `(classes, features)`.
            kernel: Array of shape `(features, classes)`.
        """
        num_classes, width = steps.shape
        if num_classes <= width:
            inner = np.linalg.inv(np.eye(num_classes) - steps @ kernel)
        else:
            inner = np.linalg.solve(np.eye(width) - kernel @ steps, kernel)
        found = cls(steps, inner)
        lengths = np.sum(steps * found.turned(kernel).T, -1)
        return cls(steps, inner, -lengths / 2)

    def turned(self, rows: np.ndarray) -> np.ndarray:
        """Returns the products of rows with `inv(1 - H)`.

        Args:
            rows: Array of shape `(num_rows, classes)`.
        """
        if self.inner.shape[0] == self.inner.shape[1]:
            return rows @ self.inner
        return rows + rows @ self.steps @ self.inner

    def scores(self, scores: np.ndarray) -> np.ndarray:
        """Returns the discriminants of samples.

        Args:
            scores: Array of shape `(samples, classes)`, of the regression.
        """
        return self.turned(scores - 1 / len(self.steps)) + self.offset


def preferred(solution: RidgeSolution) -> Discriminants | None:
    """Returns discriminants, or `None` where the regression may be as good.

    Where there are more classes than features and one, a regression cannot
    put each class at a corner of its own, and the discriminants are taken.
    Else these must be expected to be right more often, by more than the
    standard error of the difference, on samples of normal distributions that
    are left out in turn. A sample counts as wrong as often as the nearest
    other class wins over its own: that is no more than it is wrong.

    Without one sample, its score f becomes `(f - h t) / (1 - h)`, where t is
    its target and h how much a sample pulls its own score, on average the
    number of parameters that are fitted for each sample. So what is fitted
    to few samples of many features is not taken for a difference.

    Args:
        solution: `RidgeSolution`.
    """
    statistics, kernel = solution.statistics, solution.kernel
    steps = statistics.means - solution.center
    num_classes, width = steps.shape
    if num_classes == 1:
        return None
    found = Discriminants.of(steps, kernel)
    if num_classes > width + 1:
        return found
    pull = (solution.gram.num_fitted(solution.penalty) + 1) / len(statistics)
    means = steps @ kernel
    noise = solution.gram.squares_of(kernel) - solution.each * means.T @ means
    noise += statistics.remainder * kernel.T @ kernel
    noise /= max(len(statistics) - num_classes, 1)
    # All are shrunk by 1 - h, which leaves which score is larger.
    means = means - pull * (np.eye(num_classes) - 1 / num_classes)
    wrong = solution.each * _shares_wrong(means, noise).sum()
    means = found.turned(means) + (1 - pull) * found.offset
    noise = found.turned(found.turned(noise).T)
    wrong_then = solution.each * _shares_wrong(means, noise).sum()
    surely = wrong - wrong_then > np.sqrt(wrong + wrong_then)
    return found if surely else None


def _shares_wrong(means, noise):
    """Returns how often another class wins over the own one, for each class.

    Args:
        means: Array of shape `(classes, classes)`, the mean scores of each.
        noise: Array of shape `(classes, classes)`, the covariance of scores.
    """
    sizes = np.diag(noise)
    variances = sizes[:, None] + sizes - noise - noise.T
    margins = np.diag(means)[:, None] - means
    np.fill_diagonal(margins, np.inf)
    tiny = np.finfo("float64").tiny
    lowest = np.min(margins / np.sqrt(2 * np.maximum(variances, tiny)), -1)
    return np.array([math.erfc(each) / 2 for each in lowest])
