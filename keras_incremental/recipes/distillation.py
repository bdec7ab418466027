"""Methods that keep the outputs of the network before the phase."""

from keras_incremental.callbacks.bias_correction import BiasCorrection
from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.callbacks.weight_alignment import WeightAlignment
from keras_incremental.distillation import GroupDistillation
from keras_incremental.distillation import LessForget
from keras_incremental.distillation import MarginRanking
from keras_incremental.distillation import PooledOutputs
from keras_incremental.distillation import SigmoidDistillation
from keras_incremental.distillation import SoftmaxDistillation
from keras_incremental.layers import ExpandableCosine
from keras_incremental.layers import NearestClassMean
from keras_incremental.losses import IncrementalSigmoidCrossentropy
from keras_incremental.losses import NCALoss
from keras_incremental.losses import SeparatedSoftmax
from keras_incremental.memory.policies import Interleave
from keras_incremental.recipes.balanced_stage import BalancedStage
from keras_incremental.recipes.parts import bare
from keras_incremental.recipes.parts import exemplars
from keras_incremental.recipes.recipe import Recipe


def lwf(weight: float = 10.0, temperature: float = 2.0) -> Recipe:
    """Learning without forgetting, without exemplars.

    The loss compares new samples with the new classes only, so that the old
    logits are not pushed down; nothing compares old classes with new ones.
    A class that arrives alone is compared with all others.

    Reference:
    - [Li and Hoiem, 2016](https://arxiv.org/abs/1606.09282)

    Args:
        weight: Float, of the distillation. A smaller one forgets more; the
            paper has 1, for tasks that are never compared. Defaults to
            `10.0`.
        temperature: Float above 0. Defaults to `2.0`.
    """
    return bare(
        "lwf",
        loss=SeparatedSoftmax(),
        terms=(SoftmaxDistillation(weight=weight, temperature=temperature),),
    )


def icarl(budget: int = 2000, per_class: int | None = None) -> Recipe:
    """Incremental classifier and representation learning, iCaRL.

    Sigmoids, distillation, and predictions by the nearest mean of exemplars.
    The loss is summed over classes, as in the equation of the paper; the
    mean in its code needs its learning rates of 2.

    Reference:
    - [Rebuffi et al., 2017](https://arxiv.org/abs/1611.07725)

    Args:
        budget, per_class: Same as in `er`.
    """
    return bare(
        "icarl",
        memory=exemplars(budget, per_class),
        loss=IncrementalSigmoidCrossentropy(sum_classes=True),
        terms=(SigmoidDistillation(sum_classes=True),),
        readout=NearestClassMean(1),
    )


def eeil(
    budget: int = 2000, per_class: int | None = None, stage_epochs: int = 20
) -> Recipe:
    """End-to-end incremental learning, EEIL.

    Distillation of each group of classes by itself, then balanced
    fine-tuning on exemplars. The gradient noise and the augmentation of the
    paper are left out.

    Reference:
    - [Castro et al., 2018](https://arxiv.org/abs/1807.09536)

    Args:
        budget, per_class: Same as in `er`.
        stage_epochs: Int, epochs of the balanced fine-tuning. Defaults to
            `20`.
    """
    return bare(
        "eeil",
        memory=exemplars(budget, per_class),
        terms=(GroupDistillation(),),
        stage=BalancedStage(stage_epochs, scope="all", distils=True),
    )


def bic(budget: int = 2000, per_class: int | None = None) -> Recipe:
    """Bias correction, BiC: distillation, then two numbers for new logits.

    Batches hold as many exemplars as new samples; the paper shuffles them
    in. The paper weights distillation by `n / K` and the labels by the rest
    of 1, and trains for 250 epochs. Here the labels keep their full weight:
    with few epochs, a fifth of it is a fifth of the training.

    Reference:
    - [Wu et al., 2019](https://arxiv.org/abs/1905.13260)

    Args:
        budget, per_class: Same as in `er`.
    """
    return _corrected("bic", budget, per_class, BiasCorrection())


def wa(budget: int = 2000, per_class: int | None = None) -> Recipe:
    """Weight aligning: distillation, then new columns get the old norm.

    Labels are weighted and batches mixed as in `bic`. New columns start at
    random, as in the paper: columns that start from 0 are short after a few
    epochs, and alignment with the old norm then lets new classes win.

    Reference:
    - [Zhao et al., 2020](https://arxiv.org/abs/1911.07053)

    Args:
        budget, per_class: Same as in `er`.
    """
    return _corrected(
        "wa",
        budget,
        per_class,
        WeightAlignment(),
        initializer="match_old_scale",
    )


def lucir(budget: int = 2000, per_class: int | None = None) -> Recipe:
    """Learning a unified classifier incrementally via rebalancing, LUCIR.

    A cosine head, features that keep their direction, and a margin to new
    classes. The paper removes the last activation, which a pretrained
    network keeps: its features are all positive, their cosines all alike.
    On a frozen backbone `remember` subtracts their mean instead, and the
    method fails without it. The balanced stage at the end is optional in
    the paper.

    Reference:
    - [Hou et al., 2019](https://openaccess.thecvf.com/content_CVPR_2019/html/Hou_Learning_a_Unified_Classifier_Incrementally_via_Rebalancing_CVPR_2019_paper.html)

    Args:
        budget, per_class: Same as in `er`.
    """
    return bare(
        "lucir",
        memory=exemplars(budget, per_class),
        head=ExpandableCosine(1, scale=10.0),
        initializer="imprinting",
        terms=(LessForget(), MarginRanking()),
        freeze_old=True,
        stage=BalancedStage(),
    )


def podnet(budget: int = 2000, per_class: int | None = None) -> Recipe:
    """Pooled outputs distillation, PODNet.

    Keeps pooled feature maps of all stages. It needs a first phase of many
    classes and a backbone that trains. A frozen one needs `remember`, as in
    `lucir`.

    Reference:
    - [Douillard et al., 2020](https://arxiv.org/abs/2004.13513)

    Args:
        budget, per_class: Same as in `er`.
    """
    return bare(
        "podnet",
        memory=exemplars(budget, per_class),
        head=ExpandableCosine(1, proxies=10, scale=10.0),
        initializer="imprinting",
        loss=NCALoss(scale=10.0),
        terms=(
            PooledOutputs(),
            LessForget(weight=1.0, schedule="sqrt_all_per_new"),
        ),
        stage=BalancedStage(),
    )


def _corrected(
    name: str,
    budget: int,
    per_class: int | None,
    bias_correction: PhaseCallback,
    **parts,
) -> Recipe:
    return bare(
        name,
        memory=exemplars(budget, per_class),
        policy=Interleave(),
        terms=(SoftmaxDistillation(schedule="old_share"),),
        bias_correction=bias_correction,
        **parts,
    )
