"""Whether the outputs of a model exclude each other."""

import re

import keras

from keras_incremental.conversion.head_columns import units_of
from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.losses.function_loss import compiled_loss

# In the names of losses of one class for each sample.
OF_ONE_CLASS = ("categorical", "kl_divergence")
# Those of losses of numbers, which fit one class and several.
OF_NUMBERS = ("mean_", "huber", "log_cosh", "cosine_similarity", "poisson")
OF_SIGNS = "hinge"


def is_multi_label(split, model, said=None):
    """Whether several classes may apply to one sample.

    Args:
        split: `HeadSplit`.
        model: What it was cut from.
        said: Bool, what the user said, or `None`.

    Raises:
        ValueError: if that cannot be, or if nobody can tell.
    """
    head, count = split.head, units_of(split.head)
    own = isinstance(head, ExpandableHead)
    sigmoids = split.activation == "sigmoid" and (own or count > 1)
    found = sigmoids or not getattr(head, "exclusive", True)
    if said is not None and not isinstance(said, bool):
        raise TypeError(
            "`multi_label` must be True, False or `None`. Received: "
            f"multi_label={said!r}."
        )
    if said is False and found:
        raise ValueError(
            f"The head '{head.name}' has {count} sigmoid outputs, which do "
            "not exclude each other. Received: multi_label=False. End a "
            "classifier of exclusive classes in `softmax` or in logits."
        )
    if count == 1 and not own:
        _check_one(split, _name_of(compiled_loss(model)))
    if said is None:
        check = _check_sigmoids if found else _check_logits
        check(split, _name_of(compiled_loss(model)), model, count)
    if not (found or said):
        return False
    _check_head(split, own)
    return True


def _check_one(split, loss):
    """One output is a logit, or the probability of the second class."""
    name = split.head.name
    if split.activation in ("softmax", "log_softmax"):
        raise ValueError(
            f"The head '{name}' has one output, whose {split.activation} is "
            "the same for all samples. Received: units=1. Train it with "
            "`sigmoid`, or with an output for each class."
        )
    of_numbers = any(part in loss for part in OF_NUMBERS)
    if split.activation is None and of_numbers:
        raise ValueError(
            f"The head '{name}' gives one number and was compiled with {loss}"
            ", so that 0.5 lies between labels 0 and 1, where it is 0 for a "
            "logit. Received: units=1. Convert `keras.Model(model.inputs, "
            "model.outputs[0] - 0.5)` if these were the labels, or "
            "`keras.Model(model.inputs, model.outputs[0])` if they were -1 "
            "and 1."
        )


def _check_logits(split, loss, model, count):
    """Logits that were trained as a yes or no each may mean either."""
    if "binary" in loss and count > 1 and split.activation is None:
        raise ValueError(
            f"The head '{split.head.name}' gives logits, and model "
            f"'{model.name}' was compiled with {loss}, which serves classes "
            "that exclude each other and classes that do not. Received: "
            "multi_label=None. Say multi_label=True if several classes may "
            "apply to one sample, else multi_label=False."
        )


def _check_sigmoids(split, loss, model, count):
    """Sigmoids that were trained on one class a sample mean one class."""
    if any(name in loss for name in OF_ONE_CLASS):
        raise ValueError(
            f"The head '{split.head.name}' has {count} sigmoid outputs, for "
            f"classes of which several may apply, and model '{model.name}' "
            f"was compiled with {loss}, for classes that exclude each other. "
            "Received: multi_label=None. Train it with `softmax` in the place "
            "of `sigmoid`, or pass multi_label=True if several classes may "
            "apply to one sample."
        )
    if any(name in loss for name in (*OF_NUMBERS, OF_SIGNS)):
        raise ValueError(
            f"The head '{split.head.name}' has {count} sigmoid outputs, and "
            f"model '{model.name}' was compiled with {loss}, which serves "
            "classes that exclude each other and classes that do not. "
            "Received: multi_label=None. Say multi_label=True if several "
            "classes may apply to one sample, else train it with `softmax` in "
            "the place of `sigmoid`."
        )


def _name_of(loss):
    """Returns the name of a loss in the spelling of Keras' functions."""
    # A name may be short, as "bce".
    loss = keras.losses.get(loss)
    for wrapped in ("function", "fn", "func"):
        loss = getattr(loss, wrapped, loss)
    name = getattr(loss, "__name__", type(loss).__name__)
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _check_head(split, own):
    head = split.head
    if split.activation in ("softmax", "log_softmax"):
        raise ValueError(
            f"The head '{head.name}' ends in {split.activation}, so its "
            "classes exclude each other. Received: multi_label=True. End the "
            "model in `sigmoid` or in logits."
        )
    if len(split.features.output_shape) != 2:
        raise ValueError(
            f"The head '{head.name}' gives several labels for each pixel, "
            "which is not supported. Received: features of shape "
            f"{split.features.output_shape}. End in `softmax`, with one "
            "class for each pixel."
        )
    if own and not head.can_be_multi_label:
        raise ValueError(
            f"A multi-label classifier needs an ExpandableDense head. "
            f"Received: '{head.name}' of class {type(head).__name__}."
        )
    if own and head.described:
        raise ValueError(
            f"The head '{head.name}' has the classes {list(head.described)} "
            "that are described by statistics, and that exclude the others. "
            "Received: multi_label=True. Leave it out."
        )
    if own and head.exclusive and head.has_splits:
        raise ValueError(
            f"In the head '{head.name}' classes take shares of others, so "
            "they exclude each other. Received: multi_label=True. Build it "
            "with `exclusive=False`."
        )
