"""Splitting a Keras model at its head or at a frozen layer."""

import dataclasses
import inspect
import itertools
from collections.abc import Iterable

import keras
from keras import ops

from keras_incremental.utils import after_head
from keras_incremental.utils import state
from keras_incremental.utils.after_head import PROBABILITIES
from keras_incremental.utils.after_head import Affine


@dataclasses.dataclass(frozen=True)
class HeadSplit:
    """A classifier, split below its head.

    Attributes:
        features: `keras.Model` from the inputs to the input of the head. It
            shares its layers with the classifier.
        head: The last layer with weights.
        activation: `"softmax"`, `"sigmoid"`, `"log_softmax"` or `None`.
            Activation of the logits.
        affine: What makes logits of what the head computes, such as the
            division by a temperature. Defaults to `Affine()`, nothing.
        others: Model of the outputs of the classifier that are no class
            scores. Defaults to `None`, there are none.
        preprocessor: Layer that makes tokens of texts before the graph does
            anything. Defaults to `None`, there is none.
    """

    features: keras.Model
    head: keras.layers.Layer
    activation: str | None
    affine: Affine = Affine()
    others: keras.Model | None = None
    preprocessor: keras.layers.Layer | None = None

    @property
    def gives_logits(self) -> bool:
        """Whether outputs are logits, as the log of a softmax is."""
        return self.activation not in PROBABILITIES


def split_head(model: keras.Model) -> HeadSplit:
    """Splits a Sequential or Functional classifier below its head.

    Args:
        model: Built classifier. The head may be in a nested model, and may
            be followed by an activation, `Dropout`, or a multiplication by a
            number. If its scores are upsampled, averaged or flattened, the
            features are instead, which gives the same scores. A model whose
            attribute `head_split` is a `HeadSplit` needs no splitting.

    Returns:
        A `HeadSplit`.

    Raises:
        ValueError: if the model has no graph, more than one output, or an
            operation after the head that is no activation.
    """
    own = getattr(model, "head_split", None)
    if isinstance(own, HeadSplit):
        return own
    after, tensor = _last_layers(model)
    head = _unwrapped(after.pop())
    for layer in reversed(after):
        if after_head.is_place_wise(layer):
            tensor = after_head.placed_below(layer, tensor)
    affine, activation = _followed(model, head, after[::-1])
    if not keras.backend.is_float_dtype(tensor.dtype):
        # Features have a mean, and distances.
        tensor = ops.cast(tensor, head.compute_dtype)
    features = _below(model, tensor, name=f"{model.name}_features")
    return HeadSplit(features, head, activation, affine)


def _below(model, tensor, name=None):
    """Returns the model from the inputs to a tensor.

    Keras before 3.14 does not load one whose output is its input.
    """
    if any(tensor is each for each in model.inputs):
        tensor = keras.layers.Identity()(tensor)
    return keras.Model(state.inputs_of(model), tensor, name=name)


def _unwrapped(head):
    """Returns the layer whose weights a wrapper uses as they are."""
    kinds = (keras.layers.SpectralNormalization, keras.layers.TimeDistributed)
    return _unwrapped(head.layer) if isinstance(head, kinds) else head


def _followed(model, head, after):
    """Returns the affine map of the scores, and then their activation."""
    after = [x for x in after if not after_head.is_identity(x)]
    maps = [after_head.affine_of(layer) for layer in after]
    names = [after_head.activation_of(layer) for layer in after]
    own = getattr(head, "activation", None)
    if own is not None and after_head.name_of(own) != "linear":
        names.insert(0, after_head.name_of(own))
        maps.insert(0, None)
    found = [name for name in names if name is not None]
    if len(found) > 1 or set(found) - set(after_head.ACTIVATIONS):
        raise ValueError(
            f"The head '{head.name}' of model '{model.name}' must end in "
            "logits, `softmax` or `sigmoid`. Received: activations "
            f"{found}. End the model in a `Dense` layer with one of these "
            "activations."
        )
    scaled = [index for index, each in enumerate(maps) if each is not None]
    if found and scaled and scaled[-1] > names.index(found[0]):
        raise ValueError(
            f"Model '{model.name}' must end in logits, `softmax` or "
            f"`sigmoid`. Received: scores that are scaled after "
            f"`{found[0]}`. Scale them before it, or scale its predictions."
        )
    return after_head.composed(maps[i] for i in scaled), next(iter(found), None)


def split_frozen(
    model: keras.Model,
) -> tuple[keras.Model | None, keras.Model | None]:
    """Splits a model above its last frozen and deterministic layer.

    Args:
        model: Sequential or Functional model with one output.

    Returns:
        Two models, `(frozen, upper)`. `frozen` has no trainable weights, and
        no random layers except inside a frozen nested model. `upper`
        continues from its output. Either is `None` if it has no layers.
    """
    if not any(_moves(layer) for layer in model.layers):
        return model, None
    # Layers are in topological order, so all frozen layers that can be cut
    # off come before the first layer that changes.
    still = itertools.takewhile(lambda x: not _moves(x), model.layers)
    for layer in reversed(list(still)):
        cut = _try_cut(model, layer)
        if cut is not None:
            return cut
    return None, model


def with_outputs(model: keras.Model, names: Iterable[str]) -> keras.Model:
    """Returns a model with the outputs of some layers as extra outputs.

    Args:
        model: Sequential or Functional model with one output.
        names: List of names of its layers.

    Returns:
        `keras.Model` that shares all layers.

    Raises:
        ValueError: if a layer is not at the top level of the model.
    """
    known = {layer.name: layer for layer in model.layers}
    missing = [name for name in names if name not in known]
    if missing:
        raise ValueError(
            f"Model '{model.name}' has no layers {missing}. Received: layers="
            f"{list(names)}. Choose from {list(known)}."
        )
    tensors = [state.outbound_tensor(model, known[name]) for name in names]
    return keras.Model(state.inputs_of(model), [model.outputs[0], *tensors])


def stage_ends(model: keras.Model) -> list[str]:
    """Returns the names of the last layers of each feature map size.

    Args:
        model: Sequential or Functional model.

    Returns:
        List of strings.

    Raises:
        ValueError: if no layer outputs feature maps.
    """
    maps = [x for x in model.layers if _is_map(x)]
    if not maps:
        raise ValueError(
            f"Model '{model.name}' has no trainable feature maps. Received: "
            f"layers {[x.name for x in model.layers]}. Unfreeze "
            "convolutions, or compare features with `LessForget` instead."
        )
    after = [*maps[1:], None]
    return [
        layer.name
        for layer, later in zip(maps, after, strict=True)
        if later is None or layer.output.shape[1:3] != later.output.shape[1:3]
    ]


def is_random(layer: keras.layers.Layer) -> bool:
    """Returns whether a layer or one of its sublayers may be random.

    A custom layer without sublayers may draw without a `SeedGenerator`; one
    that asks whether it is in training does something else then.
    """
    return any("seed_generator" in v.path for v in layer.variables) or any(
        _asks_for_training(part) for part in state.flatten_layers(layer)
    )


def batch_norms(
    model: keras.layers.Layer,
) -> list[keras.layers.BatchNormalization]:
    """Returns all `BatchNormalization` layers of a model, at any depth."""
    kind = keras.layers.BatchNormalization
    return [x for x in state.flatten_layers(model) if isinstance(x, kind)]


def _asks_for_training(layer):
    """Whether a layer of one's own is called with `training`."""
    own = not type(layer).__module__.startswith(("keras.", "keras_hub."))
    is_leaf = len(state.flatten_layers(layer)) == 1
    return (
        own
        and is_leaf
        and not layer.weights
        and "training" in inspect.signature(layer.call).parameters
    )


def _moves(layer):
    """Returns whether the outputs of a layer change in training."""
    return bool(
        layer.trainable_variables
        or (is_random(layer) and not _is_frozen_network(layer))
        or any(norm.trainable for norm in batch_norms(layer))
    )


def _is_frozen_network(layer):
    """Returns whether a layer is a pretrained model, frozen as a whole.

    Its dropout and stochastic depth stay in inference mode, like its batch
    normalization.
    """
    is_network = isinstance(layer, keras.Model) and bool(layer.weights)
    return is_network and not layer.trainable_variables


def _is_map(layer):
    is_input = isinstance(layer, keras.layers.InputLayer)
    return not is_input and len(layer.output.shape) == 4


def _try_cut(model, layer):
    tensor = state.outbound_tensor(model, layer)
    if tensor is None or isinstance(layer, keras.layers.InputLayer):
        return None
    try:
        rest = keras.Model(tensor, model.outputs[0])
    except ValueError:
        rest = None
    if rest is None or not state.is_connected(rest):
        # The layer is not a bottleneck: a layer above has another input.
        return None
    below = keras.Model(state.inputs_of(model), tensor)
    return None if _may_lose_mask(below) else (below, rest)


def _may_lose_mask(model):
    """Whether a mask goes with the outputs, which an array does not keep.

    Layers that give one row for each sample have used it.
    """
    return len(model.output_shape) > 2 and any(
        _makes_mask(layer) for layer in state.flatten_layers(model)
    )


def _makes_mask(layer):
    if isinstance(layer, keras.layers.Embedding):
        return layer.mask_zero
    own = not type(layer).__module__.startswith("keras.")
    overridden = type(layer).compute_mask is not keras.layers.Layer.compute_mask
    return isinstance(layer, keras.layers.Masking) or (own and overridden)


def _last_layers(model):
    """Returns the layers from the end of a model down to its head.

    Returns:
        List of layers, the head last, and the input tensor of the head in
        the graph of `model`.
    """
    if not isinstance(model, keras.Model) or not hasattr(model, "layers"):
        raise ValueError(
            "A classifier must be a Keras model. Received: "
            f"{type(model).__name__}. Pass a `keras.Model`."
        )
    if not state.has_graph(model):
        raise ValueError(
            f"Model '{model.name}' has no graph of layers. Received: "
            f"a model of class {type(model).__name__}. {_graph_of(model)}"
        )
    if len(model.outputs) != 1:
        raise ValueError(
            f"Model '{model.name}' must have one output, the class scores. "
            f"Received: {len(model.outputs)} outputs. Build a model with one "
            "of them."
        )
    passed, tensor = [], model.outputs[0]
    while True:
        node = state.node_of(model, tensor)
        operation = node.operation
        if isinstance(operation, keras.Model):
            one = _with_output(operation, node, tensor)
            inner, below = _last_layers(one)
            called = _below(one, below)
            return passed + inner, state.called_alike(called, node)
        if node.is_input:
            break
        _check_operation(model, node)
        passed.append(operation)
        tensor = _feed(model, node)
        if not after_head.is_after_head(operation):
            return passed, tensor
    raise ValueError(
        f"Model '{model.name}' has no layer with weights to be its head. "
        f"Received: layers {[x.name for x in model.layers]}. End the model "
        "in a `Dense` layer."
    )


def _graph_of(model):
    """Returns what to do about a model without a graph."""
    kind = keras.layers.TorchModuleWrapper
    if any(isinstance(x, kind) for x in state.flatten_layers(model)):
        return (
            "Give its `TorchModuleWrapper` an `output_shape`, and build it as "
            "a Sequential or Functional model that ends in `Dense`."
        )
    if isinstance(model, keras.Sequential):
        return "Begin it with `keras.Input(shape)`, or call it once on data."
    return (
        "Make the graph of what its `call` does: `inputs = keras.Input(shape)`"
        ", then `keras.Model(inputs, model.call(inputs))`, which has the same "
        "layers."
    )


def _with_output(model, node, tensor):
    """Returns a model inside of another, of the output that is read alone."""
    if not state.has_graph(model) or len(model.outputs) == 1:
        return model
    place = [id(each) for each in node.outputs].index(id(tensor))
    inputs = state.inputs_of(model)
    return keras.Model(inputs, model.outputs[place], name=model.name)


def _check_operation(model, node):
    """Raises if what follows the head is neither layer nor known operation."""
    operation = node.operation
    if isinstance(operation, keras.layers.Layer):
        return
    if not after_head.is_after_head(operation):
        _feed(model, node)
        raise ValueError(
            f"Model '{model.name}' must end in a layer or in `softmax` or "
            f"`sigmoid`. Received: the operation '{operation.name}' of class "
            f"{type(operation).__name__} after the last layer. End the model "
            "in the layer that gives the scores, and apply the operation to "
            "its predictions. If the operation gives them, by a matrix of "
            "weights, put a `Dense` layer with that kernel in its place."
        )


def _feed(model, node):
    tensors = state.unmasked_inputs(node)
    if len(tensors) != 1:
        raise ValueError(
            f"The head '{node.operation.name}' of model '{model.name}' must "
            "have one input. Received: several. Concatenate them before the "
            "head; of the sum or the mean of heads make one `Dense` layer, "
            "whose weights are the sum or the mean of theirs, and of heads "
            "side by side one with the columns of all."
        )
    return tensors[0]
