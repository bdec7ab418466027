"""The classifier that learns in phases."""

from keras_incremental.models.comparing import compare as compare
from keras_incremental.models.editing import ErasureReport as ErasureReport
from keras_incremental.models.incremental_classifier import (
    IncrementalClassifier as IncrementalClassifier,
)
from keras_incremental.models.inputs.reading import OldData as OldData
from keras_incremental.models.loading import load_classifier as load_classifier
from keras_incremental.models.loading import (
    read_class_names as read_class_names,
)
from keras_incremental.models.loading import read_phases as read_phases
from keras_incremental.models.loading import rollback_file as rollback_file
from keras_incremental.models.run import Run as Run
from keras_incremental.models.unknown.review import ReviewQueue as ReviewQueue
