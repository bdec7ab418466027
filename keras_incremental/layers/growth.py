from collections.abc import Sequence

import keras

from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.utils import state
from keras_incremental.utils.types import InitializerLike


def expand(
    model: keras.Model,
    units: int,
    initializer: InitializerLike = "match_old_scale",
    seed: int | None = None,
    parents: Sequence[int | None] | None = None,
) -> ExpandableHead:
    """Adds classes to the head of a Keras model, and compiles it again.

    The model must have one `ExpandableHead`, at any depth. It is compiled
    with the same arguments and a new optimizer. A Keras optimizer does not
    accept variables that are added after it was built, and a compiled
    `predict` would ignore the new columns.

    Args:
        model: Built Keras model with one expandable head.
        units: Int, 1 or more: how many classes arrive.
        initializer: See `ExpandableHead.expand`. Defaults to
            `"match_old_scale"`.
        seed: Int or `None`, of the random initializers.
        parents: See `ExpandableDense.expand`. Defaults to `None`.

    Returns:
        The head.

    Raises:
        ValueError: if the model has no expandable head, or several.

    Example:

    >>> import keras
    >>> import keras_incremental as ki
    >>> head = ki.layers.ExpandableDense(2)
    >>> model = keras.Sequential([keras.Input((4,)), head])
    >>> model.compile("sgd", "mse")
    >>> ki.expand(model, 1).units
    3
    """
    head = find_head(model)
    config = state.compile_config(model)
    head.expand(units, initializer, seed, parents)
    state.recompile(model, config)
    return head


def find_head(
    model: keras.Model, head: ExpandableHead | str | None = None
) -> ExpandableHead:
    """Returns the expandable head of a model, at any depth.

    Args:
        model: `keras.Model`.
        head: The head, its name, or `None` for the only one. Defaults to
            `None`.

    Returns:
        An `ExpandableHead`.

    Raises:
        ValueError: if there is none, or more than one.
    """
    layers = state.flatten_layers(model)
    heads = [x for x in layers if isinstance(x, ExpandableHead)]
    if head is not None:
        heads = [x for x in heads if x is head or x.name == head]
    if len(heads) != 1:
        raise ValueError(
            "The model must have one ExpandableHead. Received: "
            f"head={head!r}, and model '{model.name}' with "
            f"{[x.name for x in heads]}. End the model in an ExpandableDense, "
            "and name it by `head` if there are several."
        )
    return heads[0]
