import dataclasses

from keras_incremental.data.ontology import Ontology
from keras_incremental.utils.feature_statistics import FeatureStatistics


@dataclasses.dataclass(frozen=True)
class Knowledge:
    """What a classifier knows beside its weights.

    Attributes:
        ontology: `Ontology` of its classes, in the order of the outputs.
        phases: Int. How many times it has learnt.
        statistics: `FeatureStatistics` of the pictures learnt.
    """

    ontology: Ontology
    phases: int
    statistics: FeatureStatistics
