"""Detection of samples of unknown classes."""

from keras_incremental.rejection.clustering import Clusters as Clusters
from keras_incremental.rejection.clustering import cluster as cluster
from keras_incremental.rejection.rejector import Rejector as Rejector
from keras_incremental.rejection.scores import discriminant as discriminant
from keras_incremental.rejection.scores import distance as distance
from keras_incremental.rejection.scores import (
    distance_and_discriminant as distance_and_discriminant,
)
from keras_incremental.rejection.scores import (
    distance_and_energy as distance_and_energy,
)
from keras_incremental.rejection.scores import energy as energy
from keras_incremental.rejection.scores import max_softmax as max_softmax
