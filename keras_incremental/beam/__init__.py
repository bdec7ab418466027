"""Statistics of samples on many machines, by Apache Beam.

A pipeline goes from files of pictures to `SiteStatistics`, which
`IncrementalClassifier.learn_statistics` solves a head from: that of all
samples in one process, to rounding. Needs the extra `beam`.
"""

from keras_incremental.beam.images import ReadImages as ReadImages
from keras_incremental.beam.statistics import (
    ComputeBatchStatistics as ComputeBatchStatistics,
)
from keras_incremental.beam.statistics import (
    ComputeStatistics as ComputeStatistics,
)
from keras_incremental.beam.statistics import MergeStatistics as MergeStatistics
