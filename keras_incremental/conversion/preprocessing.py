"""What a task of KerasHub does to samples before its own graph."""

import dataclasses

import keras

from keras_incremental.utils import state

TAKEN_OVER = ("image_converter", "tokenizer")
KINDS = (*TAKEN_OVER, "audio_converter", "video_converter")


def with_preprocessor(split, model):
    """Puts what a task does to samples in front of the features.

    Such a task resizes and scales pictures and makes tokens of texts in `fit`
    and `predict`, outside of its graph, so what is cut out of the graph would
    miss it. Pictures are converted in the graph then; texts, which are no
    tensors, are where data is read.

    Args:
        split: `HeadSplit` of `model`.
        model: Keras model. A task has a `preprocessor`, which may have an
            `image_converter`, a layer, or a `tokenizer`.

    Returns:
        A `HeadSplit` that reads samples as `model.fit` does.

    Raises:
        ValueError: if the task preprocesses something else than pictures or
            texts, or makes something else of texts than the graph reads.
    """
    preprocessor = getattr(model, "preprocessor", None)
    _check_kind(preprocessor, model)
    if getattr(preprocessor, "tokenizer", None) is not None:
        _check_tokens(preprocessor, split, model)
        return dataclasses.replace(split, preprocessor=preprocessor)
    converter = getattr(preprocessor, "image_converter", None)
    if converter is None:
        return split
    inputs = keras.Input(_raw_shape(split.features.input_shape, converter))
    features = keras.Model(
        inputs, split.features(converter(inputs)), name=split.features.name
    )
    return dataclasses.replace(split, features=features)


def _raw_shape(shape, converter):
    """The shape of one picture before it is converted."""
    size = getattr(converter, "image_size", None)
    if size is None:
        return shape[1:]
    # On JAX no layer can resize pictures whose size is open.
    is_open = keras.config.backend() != "jax"
    return (*((None, None) if is_open else size), shape[-1])


def _check_kind(preprocessor, model):
    kinds = [x for x in KINDS if getattr(preprocessor, x, None) is not None]
    if set(kinds) - set(TAKEN_OVER) or len(kinds) > 1:
        raise ValueError(_message(model, preprocessor, f"with {kinds}"))


def _check_tokens(preprocessor, split, model):
    """Raises if a text does not become what the graph reads."""
    inputs, made = state.inputs_of(split.features), None
    if isinstance(preprocessor, keras.layers.Layer):
        made = preprocessor(["a"], y=None, sample_weight=None)
    given = list(made) if isinstance(made, dict) else type(made).__name__
    wanted = list(inputs) if isinstance(inputs, dict) else "one array"
    if isinstance(given, str) or not set(wanted) <= set(given):
        how = f"whose result is {given} where the graph reads {wanted}"
        raise ValueError(_message(model, preprocessor, how))


def _message(model, preprocessor, how):
    return (
        f"Model '{model.name}' preprocesses samples outside of its graph; "
        "what is taken over is an image converter, or a layer with a "
        "tokenizer that returns a dict with the inputs of the graph. "
        f"Received: preprocessor={type(preprocessor).__name__} {how}. Take "
        "it off, `preprocessor = model.preprocessor`, then "
        "`model.preprocessor = None`, and give each call what it makes of "
        "samples, `preprocessor(x)`."
    )
