"""The only file that touches names that Keras keeps private.

`tests/utils/test_state.py` fails when Keras moves one of them.
"""

import contextlib
import copy
import itertools

import keras


class Untracked:
    """Holds a Keras object out of sight of the tracker and of the saver.

    A teacher stored as a plain attribute of a model would be trained and
    saved with it.
    """

    def __init__(self, value):
        self.value = value


@contextlib.contextmanager
def unlocked(layer):
    """Lets a built layer gain variables or layers inside the block."""
    was_locked = layer._tracker.locked
    layer._tracker.unlock()
    try:
        yield
    finally:
        if was_locked:
            layer._tracker.lock()


def remove_variables(layer, variables):
    """Takes variables out of a built layer."""
    for variable in variables:
        layer._untrack_variable(variable)


def order_variables(layer, variables):
    """Puts the weights of a layer in the given order, for `get_weights`."""
    rank = {id(variable): index for index, variable in enumerate(variables)}
    for tracked in (layer._trainable_variables, layer._non_trainable_variables):
        tracked.sort(key=lambda v: rank.get(id(v), len(rank)))


def strategy_scope(variables):
    """The `tf.distribute` scope in which existing variables were made."""
    for variable in variables:
        strategy = getattr(variable.value, "distribute_strategy", None)
        if strategy is not None:
            return strategy.scope()
    return contextlib.nullcontext()


def flatten_layers(layer):
    """A layer and all layers inside it, at any depth."""
    return list(layer._flatten_layers())


def has_graph(model):
    """Whether a model is Functional, or Sequential and built."""
    return hasattr(getattr(model, "_functional", model), "_nodes_by_depth")


def inputs_of(model):
    """The inputs of a model, in the structure that it is called with."""
    return getattr(model, "_functional", model).input


def inbound_tensor(model, layer):
    """The tensor that feeds `layer` in the graph of `model`, or `None`."""
    for node in _nodes(model, layer):
        if len(node.input_tensors) == 1:
            return node.input_tensors[0]
    return None


def outbound_tensor(model, layer):
    """The one tensor that `layer` gives in the graph of `model`, or `None`."""
    outputs = [x for node in _nodes(model, layer) for x in node.outputs]
    return outputs[0] if len(outputs) == 1 else None


def _nodes(model, layer):
    graph = getattr(model, "_functional", model)
    nodes = itertools.chain(*graph._nodes_by_depth.values())
    return [node for node in nodes if node.operation is layer]


def forget_compiled(model):
    """Makes the next `fit`, `evaluate` and `predict` trace again."""
    model.train_function = None
    model.test_function = None
    model.predict_function = None
    if keras.config.backend() == "torch":
        for layer in model._flatten_layers():
            layer._track_variables()


def trace_again(model):
    """Makes the training step anew, when a `fit` has begun already."""
    model.make_train_function(force=True)


def compile_config(model):
    """How the user compiled the model: a dict, or `None`."""
    if not model.compiled:
        return None
    return copy.deepcopy(model.get_compile_config())


def recompile(model, config):
    """Compiles anew, with a fresh optimizer, from an earlier configuration.

    Keras never lets an optimizer accept variables that appear after it was
    built, so every change of structure or of trainability ends here.
    """
    forget_compiled(model)
    if config:
        # The call mutates what it is given.
        model.compile_from_config(copy.deepcopy(config))


def set_mask(tensor, mask):
    """Marks the positions of a loss that count in its mean, as Keras does."""
    from keras.src import backend

    backend.set_keras_mask(tensor, mask)
    return tensor


def copy_decay_exclusions(source, target, variables):
    """Takes over what `exclude_from_weight_decay` told an optimizer."""
    for name in ("", "_pattern"):
        name = f"_exclude_from_weight_decay{name}"
        if hasattr(source, name):
            setattr(target, name, getattr(source, name))
    if not any(target._use_weight_decay(v) for v in variables):
        # torch cannot decay a list of no variables.
        target.weight_decay = None


def variables_built_for(optimizer):
    """The variables that an optimizer was built for; none if it was not."""
    return list(getattr(optimizer, "_trainable_variables", ()))
