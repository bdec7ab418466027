from keras_incremental.memory.exemplar_store import (
    ExemplarStore as ExemplarStore,
)
from keras_incremental.memory.selection import herding as herding
from keras_incremental.memory.selection import random as random
