"""A loss and the outputs it is computed of: logits, or probabilities."""

from keras_incremental.losses.function_loss import as_loss
from keras_incremental.losses.function_loss import takes_logits
from keras_incremental.losses.label_loss import LabelLoss


def check_loss(loss, gives_logits, outputs):
    """Raises if a loss would take logits for probabilities, or these for them.

    Keras computes a number of either, and trains on it.

    Args:
        loss: A loss, its name, a function or `None`. One that does not say
            what it takes is not refused.
        gives_logits: Bool. Whether the outputs are logits.
        outputs: String, what gives them, for the message.
    """
    if loss is None or isinstance(loss, (dict, list, tuple)):
        return
    wants_logits = _wants_logits(as_loss(loss))
    if wants_logits is None or wants_logits == gives_logits:
        return
    given, wanted = ("logits", "probabilities")[:: 1 if gives_logits else -1]
    raise ValueError(
        f"`loss` takes {wanted}, but {outputs} gives {given}: training would "
        f"not be what it seems. Received: loss={loss!r}. Pass a loss with "
        f"`from_logits={gives_logits}`, such as `keras.losses."
        f"SparseCategoricalCrossentropy(from_logits={gives_logits})`."
    )


def _wants_logits(loss):
    return True if isinstance(loss, LabelLoss) else takes_logits(loss)
