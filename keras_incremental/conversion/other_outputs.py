"""Classifiers that are one of several outputs of a model."""

import itertools

import keras

from keras_incremental.utils import state
from keras_incremental.utils.compilation import as_new
from keras_incremental.utils.model_outputs import layout_of
from keras_incremental.utils.model_outputs import named_outputs


@keras.saving.register_keras_serializable("keras_incremental")
class OtherOutputs(keras.Model):
    """The outputs of a model to which no class is added.

    Its layers are frozen, those that it shares with the classifier too.

    Args:
        outputs: Functional model of these outputs, in a list.
        layout: `OutputLayout` of all outputs.
    """

    def __init__(self, outputs, layout, **kwargs):
        super().__init__(name="other_outputs", **kwargs)
        self.outputs_model = outputs
        self.layout = layout
        self.trainable = False
        self.built = True

    def call(self, inputs, training=None):
        return self.outputs_model(inputs, training=False)

    def joined_with(self, features):
        """Returns a model of features, and then of these outputs.

        Args:
            features: Model of the same graph.
        """
        return keras.Model(
            state.inputs_of(features),
            [features.outputs[0], *self.outputs_model.outputs],
            name=features.name,
        )


def check_others(classifier):
    """Raises if a layer that other outputs read may train."""
    layout = classifier.others.layout
    layers = state.flatten_layers(classifier.others.outputs_model)
    free = [x.name for x in layers if x.trainable and x.weights]
    if free:
        raise ValueError(
            f"The outputs {layout.others} would change with layers that they "
            f"share with '{layout.chosen}'. Received: trainable layers "
            f"{free[:3]}. Freeze them, by `layer.trainable = False`, or adopt "
            "a model of the one output alone, `keras.Model(model.inputs, "
            "output)`."
        )


def check_nested(model, features, others):
    """Raises if nested models share layers, each with an output of its own.

    Args:
        model: Model that was split.
        features: Model below the head.
        others: `OtherOutputs`, or `None`.
    """
    parts = [features] if others is None else [features, others.outputs_model]
    layers = [x for part in parts for x in part.layers]
    nested = {id(x): x for x in layers if isinstance(x, keras.Model)}
    pairs = itertools.combinations(nested.values(), 2)
    shared = next((pair for pair in pairs if _share_layers(*pair)), None)
    if shared is None:
        return
    own = {id(layer) for layer in state.flatten_layers(model)}
    name = next((x.name for x in shared if id(x) in own), shared[0].name)
    raise ValueError(
        f"Model '{model.name}' calls the nested model '{name}' for the head "
        "and for something else too. Received: layers that are in two nested "
        "models then, which Keras does not save. Put them into the graph: "
        f"build the model anew, with `{name}.call(x)` in the place of "
        f"`{name}(x)`."
    )


def _share_layers(first, second):
    layers = {id(x) for x in state.flatten_layers(first) if x.weights}
    return any(id(x) in layers for x in state.flatten_layers(second))


def split_outputs(joined, layout):
    """Returns a model of features, and `OtherOutputs`.

    Args:
        joined: Model that `OtherOutputs.joined_with` returned.
        layout: `OutputLayout`.
    """
    inputs = state.inputs_of(joined)
    features = keras.Model(inputs, joined.outputs[0], name=joined.name)
    others = keras.Model(inputs, joined.outputs[1:])
    return features, OtherOutputs(others, layout)


def choose_output(model, output):
    """Returns the model of one output, and its `OutputLayout` or `None`.

    Args:
        model: Keras model, compiled or not.
        output: String, the name of an output or of its layer, or `None`.

    Raises:
        ValueError: if there are several, or none of that name.
    """
    if not _has_outputs(model):
        return model, None
    if len(model.outputs) == 1 and output is None:
        return model, None
    tensors = named_outputs(model)
    name = _chosen(model, tensors, output)
    if len(tensors) == 1:
        return model, None
    _check_form(model, tensors)
    layout = layout_of(model, name)
    single = keras.Model(state.inputs_of(model), tensors[name], name=model.name)
    if getattr(model, "compiled", False):
        single.compile(as_new(model.optimizer), layout.part_of(model.loss))
    return single, layout


def others_of(model, layout):
    """Returns `OtherOutputs` of a model with several outputs."""
    tensors = named_outputs(model)
    outputs = [tensors[name] for name in layout.others]
    return OtherOutputs(keras.Model(state.inputs_of(model), outputs), layout)


def _has_outputs(model):
    return (
        isinstance(model, keras.Model)
        and state.has_graph(model)
        and bool(getattr(model, "outputs", None))
    )


def _chosen(model, tensors, output):
    by_layer = dict(zip(model.output_names, model.outputs, strict=True))
    names = list(tensors)
    if output in tensors:
        return output
    if output in by_layer:
        chosen = by_layer[output]
        return next(n for n, tensor in tensors.items() if tensor is chosen)
    raise ValueError(
        f"Model '{model.name}' has the outputs {names}, of which one gives "
        f"the scores of the classes. Received: output={output!r}. Name it, "
        f"as in `IncrementalClassifier(model, classes, output={names[0]!r})`; "
        "the others stay as they are."
    )


def _check_form(model, tensors):
    preprocessor = getattr(model, "preprocessor", None)
    if preprocessor is not None:
        raise ValueError(
            f"Model '{model.name}' has the outputs {list(tensors)}, which "
            "read what was preprocessed outside of its graph. Received: "
            f"preprocessor={type(preprocessor).__name__}. Put its layers into "
            "the graph."
        )
    flat = keras.tree.flatten(model.output)
    if len(flat) != len(tensors) or len(set(map(id, flat))) != len(flat):
        raise ValueError(
            f"The outputs of model '{model.name}' must be a dict or a list "
            f"of different tensors. Received: {list(tensors)} for "
            f"{len(flat)} outputs. Build a model with a dict of them."
        )
