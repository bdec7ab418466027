import dataclasses

from keras_incremental.data.label_space import LabelSpace
from keras_incremental.utils.feature_statistics import FeatureStatistics


@dataclasses.dataclass(frozen=True)
class Knowledge:
    """What a classifier knows beside its weights.

    Attributes:
        label_space: `LabelSpace` of its classes, in the order of the outputs.
        phases: Int. How many times it has learned.
        statistics: `FeatureStatistics` of the pictures learned.
    """

    label_space: LabelSpace
    phases: int
    statistics: FeatureStatistics
