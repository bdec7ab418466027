"""Whether what was cut out of a model computes what the model does."""

from keras import ops

from keras_incremental.utils import probes
from keras_incremental.utils import state

EXCLUSIVE = {"softmax": ops.softmax, "log_softmax": ops.log_softmax}


def check_same_outputs(model, split):
    """Raises if the parts of a model give other outputs than the model.

    Both run in inference mode on the same random samples.

    Args:
        model: Built model with a graph.
        split: `HeadSplit` of it, with an `ExpandableHead`.

    Raises:
        ValueError: if outputs differ by more than rounding, or have other
            axes than the model declares.
    """
    samples, expected = probes.probe_of(model)
    _check_axes(model, expected)
    received = probes.outputs_of(_outputs_of(split, model), samples)
    distance = probes.differ(expected, received, split.head.compute_dtype)
    if distance is None:
        return
    names = [x.name for x in state.operations_of(model)][-3:]
    raise ValueError(
        f"Model '{model.name}' does not compute the outputs of its layers up "
        f"to the head '{split.head.name}' and "
        f"{split.activation or 'no activation'}. Received: outputs that "
        f"differ by up to {distance:.2g} on random samples; its last layers "
        f"and operations are {names}. End the model in '{split.head.name}' "
        "and one activation, and apply the rest to its predictions."
    )


def _check_axes(model, outputs):
    declared = model.output_shape
    if isinstance(declared, tuple) and len(declared) != outputs.ndim:
        raise ValueError(
            f"Model '{model.name}' declares outputs of shape {declared}. "
            f"Received: outputs of shape {outputs.shape} of "
            f"{len(outputs)} samples. Build it so that both agree: for "
            "strings use `keras.Input(())` in place of `keras.Input((1,))` "
            "below `TextVectorization`."
        )


def _outputs_of(split, model):
    """Returns a function of samples: the outputs, in the form of a model."""
    one = model.output_shape[-1] == 1

    def outputs(samples, training):
        logits = split.head(split.features(samples, training=training))
        logits = ops.cast(logits, "float32")
        if split.activation in EXCLUSIVE and not one:
            return EXCLUSIVE[split.activation](logits)
        if one and logits.shape[-1] == 2:
            logits = logits[..., 1:] - logits[..., :1]
        return logits if split.activation is None else ops.sigmoid(logits)

    return outputs
