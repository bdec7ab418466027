"""All that `keras_incremental` offers."""

from keras_incremental import callbacks as callbacks
from keras_incremental import contrib as contrib
from keras_incremental import data as data
from keras_incremental import distillation as distillation
from keras_incremental import edge as edge
from keras_incremental import errors as errors
from keras_incremental import layers as layers
from keras_incremental import losses as losses
from keras_incremental import memory as memory
from keras_incremental import metrics as metrics
from keras_incremental import models as models
from keras_incremental import optimizers as optimizers
from keras_incremental import problems as problems
from keras_incremental import recipes as recipes
from keras_incremental import regularizers as regularizers
from keras_incremental import rejection as rejection
from keras_incremental import reporting as reporting
from keras_incremental import statistics as statistics
from keras_incremental.callbacks import ExemplarMemory as ExemplarMemory
from keras_incremental.layers import expand as expand
from keras_incremental.memory import Reservoir as Reservoir
from keras_incremental.models import (
    IncrementalClassifier as IncrementalClassifier,
)
from keras_incremental.models import compare as compare
from keras_incremental.problems import PartialLabels as PartialLabels
from keras_incremental.recipes import Recipe as Recipe
from keras_incremental.reporting import PhaseReport as PhaseReport
