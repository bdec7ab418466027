"""All uses of private names of Keras.

`tests/utils/test_state.py` fails if Keras moves one of them.
"""

import contextlib
import copy
import itertools
import math
import os
import re
import threading
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import keras

from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Shape
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor

CREATE = "_initialize_with_initializer"
SCALE = "scale_loss_for_distribution"
_WATCHING = threading.RLock()


class Untracked:
    """Hides a Keras object from the tracker and from the saver.

    A teacher that is a plain attribute of a model would be trained and saved
    with the model.

    Args:
        value: Any object.
    """

    def __init__(self, value: Any):
        self.value = value


def set_saved_only(
    layer: keras.layers.Layer, name: str, value: keras.layers.Layer | None
) -> None:
    """Sets an attribute that Keras saves with a layer, but does not build.

    A tokenizer is built when its vocabulary is there, after the layer.

    Args:
        layer: Layer.
        name: String, name of the attribute.
        value: Layer without weights, or `None`.
    """
    object.__setattr__(layer, name, value)


@contextlib.contextmanager
def unlocked(layer: keras.layers.Layer) -> Iterator[None]:
    """Allows adding variables or layers to a built layer in the block."""
    was_locked = layer._tracker.locked
    layer._tracker.unlock()
    try:
        yield
    finally:
        if was_locked:
            layer._tracker.lock()


def remove_variables(
    layer: keras.layers.Layer, variables: Iterable[keras.Variable]
) -> None:
    """Removes variables from a built layer."""
    for variable in variables:
        layer._untrack_variable(variable)


def order_variables(
    layer: keras.layers.Layer, variables: Iterable[keras.Variable]
) -> None:
    """Sorts the weights of a layer, for `get_weights`."""
    rank = {id(variable): index for index, variable in enumerate(variables)}
    for tracked in (layer._trainable_variables, layer._non_trainable_variables):
        tracked.sort(key=lambda v: rank.get(id(v), len(rank)))


def flatten_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns a layer and all its sublayers, at any depth."""
    return list(layer._flatten_layers())


def frozen_layers(model: keras.Model) -> list[int]:
    """Returns the places of the frozen layers of a model, at any depth."""
    layers = enumerate(flatten_layers(model))
    return [place for place, layer in layers if not layer.trainable]


def freeze_layers(model: keras.Model, places: Iterable[int]) -> None:
    """Freezes layers at places, which `frozen_layers` has returned.

    Some layers, as the backbones of KerasHub, write no `trainable` to their
    config.
    """
    layers, places = flatten_layers(model), set(places)
    for place in sorted(places):
        # A frozen layer may have layers that train again.
        inner = {id(x) for x in flatten_layers(layers[place])}
        kept = [
            (x, x.trainable)
            for index, x in enumerate(layers)
            if id(x) in inner and index not in places
        ]
        layers[place].trainable = False
        for layer, trainable in kept:
            layer.trainable = trainable


def has_graph(model: keras.Model) -> bool:
    """Returns whether a model is Functional, or Sequential and built."""
    return hasattr(getattr(model, "_functional", model), "_nodes_by_depth")


def operations_of(model: keras.Model) -> list[keras.Operation]:
    """Returns the layers and other operations of a graph, in its order."""
    return list(getattr(model, "_functional", model).operations)


def inputs_of(model: keras.Model) -> Structure:
    """Returns the inputs of a model as plain dicts and lists.

    Keras wraps a dict that a layer holds, and then warns of a plain one. A
    list of one input, such as `model.inputs`, reads what its only input does.
    """
    inputs = _plain(getattr(model, "_functional", model).input)
    if isinstance(inputs, list) and len(inputs) == 1:
        return inputs[0]
    return inputs


def as_called(model: keras.Model, tensors: Structure) -> Structure:
    """Returns tensors in the very structure that a graph was built with."""
    if not has_graph(model):
        return tensors
    held = getattr(model, "_functional", model).input
    return keras.tree.pack_sequence_as(held, keras.tree.flatten(tensors))


def _build_nothing(*args, **kwargs):
    pass


def _plain(structure):
    if isinstance(structure, dict):
        return {key: _plain(value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [_plain(value) for value in structure]
    return structure


def node_of(model: keras.Model, tensor: Tensor) -> Any:
    """Returns the call of an operation in a graph that gives a tensor."""
    return next(
        node
        for node in nodes_of(model)
        if any(output is tensor for output in node.outputs)
    )


def unmasked_inputs(node: Any) -> list[Tensor]:
    """Returns the tensors that a call in a graph reads, but for masks."""
    given = node.arguments
    kwargs = {k: v for k, v in given.kwargs.items() if not k.endswith("mask")}
    values = keras.tree.flatten((given.args, kwargs))
    return [x for x in values if isinstance(x, keras.KerasTensor)]


def called_alike(layer: keras.layers.Layer, node: Any) -> Tensor:
    """Returns what a layer gives where it is called as in a call of a graph."""
    given = node.arguments
    return layer(*given.args, **given.kwargs)


def outbound_tensor(
    model: keras.Model, layer: keras.layers.Layer
) -> Tensor | None:
    """Returns the only output of `layer` in the graph of `model`, or `None`."""
    outputs = [x for node in _nodes(model, layer) for x in node.outputs]
    return outputs[0] if len(outputs) == 1 else None


def arguments_of(operation: keras.Operation) -> tuple:
    """Returns the arguments of an operation in a graph, tensors and numbers."""
    arguments = operation._inbound_nodes[0].arguments
    return (*arguments.args, *arguments.kwargs.values())


def is_connected(model: keras.Model) -> bool:
    """Returns whether a graph computes its outputs from its inputs alone.

    Keras before 3.14 makes a model of two tensors without looking.
    """
    known = {id(tensor) for tensor in model.inputs}
    for node in nodes_of(model):
        if known.issuperset(map(id, node.input_tensors)) and not node.is_input:
            known.update(map(id, node.outputs))
    return known.issuperset(map(id, model.outputs))


def set_shape(tensor: keras.KerasTensor, shape: Shape) -> None:
    """Sets the shape of a tensor in a graph, which Keras never changes."""
    tensor._shape = tuple(shape)


def _nodes(model, layer):
    return [node for node in nodes_of(model) if node.operation is layer]


def nodes_of(model: keras.Model) -> list[Any]:
    """Returns the calls of operations in a graph, in its order."""
    by_depth = getattr(model, "_functional", model)._nodes_by_depth
    depths = sorted(by_depth, reverse=True)
    return list(itertools.chain(*(by_depth[depth] for depth in depths)))


def value_of(variable: keras.Variable) -> Tensor | None:
    """Returns the value of a variable, or `None` where it has lost it.

    On JAX, a `fit` that is interrupted in its first step leaves variables
    without their values, and reading these is an error.
    """
    return getattr(variable, "_value", None)


def forget_compiled(model: keras.Model) -> None:
    """Makes the next `fit`, `evaluate` and `predict` trace again."""
    model.train_function = None
    model.test_function = None
    model.predict_function = None
    if keras.config.backend() == "torch":
        for layer in model._flatten_layers():
            layer._track_variables()


def build_without_data(model: keras.Model) -> None:
    """Keeps `fit` on several devices from reading batches before it begins.

    Keras reads them to build a model and its metrics, and a data set that
    draws its batches in turn would go on from there.
    """
    if keras.config.backend() == "tensorflow":
        model._maybe_symbolic_build = _build_nothing


def trace_again(model: keras.Model) -> None:
    """Rebuilds the training step of a `fit` that has already begun."""
    model.make_train_function(force=True)


def compile_arguments(model: keras.Model) -> Config:
    """Returns what a compiled model was compiled with, as live objects."""
    return model._compile_config.config


@contextlib.contextmanager
def watched_variables(check: Callable[[int], None]) -> Iterator[None]:
    """Calls a function before each variable that the block creates.

    Variables of other threads do not count.

    Args:
        check: Function of the bytes of the variables so far and the next one,
            which is not created if it raises.
    """
    name, thread, total = CREATE, threading.get_ident(), 0

    def create(variable, initializer):
        nonlocal total
        if threading.get_ident() == thread:
            size = math.prod(variable.shape) * _itemsize(variable.dtype)
            total += size
            check(total)
        original(variable, initializer)

    with _WATCHING:
        original = getattr(keras.Variable, name)
        setattr(keras.Variable, name, create)
        try:
            yield
        finally:
            setattr(keras.Variable, name, original)


def _itemsize(dtype):
    """Returns bytes by the bits in the name, such as `"float8_e4m3fn"`."""
    bits = re.search(r"\d+", dtype)
    return max(int(bits[0]) // 8, 1) if bits else 1


def may_overwrite(path: str | os.PathLike) -> bool:
    """Returns whether there is no such file, or the user lets it go."""
    from keras.src.utils import io_utils

    return not os.path.exists(path) or bool(
        io_utils.ask_to_proceed_with_overwrite(os.fspath(path))
    )


@contextlib.contextmanager
def trusting_code() -> Iterator[None]:
    """Lets layers be made from configs that hold code, in the block.

    For layers of this process, whose code is running already.
    """
    from keras.src.saving.serialization_lib import SafeModeScope

    with SafeModeScope(False):
        yield


def writes_hdf5() -> bool:
    """Returns whether Keras is writing a model into an old HDF5 file."""
    from keras.src.backend.common import global_state

    return bool(global_state.get_global_attribute("use_legacy_config", False))


def set_mask(tensor: Tensor, mask: Tensor) -> Tensor:
    """Sets the Keras mask of a tensor of losses, for their mean."""
    from keras.src import backend

    backend.set_keras_mask(tensor, mask)
    return tensor


def copy_exclusions(
    source: keras.optimizers.Optimizer, target: keras.optimizers.Optimizer
) -> None:
    """Copies what `exclude_from_weight_decay` has set."""
    for name in ("", "_pattern"):
        name = f"_exclude_from_weight_decay{name}"
        if hasattr(source, name):
            setattr(target, name, copy.copy(getattr(source, name)))


def copy_decay_exclusions(
    source: keras.optimizers.Optimizer,
    target: keras.optimizers.Optimizer,
    variables: Iterable[keras.Variable],
) -> None:
    """Copies the effect of `exclude_from_weight_decay` to an optimizer."""
    copy_exclusions(source, target)
    if not any(target._use_weight_decay(v) for v in variables):
        # torch cannot decay a list of no variables.
        target.weight_decay = None


@contextlib.contextmanager
def unscaled_losses() -> Iterator[None]:
    """Lets losses of Keras be means over all rows that they get.

    In a step on one of several devices, Keras takes these for a part.
    """
    from keras.src.losses import loss

    name, own, scale = SCALE, threading.get_ident(), getattr(loss, SCALE)

    def unscaled(value):
        return value if threading.get_ident() == own else scale(value)

    setattr(loss, name, unscaled)
    try:
        yield
    finally:
        setattr(loss, name, scale)


def is_decayed(
    optimizer: keras.optimizers.Optimizer, variable: keras.Variable
) -> bool:
    """Returns whether weight decay is not kept from a variable."""
    return optimizer._use_weight_decay(variable)


def exclude_from_decay(
    optimizer: keras.optimizers.Optimizer, variables: Iterable[keras.Variable]
) -> None:
    """Excludes variables from weight decay, besides those that are."""
    known: set = getattr(optimizer, "_exclude_from_weight_decay", set())
    keys = {optimizer._var_key(variable) for variable in variables}
    optimizer._exclude_from_weight_decay = known | keys


def variables_built_for(
    optimizer: keras.optimizers.Optimizer,
) -> list[keras.Variable]:
    """Returns the variables of a built optimizer; `[]` if it is not built."""
    return list(getattr(optimizer, "_trainable_variables", ()))


def forget_swap(callback: keras.callbacks.SwapEMAWeights) -> None:
    """Lets a callback begin with weights in the model, not their averages.

    It would swap in those of a new optimizer, which are 0.
    """
    callback._ema_weights_in_model = False


def forget_resumed_epoch(model: keras.Model) -> None:
    """Lets `fit` begin with its first epoch.

    After `BackupAndRestore` has resumed one, Keras begins all later ones at
    the same epoch.
    """
    model._initial_epoch = None


class JoinedAverages:
    """Averages of variables of several optimizers, as if of one.

    `keras.callbacks.SwapEMAWeights` reads them, and callbacks that set the
    learning rate set that of the whole.

    Args:
        whole: Optimizer whose learning rate counts.
        parts: List of built optimizers with `use_ema=True`.
    """

    use_ema = True

    def __init__(
        self,
        whole: keras.optimizers.Optimizer,
        parts: list[keras.optimizers.Optimizer],
    ):
        self.name = whole.name
        self.whole, self.parts = whole, parts

    @property
    def learning_rate(self) -> Any:
        """Float or tensor, that of the whole."""
        return self.whole.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.whole.learning_rate = value

    @property
    def _trainable_variables(self):
        return [v for p in self.parts for v in p._trainable_variables]

    @property
    def _model_variables_moving_average(self):
        return [
            v for p in self.parts for v in p._model_variables_moving_average
        ]

    @property
    def _distribution_strategy(self):
        return self.parts[0]._distribution_strategy


class HasAverages:
    """Averages of an optimizer of several parts, as Keras 3.12 reads them.

    A subclass has `trained`, its variables, and `optimizers`, a list of one
    `JoinedAverages`, which raises an `AttributeError` if there are no averages.
    """

    @property
    def _model_variables_moving_average(self: Any):
        (joined,) = self.optimizers
        averages = joined._model_variables_moving_average
        pairs = zip(joined._trainable_variables, averages, strict=True)
        average_of = {id(variable): average for variable, average in pairs}
        return [average_of[id(variable)] for variable in self.trained]
