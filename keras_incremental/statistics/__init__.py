"""Statistics of features, which do not depend on the order of samples."""

from keras_incremental.statistics.class_covariances import (
    ClassCovariances as ClassCovariances,
)
from keras_incremental.statistics.class_means import ClassMeans as ClassMeans
from keras_incremental.statistics.feature_statistics import (
    FeatureStatistics as FeatureStatistics,
)
from keras_incremental.statistics.low_rank import (
    LowRankStatistics as LowRankStatistics,
)
from keras_incremental.statistics.site_statistics import (
    SiteStatistics as SiteStatistics,
)
