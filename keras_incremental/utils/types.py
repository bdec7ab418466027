"""Type aliases of public signatures."""

from collections.abc import Callable
from typing import Any

import numpy as np

# A tensor of any backend, or a NumPy array.
Tensor = Any
# A nested dict, list or tuple of tensors.
Structure = Any
# What `fit` takes: arrays, a `tf.data.Dataset`, a `PyDataset`, a `DataLoader`.
Data = Any
# A loss object, a function, or the name of one.
LossLike = Any
# An optimizer, or the name of one.
OptimizerLike = Any
# Importance of each variable, by its path.
Importance = dict[str, np.ndarray]
Config = dict[str, Any]
# What Keras passes to callbacks.
Logs = dict[str, Any] | None
Function = Callable[..., Any]
# A function `(features, count, seed) -> indices`, best first.
Selection = Callable[..., np.ndarray]
# A column initializer, a Keras initializer, or the name of one.
InitializerLike = Any
# A Keras regularizer, its name, or `None`.
RegularizerLike = Any
Shape = tuple[int | None, ...]
# Names and arrays, where Keras saves the variables of a layer.
Store = Any
