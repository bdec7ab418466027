"""Copies of models that compute what the models compute."""

import tempfile

import keras
import numpy as np
from keras import ops

from keras_incremental.utils import probes
from keras_incremental.utils import state


def copy_model(model: keras.Model) -> keras.Model:
    """Returns a copy of a model that shares nothing with it.

    `keras.models.clone_model` with `set_weights` loses what is no weight: the
    mean of an adapted `Normalization`, a vocabulary. Here each layer of the
    copy reads what its original would write to a file. Random layers draw
    anew.

    Args:
        model: Built Sequential or Functional model with one output.

    Returns:
        `keras.Model`.

    Raises:
        ValueError: if a layer cannot be made from its config, or if the copy
            has other layers, or computes something else on random samples.
    """
    copy = _copied(model)
    lost = _first_lost(model, copy)
    if lost is not None:
        raise ValueError(
            f"A copy of model '{model.name}' computes something else than the "
            f"model, from layer '{lost}' on. Received: a layer with a state "
            "that it writes to no file. Give it `save_own_variables` and "
            "`load_own_variables`, or put what it computes into the data."
        )
    return copy


def first_lost(model: keras.Model) -> str | None:
    """Returns the name of the first layer whose state no file would hold.

    Args:
        model: Built Sequential or Functional model with one output.

    Returns:
        String, or `None` if there is none, or if no copy can be made.
    """
    try:
        return _first_lost(model, _copied(model))
    except Exception:
        # Keras says in its own words what it cannot write.
        return None


def _copied(model):
    copy = _clone(model)
    layers, copies = _layers_of(model), _layers_of(copy)
    if len(layers) != len(copies):
        raise ValueError(
            f"A copy of model '{model.name}' has other layers than the model. "
            f"Received: {len(layers)} layers, and {len(copies)} made from "
            "their configs. Make the layers inside of a layer in its "
            "`__init__`, or return what makes them in `get_config`."
        )
    for old, new in zip(layers, copies, strict=True):
        _copy_state(old, new)
    return copy


def _clone(model):
    with state.trusting_code():
        try:
            return keras.models.clone_model(model, clone_function=_made_anew)
        except Exception as error:
            # What comes out of a `from_config` of somebody else.
            layer, reason = _not_made(model, error)
    raise ValueError(
        f"No copy of model '{model.name}' can be made, as its layer "
        f"'{layer.name}' of class {type(layer).__name__} cannot be made from "
        f"its config. Received: {_first_line(reason)} Return all arguments of "
        "its `__init__` in `get_config`, and decorate functions and classes "
        "in there with `@keras.saving.register_keras_serializable()`. `learn` "
        "copies no layers that are frozen."
    ) from reason


def _made_anew(layer):
    made = type(layer).from_config(layer.get_config())
    if isinstance(layer, keras.layers.Lambda):
        # What is read from a config has lost the names that it refers to.
        made.function = layer.function
    return made


def _not_made(model, error):
    """Returns the layer that cannot be made, the innermost, and its error."""
    for layer in reversed(_layers_of(model)):
        try:
            _made_anew(layer)
        except Exception as own:
            return layer, own
    return model, error


def _first_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else '':.200}."


def _layers_of(model):
    """Returns all layers but inputs, of which a copy may have more."""
    return [
        layer
        for layer in state.flatten_layers(model)
        if not isinstance(layer, keras.layers.InputLayer)
    ]


def _copy_state(old, new):
    store = {}
    old.save_own_variables(store)
    arrays = {name: ops.convert_to_numpy(v) for name, v in store.items()}
    if arrays:
        new.load_own_variables(arrays)
    if hasattr(old, "save_assets"):
        with tempfile.TemporaryDirectory() as folder:
            old.save_assets(folder)
            new.load_assets(folder)


def _first_lost(model, copy):
    samples, expected = probes.probe_of(model, finite=False)
    received = probes.outputs_of(copy, samples)
    if probes.differ(expected, received, model.compute_dtype) is None:
        return None
    return _first_difference(model, copy, samples)


def _first_difference(model, copy, samples):
    """Returns the name of the first layer that gives other outputs."""
    pairs = zip(
        state.operations_of(model), state.operations_of(copy), strict=True
    )
    for old, new in pairs:
        tensors = (
            state.outbound_tensor(model, old),
            state.outbound_tensor(copy, new),
        )
        if None in tensors or isinstance(old, keras.layers.InputLayer):
            continue
        parts = [
            keras.Model(state.inputs_of(each), tensor)
            for each, tensor in zip((model, copy), tensors, strict=True)
        ]
        outputs = [probes.outputs_of(part, samples) for part in parts]
        if not np.allclose(*outputs, rtol=1e-3, equal_nan=True):
            return old.name
    return model.name
