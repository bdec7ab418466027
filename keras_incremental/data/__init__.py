"""Readers of all data that `fit` takes, with labels by name."""

from keras_incremental.data.checked import checked as checked
from keras_incremental.data.feature_folder import FeatureFolder as FeatureFolder
from keras_incremental.data.held_out import split_held_out as split_held_out
from keras_incremental.data.label_space import LabelSpace as LabelSpace
from keras_incremental.data.labels import check_class_names as check_class_names
from keras_incremental.data.labels import check_labels as check_labels
from keras_incremental.data.labels import to_indices as to_indices
from keras_incremental.data.map_batches import map_batches as map_batches
from keras_incremental.data.source import Source as Source
from keras_incremental.data.source import as_source as as_source
from keras_incremental.data.teacher_outputs import with_teacher as with_teacher
