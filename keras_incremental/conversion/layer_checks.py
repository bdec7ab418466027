"""Layers of a model whose outputs are not those of its samples alone."""

import keras
import numpy as np
from keras import ops

from keras_incremental.utils import state


def check_layers(model: keras.Model) -> None:
    """Raises if outputs depend on batches before, or differ in a file.

    Args:
        model: `keras.Model`.
    """
    for layer in state.flatten_layers(model):
        if getattr(layer, "stateful", False):
            raise ValueError(
                f"Layer '{layer.name}' of model '{model.name}' keeps a state "
                "from one batch to the next, so that scores depend on what "
                "was predicted before. Received: stateful=True. Set "
                "`layer.stateful = False`; the weights stay."
            )
        if _is_rounded(layer):
            raise ValueError(
                f"Layer '{layer.name}' of model '{model.name}' adds LoRA to "
                "quantized weights, and Keras rounds their sum in each file "
                "and copy. Received: quantization_mode="
                f"'{layer.quantization_mode}'. Save the model by `model.save` "
                "and convert what `keras.models.load_model` returns, where "
                "that is done."
            )


def _is_rounded(layer):
    enabled = getattr(layer, "lora_enabled", False)
    if not enabled or getattr(layer, "quantization_mode", None) is None:
        return False
    added = [v for v in layer.weights if v.name.endswith("_b")]
    return any(np.any(ops.convert_to_numpy(v)) for v in added)
