"""Methods that others have replaced, as recipes."""

from keras_incremental.contrib.attention_distillation import (
    AttentionDistillation,
)
from keras_incremental.contrib.chosen_samples import TrainOnAuxiliary
from keras_incremental.contrib.chosen_samples import TrainOnExemplars
from keras_incremental.contrib.confidence_loss import ConfidenceLoss
from keras_incremental.contrib.double_distillation import DoubleDistillation
from keras_incremental.contrib.dual_memory_rectification import (
    DualMemoryRectification,
)
from keras_incremental.contrib.expert_teacher import ExpertTeacher
from keras_incremental.contrib.global_distillation import GlobalDistillation
from keras_incremental.distillation import SoftmaxDistillation
from keras_incremental.losses import SeparatedSoftmax
from keras_incremental.recipes.balanced_stage import BalancedStage
from keras_incremental.recipes.parts import bare
from keras_incremental.recipes.parts import exemplars
from keras_incremental.recipes.recipe import Recipe


def lwm(beta: float = 1.0, gamma: float = 1.0) -> Recipe:
    """Learning without memorizing: the network keeps its attention, too.

    Its numbers were never reproduced in public. It needs a head on global
    average pooling.

    Reference:
    - [Dhar et al., 2019](https://arxiv.org/abs/1811.08051)

    Args:
        beta: Float, weight of the logits. Defaults to `1.0`.
        gamma: Float, weight of the attention. Defaults to `1.0`.
    """
    return bare(
        "lwm",
        loss=SeparatedSoftmax(),
        terms=(
            SoftmaxDistillation(weight=beta),
            AttentionDistillation(weight=gamma),
        ),
    )


def dmc() -> Recipe:
    """Deep model consolidation, DMC, on unlabeled samples.

    An expert for the new classes and the old network teach a new one.
    `learn` needs `auxiliary` samples like those of old and new classes.

    Reference:
    - [Zhang et al., 2020](https://arxiv.org/abs/1903.07864)
    """
    return bare(
        "dmc",
        terms=(DoubleDistillation(),),
        callbacks=(ExpertTeacher(), TrainOnAuxiliary()),
        reinitialize=True,
    )


def gd(budget: int = 2000, per_class: int | None = None) -> Recipe:
    """Global distillation, GD, with unlabeled samples.

    Only the expert is taught to be unsure of `auxiliary` samples: for the
    network itself that would contradict its targets for them. The
    balanced stage replaces the fine-tuning with inverse frequencies.
    Without `auxiliary` samples in `learn` it distills on labeled ones only.

    Reference:
    - [Lee et al., 2019](https://arxiv.org/abs/1903.12648)

    Args:
        budget, per_class: Same as in `recipes.er`.
    """
    return bare(
        "gd",
        memory=exemplars(budget, per_class),
        terms=(GlobalDistillation(),),
        callbacks=(ExpertTeacher([ConfidenceLoss()]),),
        stage=BalancedStage(),
    )


def il2m(budget: int = 2000, per_class: int | None = None) -> Recipe:
    """Incremental learning with dual memory, IL2M.

    Fine-tuning with exemplars, and scores that are rectified by their means
    of earlier phases. `recipes.bic`, `recipes.wa` and
    `recipes.balanced_softmax` correct the same bias better.

    Reference:
    - [Belouadah and Popescu, 2019](https://openaccess.thecvf.com/content_ICCV_2019/html/Belouadah_IL2M_Class_Incremental_Learning_With_Dual_Memory_ICCV_2019_paper.html)

    Args:
        budget, per_class: Same as in `recipes.er`.
    """
    return bare(
        "il2m",
        memory=exemplars(budget, per_class),
        readout=DualMemoryRectification(1),
    )


def gdumb(
    budget: int = 2000, per_class: int | None = None, epochs: int = 30
) -> Recipe:
    """Training from new weights on the exemplars alone: a sanity check.

    The training of a method that ends below it gains nothing.

    Reference:
    - [Prabhu et al., 2020](https://www.robots.ox.ac.uk/~tvg/publications/2020/gdumb.pdf)

    Args:
        budget, per_class: Same as in `recipes.er`.
        epochs: Int, over the exemplars. Defaults to `30`; the paper has 256.
    """
    return bare(
        "gdumb",
        memory=exemplars(budget, per_class, "random"),
        callbacks=(TrainOnExemplars(),),
        reinitialize=True,
        epochs=epochs,
    )
