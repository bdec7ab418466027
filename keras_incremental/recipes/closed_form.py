"""Methods without training: heads that are solved, on frozen features.

They keep no sample, and end at the same head whatever the order in which
classes arrive. `remember` must show them the first classes. Where the first
phase was trained with the backbone, that is first-session adaptation.
"""

from keras_incremental.layers import AnalyticDense
from keras_incremental.layers import FeCAM
from keras_incremental.layers import NearestClassMean
from keras_incremental.layers import StreamingLDA
from keras_incremental.recipes.parts import bare
from keras_incremental.recipes.recipe import Recipe


def ncm() -> Recipe:
    """Nearest class mean, by cosine.

    Reference:
    - [Mensink et al., 2013](https://hal.science/hal-00817211)
    """
    return bare("ncm", head=NearestClassMean(1))


def slda(shrinkage: float | str = "evidence") -> Recipe:
    """Streaming linear discriminant analysis.

    Reference:
    - [Hayes and Kanan, 2020](https://arxiv.org/abs/1909.01520)

    Args:
        shrinkage: Same as in `StreamingLDA`. Defaults to
            `"evidence"`.
    """
    return bare("slda", head=StreamingLDA(1, shrinkage=shrinkage))


def ridge(strength: float | str = "evidence") -> Recipe:
    """Ridge regression on the features, the same as on all data at once.

    Args:
        strength: Same as `ridge` in `AnalyticDense`. Defaults to
            `"evidence"`.
    """
    return bare("ridge", head=AnalyticDense(1, ridge=strength))


def ranpac(
    expansion: int = 2048,
    strength: float | str = "evidence",
    intercept: bool = True,
    compensation: float | None = None,
) -> Recipe:
    """Ridge regression on random features.

    The paper takes 10,000 random features: each sample then costs 100
    million multiplications, and the head 800 MB. Two other methods are
    options of it: `ranpac(8192, 0.1, intercept=False)` is analytic
    class-incremental learning, ACIL, which needs a fixed strength for its
    recursion (from statistics, the evidence may choose it here too);
    `ranpac(compensation=0.6)` is its dual-stream successor, DS-AL, where a
    second regression learns what the first leaves over.

    Reference:
    - [McDonnell et al., 2023](https://arxiv.org/abs/2307.02251)
    - [Zhuang et al., 2022](https://arxiv.org/abs/2205.14922), ACIL
    - [Zhuang et al., 2024](https://arxiv.org/abs/2403.17503), DS-AL

    Args:
        expansion: Int, the number of random features. More are more
            accurate, at a cost that grows with the square for each sample
            and with the cube for each phase. Defaults to `2048`.
        strength: Same as `ridge` in `AnalyticDense`. Defaults to
            `"evidence"`.
        intercept: Bool. Whether the head has a bias. Defaults to `True`.
        compensation: Float above 0, the weight of the second regression, or
            `None` for one regression. Defaults to `None`.
    """
    head = AnalyticDense(
        1,
        ridge=strength,
        expansion=expansion,
        intercept=intercept,
        compensation=compensation,
    )
    return bare("ranpac", head=head)


def fecam(shared: bool = False) -> Recipe:
    """Mahalanobis distance by a covariance for each class.

    Reference:
    - [Goswami et al., 2023](https://arxiv.org/abs/2309.14062)

    Args:
        shared: Bool. Whether classes share one covariance, which takes less
            memory. Defaults to `False`.
    """
    return bare("fecam", head=FeCAM(1, shared=shared))
