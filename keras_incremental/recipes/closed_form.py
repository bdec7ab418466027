"""Methods without training: heads that are solved, on frozen features.

They keep no picture, and end at the same head whatever the order in which
classes arrive. `remember` must show them the first classes. Where the first
phase was trained with the backbone, that is first-session adaptation.
"""

from keras_incremental.layers import AnalyticDense
from keras_incremental.layers import FeCAM
from keras_incremental.layers import NearestClassMean
from keras_incremental.layers import StreamingLDA
from keras_incremental.recipes.parts import bare


def ncm():
    """The nearest class mean, by cosine ([Mensink et al., 2013](
    https://hal.science/hal-00817211))."""
    return bare("ncm", head=NearestClassMean(1))


def slda(shrinkage="oas"):
    """Streaming linear discriminant analysis ([Hayes and Kanan, 2020](
    https://arxiv.org/abs/1909.01520)).

    Args:
        shrinkage: See `StreamingLDA`. Defaults to `"oas"`.
    """
    return bare("slda", head=StreamingLDA(1, shrinkage=shrinkage))


def ridge(strength="auto"):
    """Ridge regression on the features, the same as on all data at once.

    Args:
        strength: As `ridge` of `AnalyticDense`. Defaults to `"auto"`.
    """
    return bare("ridge", head=AnalyticDense(1, ridge=strength))


def acil(expansion=8192, strength=0.1):
    """Analytic class-incremental learning ([Zhuang et al., 2022](
    https://arxiv.org/abs/2205.14922)).

    Args:
        expansion: Int, width of the random features. Defaults to `8192`.
        strength: As `ridge` of `AnalyticDense`. Defaults to `0.1`.
    """
    return _analytic("acil", expansion, strength, intercept=False)


def ranpac(expansion=2048, strength="auto"):
    """Ridge regression on random features ([McDonnell et al., 2023](
    https://arxiv.org/abs/2307.02251)).

    The paper takes 10,000 random features: each picture then costs 100
    million multiplications, and the head 800 MB.

    Args:
        expansion: Int, how many. More are more accurate, at a cost that
            grows with the square, and the cube once a phase. Defaults to
            `2048`.
        strength: As `ridge` of `AnalyticDense`. Defaults to `"auto"`.
    """
    return _analytic("ranpac", expansion, strength)


def ds_al(expansion=2048, strength="auto", compensation=0.6):
    """Ridge regression with a second one on what the first leaves over
    ([Zhuang et al., 2024](https://arxiv.org/abs/2403.17503)).

    Args:
        expansion: See `ranpac`. Defaults to `2048`.
        strength: As `ridge` of `AnalyticDense`. Defaults to `"auto"`.
        compensation: Float, weight of the second. Defaults to `0.6`.
    """
    return _analytic("ds_al", expansion, strength, compensation=compensation)


def fecam(shared=False):
    """A covariance for each class ([Goswami et al., 2023](
    https://arxiv.org/abs/2309.14062)).

    Args:
        shared: Bool. Whether classes share one, which takes less memory.
            Defaults to `False`.
    """
    return bare("fecam", head=FeCAM(1, shared=shared))


def _analytic(name, expansion, strength, **options):
    head = AnalyticDense(1, ridge=strength, expansion=expansion, **options)
    return bare(name, head=head)
