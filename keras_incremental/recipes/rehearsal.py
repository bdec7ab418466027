"""Methods that replay exemplars."""

from collections.abc import Callable

from keras_incremental.distillation import DarkReplay
from keras_incremental.distillation import GroupDistillation
from keras_incremental.distillation import SoftmaxDistillation
from keras_incremental.losses import AsymmetricCrossentropy
from keras_incremental.losses import LogitAdjustedCrossentropy
from keras_incremental.losses import SeparatedSoftmax
from keras_incremental.memory.base_memory import BaseMemory
from keras_incremental.memory.policies import ClassBalanced
from keras_incremental.memory.policies import Concatenate
from keras_incremental.memory.policies import Interleave
from keras_incremental.memory.policies import Weighted
from keras_incremental.recipes.balanced_stage import BalancedStage
from keras_incremental.recipes.parts import bare
from keras_incremental.recipes.parts import exemplars
from keras_incremental.recipes.parts import memory_of
from keras_incremental.recipes.recipe import Recipe

MIXING = {
    "concatenate": Concatenate,
    "interleave": Interleave,
    "class_balanced": ClassBalanced,
    "weighted": Weighted,
}


def er(
    budget: int = 2000,
    per_class: int | None = None,
    selection: str | Callable = "herding",
    mixing: str = "interleave",
    memory: BaseMemory | None = None,
) -> Recipe:
    """Experience replay: as many exemplars as new samples in every batch.

    With `memory=Reservoir(500)` it follows a stream, in `observe`.

    With `mixing="concatenate"` exemplars are shuffled in, each seen once an
    epoch. That is fine-tuning with exemplars, FT-E, the baseline that
    rehearsal has to beat.

    Reference:
    - [Chaudhry et al., 2019](https://arxiv.org/abs/1902.10486)
    - [Masana et al., 2022](https://arxiv.org/abs/2010.15277), FT-E

    Args:
        budget: Int, exemplars in all. Defaults to `2000`.
        per_class: Int, exemplars of each class in place of `budget`, or
            `None`. Defaults to `None`.
        selection: Same as in `ExemplarMemory`. Defaults to `"herding"`.
        mixing: `"concatenate"`, `"interleave"`, `"class_balanced"` or
            `"weighted"`. Defaults to `"interleave"`.
        memory: `memory.Reservoir` for streams, in the place of the first
            three. Defaults to `None`.

    Raises:
        ValueError: if there is no such mixing.
    """
    if mixing not in MIXING:
        raise ValueError(
            f"`mixing` must be one of {sorted(MIXING)}. Received: mixing="
            f"{mixing!r}."
        )
    return bare(
        "er",
        memory=memory_of(memory, budget, per_class, selection),
        policy=MIXING[mixing](),
    )


def balanced_replay(
    budget: int = 2000,
    per_class: int | None = None,
    low_rank: int | None = None,
) -> Recipe:
    """Replay in every batch, light distillation, and a balanced head stage.

    The combination that measured best in the benchmark of this package, not
    the method of one paper. The first recipe to try where the backbone
    trains.

    Args:
        budget, per_class: Same as in `er`.
        low_rank: Int, the rank of the changes that the Dense layers below
            the head may make (`layers.enable_lora`), or `None` to train all
            of the backbone. `8` suits a large network that ends in Dense
            layers, as VGG16 does. For a network without, fine-tune its last
            stage. Defaults to `None`.
    """
    return bare(
        "balanced_replay",
        memory=exemplars(budget, per_class),
        policy=Interleave(),
        terms=(SoftmaxDistillation(weight=0.5),),
        stage=BalancedStage(),
        low_rank=low_rank,
    )


def der_pp(
    alpha: float = 0.3,
    beta: float = 0.5,
    budget: int = 2000,
    per_class: int | None = None,
    memory: BaseMemory | None = None,
) -> Recipe:
    """Dark experience replay, DER++: exemplars keep the logits they had.

    The labels are those of the same replayed samples; the paper draws other
    samples for them. With `beta=0` the labels of exemplars are not used:
    that is DER. Logits are stored at the end of the phase of an exemplar; a
    `Reservoir` keeps them as samples stream by, as in the paper.
    Not to be confused with dynamically expandable representation.

    Reference:
    - [Buzzega et al., 2020](https://arxiv.org/abs/2004.07211)

    Args:
        alpha: Float, weight of the stored logits. Defaults to `0.3`.
        beta: Float, weight of the labels of exemplars. Defaults to `0.5`.
        budget, per_class, memory: Same as in `er`.
    """
    return bare(
        "der_pp",
        memory=memory_of(memory, budget, per_class),
        policy=Interleave(weight=beta),
        terms=(DarkReplay(weight=alpha),),
    )


def er_ace(
    budget: int = 2000,
    per_class: int | None = None,
    memory: BaseMemory | None = None,
) -> Recipe:
    """Replay with an asymmetric crossentropy, ER-ACE.

    New samples do not change the logits of old classes.

    Reference:
    - [Caccia et al., 2022](https://arxiv.org/abs/2104.05025)

    Args:
        budget, per_class, memory: Same as in `er`.
    """
    return bare(
        "er_ace",
        memory=memory_of(memory, budget, per_class),
        policy=Interleave(),
        loss=AsymmetricCrossentropy(),
    )


def ssil(budget: int = 2000, per_class: int | None = None) -> Recipe:
    """Separated softmax for incremental learning, SS-IL.

    Old and new classes are never compared in training.

    Reference:
    - [Ahn et al., 2021](https://arxiv.org/abs/2003.13947)

    Args:
        budget, per_class: Same as in `er`.
    """
    return bare(
        "ssil",
        memory=exemplars(budget, per_class),
        policy=Interleave(share=0.2),
        loss=SeparatedSoftmax(),
        terms=(GroupDistillation(scale=True),),
    )


def balanced_softmax(
    budget: int = 2000, per_class: int | None = None, tau: float = 1.0
) -> Recipe:
    """Replay with logits that are adjusted by the frequency of each class.

    Exemplars are replayed at their natural share.

    Reference:
    - [Menon et al., 2021](https://arxiv.org/abs/2007.07314)

    Args:
        budget, per_class: Same as in `er`.
        tau: Float, strength of the adjustment. Defaults to `1.0`.
    """
    return bare(
        "balanced_softmax",
        memory=exemplars(budget, per_class),
        loss=LogitAdjustedCrossentropy(tau),
    )
