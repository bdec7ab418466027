"""Layers without which a saved file does not open."""

import warnings

import keras

from keras_incremental.utils import state


def warn_of_missing_code(model: keras.Model, stacklevel: int = 3) -> None:
    """Warns of layers whose code a file does not hold.

    Args:
        model: `keras.Model` that is saved.
        stacklevel: Int. See `warnings.warn`. Defaults to `3`, the caller of
            the caller.
    """
    lambdas, unregistered = [], {}
    layers = state.flatten_layers(model)
    preprocessor = getattr(model, "preprocessor", None)
    if preprocessor is not None:
        layers = [*layers, *state.flatten_layers(preprocessor)]
    for layer in layers:
        if isinstance(layer, keras.layers.Lambda):
            lambdas.append(layer.name)
        elif not _is_found(type(layer)):
            unregistered[type(layer).__name__] = layer.name
    if lambdas:
        warnings.warn(
            f"The code of the layers {lambdas} is not safe to load from a "
            "file: they are `Lambda` layers. Received: a model to save. Put "
            "what they compute into a layer of your own, or load the file "
            "with `safe_mode=False` if you trust it.",
            stacklevel=stacklevel,
        )
    if unregistered:
        warnings.warn(
            "The file opens only where the classes of some layers are known. "
            f"Received: {unregistered}, classes and one layer of each. "
            "Decorate each class with "
            "`@keras.saving.register_keras_serializable()` and import its "
            "module before loading, or pass `custom_objects`.",
            stacklevel=stacklevel,
        )


def _is_found(cls):
    """Returns whether Keras finds a class by its name."""
    is_registered = keras.saving.get_registered_name(cls) != cls.__name__
    return is_registered or cls.__module__.split(".")[0] == "keras"
