"""Callbacks for the phases of incremental learning, for any `fit`."""

from keras_incremental.callbacks.bias_correction import (
    BiasCorrection as BiasCorrection,
)
from keras_incremental.callbacks.elastic_weight_consolidation import (
    ElasticWeightConsolidation as ElasticWeightConsolidation,
)
from keras_incremental.callbacks.exemplar_memory import (
    ExemplarMemory as ExemplarMemory,
)
from keras_incremental.callbacks.held_out_stopping import (
    HeldOutStopping as HeldOutStopping,
)
from keras_incremental.callbacks.keep_statistics import (
    KeepStatistics as KeepStatistics,
)
from keras_incremental.callbacks.l2_starting_point import (
    L2StartingPoint as L2StartingPoint,
)
from keras_incremental.callbacks.margin_calibration import (
    MarginCalibration as MarginCalibration,
)
from keras_incremental.callbacks.memory_aware_synapses import (
    MemoryAwareSynapses as MemoryAwareSynapses,
)
from keras_incremental.callbacks.phase_callback import (
    PhaseCallback as PhaseCallback,
)
from keras_incremental.callbacks.riemannian_walk import (
    RiemannianWalk as RiemannianWalk,
)
from keras_incremental.callbacks.synaptic_intelligence import (
    SynapticIntelligence as SynapticIntelligence,
)
from keras_incremental.callbacks.weight_alignment import (
    WeightAlignment as WeightAlignment,
)
