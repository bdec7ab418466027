from keras_incremental.metrics.class_counts import ClassCounts as ClassCounts
from keras_incremental.metrics.class_counts import Drop as Drop
from keras_incremental.metrics.class_counts import (
    count_by_class as count_by_class,
)
from keras_incremental.metrics.class_counts import paired_drop as paired_drop
from keras_incremental.metrics.on_labels import OnLabels as OnLabels
