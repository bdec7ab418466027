"""A loss and the outputs it is computed of: logits, or probabilities."""

from keras_incremental.losses.function_loss import as_loss
from keras_incremental.losses.function_loss import compiled_loss
from keras_incremental.losses.function_loss import is_binary
from keras_incremental.losses.function_loss import takes_logits
from keras_incremental.losses.loss_with_teacher import LossWithTeacher
from keras_incremental.utils.user_warnings import warn


def check_loss(loss, gives_logits, outputs):
    """Raises if a loss would take logits for probabilities, or these for them.

    Keras computes a number of either, and trains on it.

    Args:
        loss: A loss, its name, a function or `None`. One that does not say
            what it takes is not refused.
        gives_logits: Bool. Whether the outputs are logits.
        outputs: String, what gives them, for the message.
    """
    if _fits(loss, gives_logits):
        return
    given, wanted = _words(gives_logits)
    raise ValueError(
        f"`loss` takes {wanted}, but {outputs} gives {given}, so it would be "
        f"computed wrongly. Received: loss={loss!r}. Pass a loss with "
        f"`from_logits={gives_logits}`, such as `keras.losses."
        f"SparseCategoricalCrossentropy(from_logits={gives_logits})`."
    )


def check_exclusive(loss, gives_logits, num_classes, outputs):
    """Raises if a loss asks outputs that exclude each other for a yes or no.

    Of two probabilities it is the crossentropy. Of two logits it is that of
    half of their difference, and of more outputs yet another loss.

    Args:
        loss: A loss, its name, a function or `None`.
        gives_logits: Bool. Whether the outputs are logits.
        num_classes: Int, the number of outputs.
        outputs: String, what gives them, for the message.
    """
    if not asks_each_output(loss) or (num_classes == 2 and not gives_logits):
        return
    raise ValueError(
        f"`loss` asks each output for a yes or a no, but {outputs} has "
        f"{num_classes} classes that exclude each other. Received: "
        f"loss={loss!r}. Pass `keras.losses.SparseCategoricalCrossentropy("
        f"from_logits={gives_logits})`; of two classes it is the binary "
        "crossentropy."
    )


def asks_each_output(loss):
    """Returns whether a compiled loss asks each output for a yes or a no."""
    if loss is None:
        return False
    return is_binary(as_loss(loss))


def check_weighted_loss(loss, options):
    """Raises if `fit` would weigh classes by numbers that are no labels.

    Args:
        loss: A loss, its name, a function or `None`.
        options: Dict of arguments of `fit`.
    """
    weights = options.get("class_weight")
    if weights is not None and isinstance(loss, LossWithTeacher):
        raise ValueError(
            "`class_weight` of `fit` and `train_on_batch` cannot be used with "
            "LossWithTeacher, whose targets have the outputs of the teacher "
            f"too. Received: class_weight={weights}. Pass it to "
            "`with_teacher`."
        )


def warn_of_mismatch(model, split):
    """Warns if a model was compiled with a loss of the other kind.

    Args:
        model: `keras.Model`, compiled or not.
        split: `HeadSplit` of the model.
    """
    gives_logits = split.gives_logits
    if _fits(compiled_loss(model), gives_logits):
        return
    given, wanted = _words(gives_logits)
    warn(
        f"The head '{split.head.name}' of model '{model.name}' gives {given}, "
        f"but the loss it was compiled with expects {wanted}, so it was "
        "trained with a wrong loss. Compile with a loss that has "
        f"`from_logits={gives_logits}`. The incremental classifier reads the "
        f"outputs as {given}."
    )


def _fits(loss, gives_logits):
    """Whether a loss takes what is given, or does not say what it takes."""
    if loss is None:
        return True
    wants_logits = takes_logits(as_loss(loss))
    return wants_logits is None or wants_logits == gives_logits


def _words(gives_logits):
    return ("logits", "probabilities")[:: 1 if gives_logits else -1]
