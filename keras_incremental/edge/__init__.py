"""Learning on a device, with NumPy and a runtime, without Keras."""

from keras_incremental.edge.edge_classifier import (
    EdgeClassifier as EdgeClassifier,
)
from keras_incremental.edge.edge_classifier import EdgeReport as EdgeReport
from keras_incremental.edge.edge_classifier import Prediction as Prediction
from keras_incremental.edge.edge_classifier import load as load
