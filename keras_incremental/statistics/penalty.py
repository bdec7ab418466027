"""How much a linear head is drawn to zero along each eigenvector."""

import dataclasses

import numpy as np

# Cosines that are compared: ridge regression, weights as large as features
# vary, and halfway.
COSINES = (1.0, 0.5, 0.0)


@dataclasses.dataclass(frozen=True)
class Penalty:
    """The strength of a ridge regression, and how it falls with eigenvalues.

    Along an eigenvector of the Gram matrix with the eigenvalue e the variance
    of the weights is expected to be the share

        p = (e + ridge * cosine) / (ridge + cosine * e)

    of that of the noise, divided by `ridge`. With the cosine 1 it is the same
    along all, which is ridge regression. With a smaller one, what varies much
    is expected to tell more, as features of a pretrained network often do.
    The inverse of the penalized matrix is then

        p / (e * p + ridge) = Re(1 / (e + shift))

    so a solution needs no eigenvectors: it is the real part of a ridge
    regression with the ridge `shift`.

    Attributes:
        ridge: Float above 0, or an array of such floats.
        cosine: Float from 0 to 1. Defaults to `1.0`.
    """

    ridge: float | np.ndarray
    cosine: float = 1.0

    @property
    def shift(self) -> complex | float | np.ndarray:
        """Complex number, or a float where the cosine is 1."""
        if self.cosine == 1:
            return self.ridge
        return self.ridge * complex(self.cosine, np.sqrt(1 - self.cosine**2))

    def share(self, values: np.ndarray) -> np.ndarray:
        """Returns the expected share `p` along eigenvectors.

        Args:
            values: Array of eigenvalues, 0 or more.
        """
        ridge, cosine = self.ridge, self.cosine
        return (values + ridge * cosine) / (ridge + cosine * values)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """Returns the eigenvalues of the inverse of the penalized matrix."""
        share = self.share(values)
        return share / (values * share + self.ridge)
