"""Accuracy, forgetting, confusion and calibration."""

from keras_incremental.metrics.accuracy_matrix import (
    AccuracyMatrix as AccuracyMatrix,
)
from keras_incremental.metrics.balanced_accuracy import (
    BalancedAccuracy as BalancedAccuracy,
)
from keras_incremental.metrics.calibration import (
    calibration_by_age as calibration_by_age,
)
from keras_incremental.metrics.calibration import (
    calibration_error as calibration_error,
)
from keras_incremental.metrics.class_counts import ClassCounts as ClassCounts
from keras_incremental.metrics.class_counts import (
    count_by_class as count_by_class,
)
from keras_incremental.metrics.class_counts import count_labels as count_labels
from keras_incremental.metrics.class_counts import count_pixels as count_pixels
from keras_incremental.metrics.confusion import (
    confusion_matrix as confusion_matrix,
)
from keras_incremental.metrics.confusion_groups import (
    ConfusionGroups as ConfusionGroups,
)
from keras_incremental.metrics.confusion_groups import (
    confusion_groups as confusion_groups,
)
from keras_incremental.metrics.drop import Drop as Drop
from keras_incremental.metrics.drop import paired_drop as paired_drop
from keras_incremental.metrics.on_labels import OnLabels as OnLabels
from keras_incremental.metrics.paired_tests import (
    drop_interval as drop_interval,
)
from keras_incremental.metrics.paired_tests import (
    mcnemar_p_value as mcnemar_p_value,
)
from keras_incremental.metrics.paired_tests import (
    samples_to_decide as samples_to_decide,
)
from keras_incremental.metrics.phase_counts import PhaseCounts as PhaseCounts
from keras_incremental.metrics.phase_counts import count_phase as count_phase
from keras_incremental.metrics.positive_share import (
    estimate_positive_share as estimate_positive_share,
)
