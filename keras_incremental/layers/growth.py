from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.utils import state


def expand(
    model, units, initializer="match_old_scale", seed=None, parents=None
):
    """Adds classes to the head of any Keras model, ready to train.

    Grows the one `ExpandableHead` in the model, at any depth, and compiles
    the model anew as it was compiled, with a fresh optimizer: a Keras
    optimizer never accepts variables that appear after it was built, and a
    compiled `predict` would go on without the new columns.

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


def find_head(model, head=None):
    """The expandable head of a model, at any depth.

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
