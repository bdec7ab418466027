"""Methods that replay exemplars."""

import dataclasses

from keras_incremental.distillation import DarkReplay
from keras_incremental.distillation import GroupDistillation
from keras_incremental.distillation import SoftmaxDistillation
from keras_incremental.losses import AsymmetricCrossentropy
from keras_incremental.losses import LogitAdjustedCrossentropy
from keras_incremental.losses import ReplayWeightedCrossentropy
from keras_incremental.losses import SeparatedSoftmax
from keras_incremental.memory.policies import ClassBalanced
from keras_incremental.memory.policies import Concatenate
from keras_incremental.memory.policies import Interleave
from keras_incremental.memory.policies import Weighted
from keras_incremental.models.balanced_stage import BalancedStage
from keras_incremental.models.recipe import MEMORY
from keras_incremental.recipes.parts import bare
from keras_incremental.recipes.parts import exemplars

MIXING = {
    "concatenate": Concatenate,
    "interleave": Interleave,
    "class_balanced": ClassBalanced,
    "weighted": Weighted,
}


def er(budget=2000, per_class=None, selection="herding", mixing="interleave"):
    """Experience replay: as many exemplars as new samples in every batch.

    With `mixing="concatenate"` it is fine-tuning with exemplars, FT-E.

    Reference:
    - [Chaudhry et al., 2019](https://arxiv.org/abs/1902.10486)

    Args:
        budget: Int, exemplars in all. Defaults to `2000`.
        per_class: Int or `None`, exemplars of each class instead.
        selection: See `ExemplarMemory`. Defaults to `"herding"`.
        mixing: `"concatenate"`, `"interleave"`, `"class_balanced"` or
            `"weighted"`. Defaults to `"interleave"`.
    """
    return bare(
        "er",
        memory=exemplars(budget, per_class, selection),
        policy=_policy(mixing),
    )


def ft_e(budget=2000, per_class=None):
    """Fine-tuning with exemplars: shuffled in, each seen once an epoch.

    The baseline that rehearsal has to beat ([Masana et al., 2022](
    https://arxiv.org/abs/2010.15277)).

    Args:
        budget, per_class: See `er`.
    """
    return bare("ft_e", memory=exemplars(budget, per_class))


def balanced_replay(budget=2000, per_class=None):
    """Replay in every batch, light distillation, and a balanced head stage.

    Not of one paper: the combination that measured best here, see the table
    of the benchmark. The first recipe to try where the backbone trains.

    Args:
        budget, per_class: See `er`.
    """
    return bare(
        "balanced_replay",
        memory=exemplars(budget, per_class),
        policy=Interleave(),
        terms=(SoftmaxDistillation(weight=0.5),),
        stage=BalancedStage(),
    )


def lora(rank=8, budget=2000, per_class=None):
    """`balanced_replay` that trains low-rank changes of the Dense layers.

    For a large network that ends in Dense layers, as VGG16 does. For one
    without, fine-tune its last stage.

    Args:
        rank: Int. See `layers.enable_lora`. Defaults to `8`.
        budget, per_class: See `er`.
    """
    return dataclasses.replace(
        balanced_replay(budget, per_class), name="lora", low_rank=rank
    )


def gdumb(budget=2000, per_class=None, epochs=30):
    """Trains from new weights, on the exemplars alone: a sanity check.

    Any method that ends below it gains nothing from its training.

    Reference:
    - [Prabhu et al., 2020](https://www.robots.ox.ac.uk/~tvg/publications/2020/gdumb.pdf)

    Args:
        budget, per_class: See `er`.
        epochs: Int, over the exemplars. Defaults to `30`; the paper goes
            through them 256 times.
    """
    return bare(
        "gdumb",
        memory=exemplars(budget, per_class, "random"),
        reinitialize=True,
        trains_on=MEMORY,
        epochs=epochs,
    )


def der(alpha=0.3, budget=2000, per_class=None):
    """Dark experience replay: exemplars keep the logits they once had.

    Not to be confused with dynamically expandable representation. Here
    logits are stored at the end of the phase of an exemplar, not as it
    streams by.

    Reference:
    - [Buzzega et al., 2020](https://arxiv.org/abs/2004.07211)

    Args:
        alpha: Float, weight of the stored logits. Defaults to `0.3`.
        budget, per_class: See `er`.
    """
    return _dark("der", alpha, 0.0, budget, per_class)


def der_pp(alpha=0.3, beta=0.5, budget=2000, per_class=None):
    """Dark experience replay with the labels of exemplars, DER++.

    The labels are those of the same replayed samples; the paper draws others
    for them.

    Reference:
    - [Buzzega et al., 2020](https://arxiv.org/abs/2004.07211)

    Args:
        alpha: Float, weight of the stored logits. Defaults to `0.3`.
        beta: Float, weight of the labels of exemplars. Defaults to `0.5`.
        budget, per_class: See `er`.
    """
    return _dark("der_pp", alpha, beta, budget, per_class)


def er_ace(budget=2000, per_class=None):
    """Replay with an asymmetric crossentropy: new samples leave old logits
    alone ([Caccia et al., 2022](https://arxiv.org/abs/2104.05025)).

    Args:
        budget, per_class: See `er`.
    """
    return bare(
        "er_ace",
        memory=exemplars(budget, per_class),
        policy=Interleave(),
        loss=AsymmetricCrossentropy(),
    )


def ssil(budget=2000, per_class=None):
    """Separated softmax: old and new classes are never compared in training
    ([Ahn et al., 2021](https://arxiv.org/abs/2003.13947)).

    Args:
        budget, per_class: See `er`.
    """
    return bare(
        "ssil",
        memory=exemplars(budget, per_class),
        policy=Interleave(share=0.2),
        loss=SeparatedSoftmax(),
        terms=(GroupDistillation(scale=True),),
    )


def balanced_softmax(budget=2000, per_class=None, tau=1.0):
    """Replay at its natural share, with the logits adjusted in training by
    how often each class is seen ([Menon et al., 2021](
    https://arxiv.org/abs/2007.07314)).

    Args:
        budget, per_class: See `er`.
        tau: Float, strength of the adjustment. Defaults to `1.0`.
    """
    return bare(
        "balanced_softmax",
        memory=exemplars(budget, per_class),
        loss=LogitAdjustedCrossentropy(tau),
    )


def _dark(name, alpha, beta, budget, per_class):
    return bare(
        name,
        memory=exemplars(budget, per_class),
        policy=Interleave(),
        loss=ReplayWeightedCrossentropy(beta),
        terms=(DarkReplay(weight=alpha),),
    )


def _policy(mixing):
    if mixing not in MIXING:
        raise ValueError(
            f"`mixing` must be one of {sorted(MIXING)}. Received: mixing="
            f"{mixing!r}."
        )
    return MIXING[mixing]()
