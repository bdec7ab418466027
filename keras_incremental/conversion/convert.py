"""Conversion of a trained classifier into features and a growing head."""

import dataclasses

from keras_incremental.conversion.exclusivity import is_multi_label
from keras_incremental.conversion.head_columns import check_columns
from keras_incremental.conversion.head_columns import expandable
from keras_incremental.conversion.head_columns import is_pointwise
from keras_incremental.conversion.head_columns import reads_parts
from keras_incremental.conversion.layer_checks import check_layers
from keras_incremental.conversion.loss_outputs import warn_of_mismatch
from keras_incremental.conversion.other_outputs import check_nested
from keras_incremental.conversion.other_outputs import choose_output
from keras_incremental.conversion.other_outputs import others_of
from keras_incremental.conversion.preprocessing import with_preprocessor
from keras_incremental.conversion.same_outputs import check_same_outputs
from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.layers.low_rank import enable_lora
from keras_incremental.utils import graph
from keras_incremental.utils import state
from keras_incremental.utils.after_head import Affine

# What a model may do in its own way, and packages that add nothing to it.
TRAINING = ("train_step", "compute_loss")
KNOWN = ("keras", "keras_hub", "keras_incremental")


def convert(model, recipe=None, multi_label=None, output=None):
    """Cuts a trained classifier below its head, and lets the head grow.

    A `Dense(1)` head becomes two columns: the softmax of `[-z / 2, z / 2]`
    is exactly `[1 - sigmoid(z), sigmoid(z)]`. So would be that of `[0, z]`,
    but there the first class could never be surer than a third one is by 0.

    Args:
        model: Built Sequential or Functional classifier, compiled or not.
            The layers below the head are shared with it, not copied.
        recipe: `Recipe` that may bring another head, or `None`.
        multi_label: See `IncrementalClassifier`. Defaults to `None`.
        output: See `IncrementalClassifier`. Defaults to `None`.

    Returns:
        A `HeadSplit` whose head is an `ExpandableHead` that computes logits
        and whose activation is `"softmax"`, `"sigmoid"`, `"log_softmax"`
        or `None`.

    Raises:
        ValueError: if the model does not end in classes, or if the parts
            compute something else than it.
    """
    split, layout, whole = model, None, model
    if not isinstance(model, graph.HeadSplit):
        _check_plain(model)
        model, layout = choose_output(model, output)
        split = graph.split_head(model)
        check_layers(model)
        _check_training(whole)
        warn_of_mismatch(model, split)
    own = isinstance(split.head, ExpandableHead)
    if not own:
        check_columns(split.head)
    _check_shapes(split)
    many = is_multi_label(split, model, multi_label)
    if not own:
        split = dataclasses.replace(
            split,
            head=expandable(split, many),
            activation=_activation(split, many),
            affine=Affine(),
        )
    elif many:
        split.head.exclusive = False
    if split is not model:
        split = _checked(split, model)
    if recipe is not None and recipe.head is not None:
        split = dataclasses.replace(split, head=_replaced(split.head, recipe))
    _choose_trained(split, recipe)
    if layout is not None:
        split = dataclasses.replace(split, others=others_of(whole, layout))
    check_nested(whole, split.features, split.others)
    return split


def _activation(split, many):
    """The activation for as many columns as there are classes."""
    if split.gives_logits:
        return split.activation
    return "sigmoid" if many else "softmax"


def _checked(split, model):
    """Returns what reads as `fit` does, if it computes what `predict` does."""
    check_same_outputs(model, split)
    return with_preprocessor(split, model)


def awaits_imprinting(split, model):
    """Returns whether a head that starts from features replaced another.

    It waits for `remember`, which points its columns at the features.
    """
    if isinstance(model, graph.HeadSplit):
        return False
    own = any(x is split.head for x in state.flatten_layers(model))
    return split.head.needs_imprinting and not own


def _choose_trained(split, recipe):
    """Freezes what a recipe does not train below the head."""
    frozen = recipe is not None and recipe.freeze_backbone
    if frozen or split.head.is_closed_form:
        split.features.trainable = False
    elif recipe is not None and recipe.low_rank is not None:
        enable_lora(split.features, recipe.low_rank)


def readout_for(split, recipe):
    """Returns the readout of a recipe, as wide as the head, or `None`."""
    if recipe.readout is None:
        return None
    return _sized_like(split.head, recipe.readout)


def _replaced(head, recipe):
    """Returns the head of a recipe, started from the one that it replaces."""
    if isinstance(head, type(recipe.head)):
        return head
    if head.has_splits:
        raise ValueError(
            f"The recipe '{recipe.name}' brings another head, and in "
            f"'{head.name}' classes came out of others, which only an "
            f"ExpandableDense knows. Received: {type(recipe.head).__name__}. "
            "Leave the head of the recipe out."
        )
    if head.described and not recipe.head.is_closed_form:
        raise ValueError(
            f"The recipe '{recipe.name}' brings another head, and '{head.name}'"
            f" knows the classes {list(head.described)} by where their samples "
            "lie, not by columns. Received: "
            f"{type(recipe.head).__name__}. Leave the head of the recipe out, "
            "or `remember` old data and learn once more first."
        )
    new = _sized_like(head, recipe.head)
    new.start_from({n: head.columns(n) for n in head.column_shapes(1, 1)})
    return new


def _sized_like(head, prototype):
    config = {**prototype.get_config(), "units": list(head.group_sizes)}
    config.pop("blocks", None)
    new = type(prototype).from_config(config)
    new.build((None, head.input_dim))
    return new


def _check_training(model):
    """Raises if a model trains by a method of its own, which is not called."""
    own = [
        name
        for name in TRAINING
        if getattr(type(model), name).__module__.split(".")[0] not in KNOWN
    ]
    if own:
        raise ValueError(
            f"Model '{model.name}' trains by methods of its own, which the "
            "classifier would never call. Received: "
            f"{type(model).__name__} with {own}. Pass `keras.Model("
            "model.inputs, model.outputs)`, compiled as you like, to train as "
            "Keras does, or grow its head in place, by `keras_incremental"
            ".expand(model, units)`, and call `fit`."
        )


def _check_plain(model):
    if isinstance(getattr(model, "head", None), ExpandableHead):
        raise ValueError(
            f"Model '{model.name}' of class {type(model).__name__} learns "
            "classes already. Use it directly, or convert the plain model "
            "that `to_keras` returns."
        )


def _check_shapes(split):
    head, output = split.head, split.features.output_shape
    of_places = len(output) in (3, 4) and is_pointwise(head)
    if not (len(output) == 2 or of_places):
        raise ValueError(
            "The head of a classifier must read one row of features. "
            f"Received: features of shape {output} below '{head.name}'. "
            "Put a `Flatten` or `GlobalAveragePooling2D` layer below the "
            "head; to classify pixels, end in `Conv2D(classes, 1)`, and for "
            "tokens in `Dense` on `(batch_size, time, features)`."
        )
    if reads_parts(head, output[-1]):
        raise ValueError(
            f"The head '{head.name}' must read one place of a map at a time, "
            "or all of it with a `Flatten` after it. Received: kernel_size="
            f"{head.kernel_size}, strides={head.strides}, groups={head.groups}"
            ". Put a `Flatten` or `GlobalAveragePooling2D` layer below the "
            "head, and end in `Dense`."
        )
