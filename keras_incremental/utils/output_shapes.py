"""The shapes in a graph whose head has got more classes."""

import keras

from keras_incremental.utils import state
from keras_incremental.utils.types import Structure


def infer_again(model: keras.Model, head: keras.layers.Layer) -> None:
    """Sets the shapes of what a head gives, and of what reads it.

    Then `model.output_shape`, `model.summary()` and layers that are put on
    top of the model know how many classes there are now.

    Args:
        model: Built model. Without a graph it has no shapes to set.
        head: Layer in it, at any depth.

    Raises:
        ValueError: if a layer cannot read the head any more. Shapes below it
            are set.
    """
    # Models inside come after those that hold them.
    for inner in reversed(state.flatten_layers(model)):
        if state.has_graph(inner) and _holds(inner, head):
            _infer(inner, head)


def calls_of(
    model: keras.Model, head: keras.layers.Layer
) -> list[tuple[keras.Model, Structure]]:
    """Returns models without a graph, with what they were called with.

    Args:
        model: Built model.
        head: Layer in it, at any depth.

    Returns:
        List of pairs, to give `check_calls` after the head has grown: models
        whose `call` runs now.
    """
    calls = []
    for inner in state.flatten_layers(model):
        is_model = isinstance(inner, keras.Model) and inner.built
        if is_model and not state.has_graph(inner) and _holds(inner, head):
            shape = (inner.get_build_config() or {}).get("input_shape")
            calls.append((inner, _tensors(shape)))
    return [call for call in calls if _error_of(*call) is None]


def check_calls(
    calls: list[tuple[keras.Model, Structure]], head: keras.layers.Layer
) -> None:
    """Raises if the `call` of a model fails since its head has grown."""
    for model, tensors in calls:
        error = _error_of(model, tensors)
        if error is not None:
            raise ValueError(
                f"Model '{model.name}' of class {type(model).__name__} has "
                f"layers that read what the head '{head.name}' gives, and only "
                f"take the classes it had before. Received: {head.units} "
                "classes. Grow a model whose `call` ends in the head, and put "
                "such layers on it anew."
            ) from error


def _tensors(shape):
    if isinstance(shape, dict):
        return {key: _tensors(value) for key, value in shape.items()}
    is_shape = all(n is None or isinstance(n, int) for n in shape or ())
    if shape is None or is_shape:
        return None if shape is None else keras.KerasTensor(shape)
    return [_tensors(value) for value in shape]


def _error_of(model, tensors):
    """Returns the error of a symbolic call, or `None`."""
    try:
        model.compute_output_spec(tensors)
    except Exception as error:
        # Each backend has errors of its own.
        return error
    return None


def _infer(model, head):
    changed = set()
    for node in state.nodes_of(model):
        if _holds(node.operation, head):
            changed.update(_set_shapes(node, _spec_of_holder(node, head)))
        elif any(id(x) in changed for x in node.input_tensors):
            changed.update(_set_shapes(node, _spec_of_reader(node, head)))


def _holds(operation, head):
    is_layer = isinstance(operation, keras.layers.Layer)
    return is_layer and any(x is head for x in state.flatten_layers(operation))


def _spec(node):
    given = node.arguments
    return node.operation.compute_output_spec(*given.args, **given.kwargs)


def _spec_of_holder(node, head):
    """Returns what the head, or a layer around it, gives."""
    if node.operation is head or state.has_graph(node.operation):
        return _spec(node)
    return _spec_of_reader(node, head)


def _spec_of_reader(node, head):
    """Returns what an operation gives, if its weights allow for all classes."""
    operation, given = node.operation, node.arguments
    try:
        if getattr(operation, "weights", ()):
            # By its `call`: a rule for shapes need not look at weights.
            keras.Operation.compute_output_spec(
                operation, *given.args, **given.kwargs
            )
        return _spec(node)
    except Exception as error:
        # Each backend has errors of its own.
        raise ValueError(
            f"'{operation.name}' of class {type(operation).__name__} reads "
            f"what the head '{head.name}' gives, and only takes the classes "
            f"it had before. Received: {head.units} classes. Grow a model "
            "that ends in the head, and put such layers on it anew."
        ) from error


def _set_shapes(node, spec):
    """Returns the ids of the outputs of a call whose shape is another now."""
    changed = []
    for tensor, new in zip(node.outputs, keras.tree.flatten(spec), strict=True):
        if tensor.shape != new.shape:
            state.set_shape(tensor, new.shape)
            changed.append(id(tensor))
    return changed
