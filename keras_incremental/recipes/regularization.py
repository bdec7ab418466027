"""Methods that hold weights where they were.

With one head for all classes and nothing old to replay, none of them is far
above fine-tuning; they help beside exemplars.
"""

from keras_incremental.callbacks.elastic_weight_consolidation import (
    ElasticWeightConsolidation,
)
from keras_incremental.callbacks.l2_starting_point import L2StartingPoint
from keras_incremental.callbacks.memory_aware_synapses import (
    MemoryAwareSynapses,
)
from keras_incremental.callbacks.riemannian_walk import RiemannianWalk
from keras_incremental.callbacks.synaptic_intelligence import (
    SynapticIntelligence,
)
from keras_incremental.recipes.parts import bare
from keras_incremental.recipes.parts import exemplars
from keras_incremental.recipes.recipe import Recipe

# A few weights of extreme importance would make SGD diverge.
CLIPPED = 99.9


def ewc(
    strength: float = 1e3, mode: str = "online", variant: str = "exact"
) -> Recipe:
    """Elastic weight consolidation.

    Reference:
    - [Kirkpatrick et al., 2017](https://arxiv.org/abs/1612.00796)

    Args:
        strength: Same as in `ElasticWeightConsolidation`. Defaults to `1e3`.
        mode: `"online"` or `"separate"`. Defaults to `"online"`.
        variant: `"exact"`, `"sampled"` or `"empirical"`. Defaults to
            `"exact"`.
    """
    protection = ElasticWeightConsolidation(
        strength=strength,
        mode=mode,
        variant=variant,
        clip_percentile=CLIPPED,
    )
    return bare("ewc", callbacks=(protection,))


def si(strength: float = 1.0) -> Recipe:
    """Synaptic intelligence.

    Reference:
    - [Zenke et al., 2017](https://arxiv.org/abs/1703.04200)

    Args:
        strength: Same as in `SynapticIntelligence`. Defaults to `1.0`.
    """
    return bare(
        "si",
        callbacks=(SynapticIntelligence(strength, clip_percentile=CLIPPED),),
    )


def mas(strength: float = 1.0) -> Recipe:
    """Memory aware synapses.

    Reference:
    - [Aljundi et al., 2018](https://arxiv.org/abs/1711.09601)

    Args:
        strength: Same as in `MemoryAwareSynapses`. Defaults to `1.0`.
    """
    return bare(
        "mas",
        callbacks=(
            MemoryAwareSynapses(strength=strength, clip_percentile=CLIPPED),
        ),
    )


def rwalk(
    strength: float = 1.0, budget: int = 2000, per_class: int | None = None
) -> Recipe:
    """Riemannian walk, with exemplars.

    Reference:
    - [Chaudhry et al., 2018](https://arxiv.org/abs/1801.10112)

    Args:
        strength: Same as in `RiemannianWalk`. Defaults to `1.0`.
        budget, per_class: Same as in `er`.
    """
    return bare(
        "rwalk",
        memory=exemplars(budget, per_class),
        callbacks=(RiemannianWalk(strength=strength),),
    )


def l2sp(strength: float = 0.01) -> Recipe:
    """Penalty on the distance from the starting point, L2-SP.

    Reference:
    - [Li et al., 2018](https://arxiv.org/abs/1802.01483)

    Args:
        strength: Float, 0 or more. Defaults to `0.01`.
    """
    return bare("l2sp", callbacks=(L2StartingPoint(strength),))
