"""Methods that keep the outputs of the network as it was."""

from keras_incremental.callbacks.bias_correction import BiasCorrection
from keras_incremental.callbacks.weight_alignment import WeightAlignment
from keras_incremental.distillation import AttentionDistillation
from keras_incremental.distillation import ConfidenceLoss
from keras_incremental.distillation import DoubleDistillation
from keras_incremental.distillation import GlobalDistillation
from keras_incremental.distillation import GroupDistillation
from keras_incremental.distillation import LessForget
from keras_incremental.distillation import MarginRanking
from keras_incremental.distillation import PooledOutputs
from keras_incremental.distillation import SigmoidDistillation
from keras_incremental.distillation import SoftmaxDistillation
from keras_incremental.layers import DualMemoryRectification
from keras_incremental.layers import ExpandableCosine
from keras_incremental.layers import NearestClassMean
from keras_incremental.losses import IncrementalSigmoidCrossentropy
from keras_incremental.losses import NCALoss
from keras_incremental.losses import SeparatedSoftmax
from keras_incremental.memory.policies import Interleave
from keras_incremental.models.balanced_stage import BalancedStage
from keras_incremental.models.recipe import AUXILIARY
from keras_incremental.recipes.parts import bare
from keras_incremental.recipes.parts import exemplars


def lwf(weight=10.0, temperature=2.0):
    """Learning without forgetting, without exemplars ([Li and Hoiem, 2016](
    https://arxiv.org/abs/1606.09282)).

    New samples are told apart among the new classes only, so the old logits
    are not pushed down. What follows for old against new is left to chance.
    A class that arrives alone is told apart from all others.

    Args:
        weight: Float, of the distillation. Less forgets more; the paper has
            1, for tasks that are never compared. Defaults to `10.0`.
        temperature: Float above 0. Defaults to `2.0`.
    """
    return bare(
        "lwf",
        loss=SeparatedSoftmax(),
        terms=(SoftmaxDistillation(weight=weight, temperature=temperature),),
    )


def lwm(beta=1.0, gamma=1.0):
    """Learning without memorizing: keeps where the network looks, too.

    Obsolete; the numbers of the paper were never reproduced in public. It
    needs a head on global average pooling.

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


def dmc():
    """Deep model consolidation: a specialist and the old network teach a new
    one, on unlabeled pictures ([Zhang et al., 2020](
    https://arxiv.org/abs/1903.07864)).

    `learn` needs `auxiliary` pictures like those of old and new classes.
    """
    return bare(
        "dmc",
        terms=(DoubleDistillation(),),
        specialist=(),
        trains_on=AUXILIARY,
        reinitialize=True,
    )


def gd(budget=2000, per_class=None):
    """Global distillation with unlabeled pictures ([Lee et al., 2019](
    https://arxiv.org/abs/1903.12648)).

    Only the specialist is taught to be unsure of `auxiliary` pictures: for
    the network itself that would contradict its targets for them. The
    balanced stage stands for its fine-tuning with inverse frequencies.
    `learn` takes the `auxiliary` pictures; without, it distils labeled
    ones only.

    Args:
        budget, per_class: See `er`.
    """
    return bare(
        "gd",
        memory=exemplars(budget, per_class),
        terms=(GlobalDistillation(),),
        specialist=(ConfidenceLoss(),),
        stage=BalancedStage(),
    )


def icarl(budget=2000, per_class=None):
    """Sigmoids, distillation, and the nearest mean of exemplars ([Rebuffi et
    al., 2017](https://arxiv.org/abs/1611.07725)).

    The loss is summed over classes, as the equation of the paper is; the mean
    of its code needs its learning rates of 2.

    Args:
        budget, per_class: See `er`.
    """
    return bare(
        "icarl",
        memory=exemplars(budget, per_class),
        loss=IncrementalSigmoidCrossentropy(sum_classes=True),
        terms=(SigmoidDistillation(sum_classes=True),),
        readout=NearestClassMean(1),
    )


def eeil(budget=2000, per_class=None, stage_epochs=20):
    """Distils each group by itself, then fine-tunes on balanced exemplars
    ([Castro et al., 2018](https://arxiv.org/abs/1807.09536)).

    Without the gradient noise and the augmentation of the paper.

    Args:
        budget, per_class: See `er`.
        stage_epochs: Int, of the balanced stage. Defaults to `20`.
    """
    return bare(
        "eeil",
        memory=exemplars(budget, per_class),
        terms=(GroupDistillation(),),
        stage=BalancedStage(stage_epochs, scope="all", distils=True),
    )


def bic(budget=2000, per_class=None):
    """Distillation, then two numbers that correct the bias of new logits
    ([Wu et al., 2019](https://arxiv.org/abs/1905.13260)).

    With as many exemplars as new samples in every batch; the paper shuffles
    them in. The paper weighs distillation by `n / K` and the labels by what
    is left of 1, and trains for 250 epochs. Here the labels keep their whole
    weight: with few epochs, a fifth of it is a fifth of the training.

    Args:
        budget, per_class: See `er`.
    """
    return _corrected("bic", budget, per_class, BiasCorrection())


def wa(budget=2000, per_class=None):
    """Distillation, then new columns get the norm of old ones ([Zhao et al.,
    2020](https://arxiv.org/abs/1911.07053)).

    The labels keep their whole weight, and batches are mixed, as in `bic`.
    New columns start random, as in the paper: from 0 they end short after a
    few epochs, and making them as long as old ones lets new classes win.

    Args:
        budget, per_class: See `er`.
    """
    return _corrected(
        "wa",
        budget,
        per_class,
        WeightAlignment(),
        initializer="match_old_scale",
    )


def il2m(budget=2000, per_class=None):
    """Fine-tuning with exemplars, and scores rectified by what they once
    were ([Belouadah and Popescu, 2019](
    https://openaccess.thecvf.com/content_ICCV_2019/html/Belouadah_IL2M_Class_Incremental_Learning_With_Dual_Memory_ICCV_2019_paper.html)).

    Obsolete: `bic`, `wa` and `balanced_softmax` correct the same better.

    Args:
        budget, per_class: See `er`.
    """
    return bare(
        "il2m",
        memory=exemplars(budget, per_class),
        readout=DualMemoryRectification(1),
    )


def lucir(budget=2000, per_class=None):
    """A cosine head, features that keep their direction, and a margin to
    new classes ([Hou et al., 2019](
    https://openaccess.thecvf.com/content_CVPR_2019/html/Hou_Learning_a_Unified_Classifier_Incrementally_via_Rebalancing_CVPR_2019_paper.html)).

    The paper takes off the last activation, which a pretrained network keeps:
    its features are all positive, their cosines all alike. Where they are
    frozen, `remember` has their mean taken off in its place; without it, the
    method fails on them. The balanced stage at the end is optional in the
    paper.

    Args:
        budget, per_class: See `er`.
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


def podnet(budget=2000, per_class=None):
    """Keeps pooled feature maps of all stages ([Douillard et al., 2020](
    https://arxiv.org/abs/2004.13513)).

    It wants a first phase of many classes and a network that trains. Frozen
    features need `remember`, as for `lucir`.

    Args:
        budget, per_class: See `er`.
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


def _corrected(name, budget, per_class, bias_correction, **parts):
    return bare(
        name,
        memory=exemplars(budget, per_class),
        policy=Interleave(),
        terms=(SoftmaxDistillation(schedule="old_share"),),
        bias_correction=bias_correction,
        **parts,
    )
