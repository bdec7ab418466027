"""Memories of old samples, and how samples are selected and replayed."""

from keras_incremental.memory.exemplar_store import (
    ExemplarStore as ExemplarStore,
)
from keras_incremental.memory.mixed_batches import MixedBatches as MixedBatches
from keras_incremental.memory.policies import ClassBalanced as ClassBalanced
from keras_incremental.memory.policies import Concatenate as Concatenate
from keras_incremental.memory.policies import Interleave as Interleave
from keras_incremental.memory.policies import MixingPolicy as MixingPolicy
from keras_incremental.memory.policies import Weighted as Weighted
from keras_incremental.memory.reservoir import Reservoir as Reservoir
from keras_incremental.memory.selection import herding as herding
from keras_incremental.memory.selection import random as random
from keras_incremental.memory.stream_policies import Slots as Slots
