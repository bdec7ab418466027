import dataclasses

from keras_incremental.utils.feature_statistics import FeatureStatistics


@dataclasses.dataclass(frozen=True)
class Knowledge:
    """What a classifier knows beside its weights.

    Attributes:
        classes: Names of all classes, in the order of the outputs.
        phases: Int. How many times it has learnt.
        statistics: `FeatureStatistics` of the pictures learnt.
    """

    classes: tuple[str, ...]
    phases: int
    statistics: FeatureStatistics
