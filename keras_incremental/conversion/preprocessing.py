"""What a task of KerasHub does to pictures before its own graph."""

import dataclasses

import keras

OTHERS = ("tokenizer", "audio_converter", "video_converter")


def with_preprocessor(split, model):
    """Puts the picture converter of a task in front of the features.

    Such a task resizes and scales pictures in `fit` and `predict`, outside
    of its graph, so what is cut out of the graph would miss it.

    Args:
        split: `HeadSplit` of `model`.
        model: Keras model. A task has a `preprocessor`, which may have an
            `image_converter`, a layer.

    Returns:
        A `HeadSplit` that reads pictures as `model.fit` does.

    Raises:
        ValueError: if the task preprocesses something else than pictures.
    """
    preprocessor = getattr(model, "preprocessor", None)
    _check_pictures(preprocessor, model)
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


def _check_pictures(preprocessor, model):
    kinds = [x for x in OTHERS if getattr(preprocessor, x, None) is not None]
    if kinds:
        raise ValueError(
            f"Model '{model.name}' preprocesses its inputs outside of its "
            f"graph, by {' and '.join(kinds)}; only pictures are taken over "
            f"so. Received: preprocessor={type(preprocessor).__name__}. Take "
            "it off, `preprocessor = model.preprocessor`, then "
            "`model.preprocessor = None`, and give each call what it makes of "
            "samples, `preprocessor(x)`."
        )
