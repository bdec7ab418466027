"""Whatever is adopted computes what it did, or it is refused."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_incremental.conversion.convert import convert
from keras_incremental.data import with_teacher
from keras_incremental.models import IncrementalClassifier
from keras_incremental.regularizers import fisher_importance

NAMES = ["a", "b", "c"]
X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def dense(**options):
    return layers.Dense(3, **options)


def functional(outputs_of):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    features = layers.Dense(5, activation="tanh")(inputs)
    return keras.Model(inputs, outputs_of(features))


def on_map(x, shape=(1, 1, 5)):
    """A head that looks at each place of a map."""
    return layers.Conv2D(3, 1)(layers.Reshape(shape)(x))


def twice(x):
    layer = layers.Dense(5)
    head = layers.Dense(5)
    return head(layer(head(x)))


@keras.saving.register_keras_serializable("tests")
class TrainedScale(layers.Dense):
    """A `Dense` layer that is more than a kernel and a bias."""

    def call(self, inputs):
        return 3.0 * super().call(inputs)


def one_of_nested(x):
    """One output of a nested model that has two inputs and two outputs."""
    inputs = {name: keras.Input((5,), name=name) for name in ("own", "other")}
    below = layers.Dense(4)(inputs["own"] - inputs["other"])
    outputs = [layers.Dense(1)(below), dense()(below)]
    inner = keras.Model(inputs, outputs)
    return inner({"own": x, "other": ops.tanh(x)}, training=False)[1]


def nested(x):
    inner = keras.Input((5,))
    return keras.Model(inner, ops.clip(dense()(inner), -0.1, 0.1))(x)


REFUSED = {
    "clip": (lambda x: ops.clip(dense()(x), -0.1, 0.1), "'clip.*of class Clip"),
    "relu": (lambda x: ops.relu(dense()(x)), "'relu.*of class Relu"),
    "scales of its own for each class": (
        lambda x: dense()(x) * np.arange(3.0),
        "'multiply.*of class Multiply",
    ),
    "softmax, then half": (
        lambda x: 0.5 * dense(activation="softmax")(x),
        "scaled after `softmax`",
    ),
    "sum": (lambda x: dense()(x) + dense()(x), "'add.*must have one input"),
    "mean": (
        lambda x: 0.5 * dense()(x) + 0.5 * dense()(x),
        "'add.*must have one input",
    ),
    "layer of a sum": (
        lambda x: layers.Add()([dense()(x), dense()(x)]),
        "must have one input",
    ),
    "clip in a nested model": (nested, "'clip.*of class Clip"),
    "clip after softmax": (
        lambda x: ops.clip(dense(activation="softmax")(x), 0.2, 0.8),
        "'clip.*of class Clip",
    ),
    "softmax twice": (
        lambda x: ops.softmax(dense(activation="softmax")(x)),
        "'softmax', 'softmax'",
    ),
    "a part of a map": (
        lambda x: layers.GlobalAveragePooling2D()(
            layers.Conv2D(3, (3, 1))(layers.Reshape((5, 1, 1))(x))
        ),
        r"must read one place.*kernel_size=\(3, 1\).*and end in `Dense`",
    ),
    "an operation with weights": (
        lambda x: ops.matmul(x, np.eye(5, 3, dtype="float32")),
        "'matmul.*of class Matmul.*a `Dense` layer with that kernel",
    ),
    "a head that scales": (
        lambda x: TrainedScale(3)(x),
        "not compute.*End the model in",
    ),
    "softmax over the batch": (
        lambda x: layers.Softmax(axis=0)(dense()(x)),
        "not compute.*softmax.*End the model in",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_compute_something_else_is_refused(case):
    outputs_of, message = REFUSED[case]
    model = functional(outputs_of)
    names = list("abcde")[: model.output_shape[-1]]
    with pytest.raises(ValueError, match=f"(?s){message}"):
        IncrementalClassifier(model, names)


TAKEN = {
    "logits": lambda x: dense()(x),
    "softmax": lambda x: dense(activation="softmax")(x),
    "softmax layer": lambda x: layers.Softmax()(dense()(x)),
    "softmax operation": lambda x: ops.softmax(dense()(x)),
    "sigmoid operation": lambda x: ops.sigmoid(dense()(x)),
    "one sigmoid operation": lambda x: ops.sigmoid(layers.Dense(1)(x)),
    "log_softmax": lambda x: dense(activation="log_softmax")(x),
    "log_softmax operation": lambda x: ops.log_softmax(dense()(x)),
    "half": lambda x: 0.5 * dense()(x),
    "several scales": lambda x: ops.softmax(2 - (dense()(x) + 1) / 3),
    "one sigmoid of a half": lambda x: ops.sigmoid(layers.Dense(1)(x) / 2),
    "scale and offset": lambda x: layers.Rescaling(0.5, 1.0)(dense()(x)),
    "dropout": lambda x: ops.softmax(layers.Dropout(0.5)(dense()(x))),
    "einsum": lambda x: layers.EinsumDense("ab,bc->ac", 3, bias_axes="c")(x),
    "einsum without a bias": lambda x: layers.EinsumDense("ab,bc->ac", 3)(x),
    "spectral normalization": lambda x: layers.SpectralNormalization(
        dense(activation="softmax")
    )(x),
    "convolution, then flatten": lambda x: layers.Flatten()(on_map(x)),
    "convolution, then reshape": lambda x: layers.Reshape((3,))(on_map(x)),
    "convolution, then mean": lambda x: ops.softmax(
        layers.GlobalAveragePooling2D()(on_map(x, (5, 1, 1)))
    ),
    "convolution, then two means": lambda x: layers.Flatten()(
        layers.AveragePooling2D((5, 1))(on_map(x, (5, 1, 1)))
    ),
    "convolution of sequences, then mean": lambda x: ops.softmax(
        layers.GlobalAveragePooling1D()(
            layers.Conv1D(3, 1)(layers.Reshape((5, 1))(x))
        )
    ),
    "convolution of volumes, then mean": lambda x: (
        layers.GlobalAveragePooling3D()(
            layers.Conv3D(3, 1)(layers.Reshape((5, 1, 1, 1))(x))
        )
    ),
    "convolution of the whole map, then flatten": lambda x: layers.Flatten()(
        layers.Conv2D(3, (5, 1))(layers.Reshape((5, 1, 1))(x))
    ),
    "one of several outputs of a nested model": one_of_nested,
    "called below too": twice,
    "of ints": lambda x: dense()(ops.cast(x * 9, "int32")),
    "clip below the head": lambda x: dense()(ops.clip(x, -0.1, 0.1)),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_is_taken_computes_the_same(case):
    model = functional(TAKEN[case])
    expected = ops.convert_to_numpy(model(X))
    names = list("abcde")[: max(2, expected.shape[1])]
    clf = IncrementalClassifier(model, names)
    assert keras.backend.is_float_dtype(clf.features.outputs[0].dtype)
    received = ops.convert_to_numpy(clf(X))
    if expected.shape[1] == 1:
        received = received[:, 1:]
    np.testing.assert_allclose(received, expected, atol=1e-6)


def test_softmax_as_an_operation_gives_no_logits():
    model = functional(TAKEN["softmax operation"])
    same = keras.models.clone_model(functional(TAKEN["softmax"]))
    same.set_weights(model.get_weights())
    y = np.arange(6) % 3
    np.testing.assert_allclose(
        *(with_teacher(X, m, y)[1][0] for m in (model, same)), atol=1e-6
    )
    for a, b in zip(
        fisher_importance(model, X).values(),
        fisher_importance(same, X).values(),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    "case", ["log_softmax", "half", "one sigmoid of a half"]
)
def test_what_follows_the_head_is_known_where_logits_are_asked_for(case):
    model = functional(TAKEN[case])
    twin = functional(lambda x: layers.Dense(model.output_shape[-1])(x))
    twin.set_weights(model.get_weights())
    if "half" in case:
        twin.layers[-1].set_weights([w / 2 for w in model.get_weights()[-2:]])
    from_logits = "sigmoid" not in case
    if from_logits:
        y = np.arange(6) % 3
        np.testing.assert_allclose(
            ops.softmax(with_teacher(X, model, y)[1][0][:, 1:]),
            ops.softmax(with_teacher(X, twin, y)[1][0][:, 1:]),
            atol=1e-6,
        )
    layer = model.layers[1].name
    importance, expected = (
        {k: v for k, v in fisher_importance(m, X).items()}
        for m in (model, twin)
    )
    first = next(k for k in importance if layer in k)
    other = next(k for k in expected if twin.layers[1].name in k)
    np.testing.assert_allclose(
        importance[first], expected[other], rtol=1e-4, atol=1e-7
    )


class Parts(keras.Model):
    """A model that has the attributes of a split one, and adds to them."""

    def __init__(self):
        super().__init__()
        self.features = layers.Dense(5)
        self.head = layers.Dense(3)
        self.activation = "softmax"

    def call(self, inputs):
        return 0.1 * self.head(self.features(inputs))


def test_attributes_of_a_stranger_say_nothing():
    model = Parts()
    model(X)
    for use in (
        lambda: IncrementalClassifier(model, NAMES),
        lambda: with_teacher(X, model, np.arange(6) % 3),
        lambda: fisher_importance(model, X),
    ):
        with pytest.raises(
            ValueError, match="no graph.*model.call|from_logits"
        ):
            use()


@pytest.mark.parametrize(
    "inputs, below",
    [
        (keras.Input((3,), dtype="int32"), layers.Embedding(5, 4)),
        (keras.Input((None,)), layers.Embedding(2, 4)),
        (keras.Input((None, None, 3)), layers.Conv2D(4, 3)),
        (keras.Input((8, 8, 1), dtype="uint8"), layers.Rescaling(1 / 255)),
    ],
)
def test_samples_are_made_up_for_inputs_of_any_kind(inputs, below):
    x = below(inputs)
    pool = layers.GlobalAveragePooling1D
    x = pool()(x) if len(x.shape) == 3 else layers.GlobalMaxPooling2D()(x)
    split = convert(keras.Model(inputs, layers.Dense(3)(x)))
    assert split.head.units == 3


def test_weights_that_are_not_finite_cannot_be_compared():
    model = functional(TAKEN["logits"])
    model.set_weights([w + np.nan for w in model.get_weights()])
    with pytest.raises(ValueError, match="not finite"):
        IncrementalClassifier(model, NAMES)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_rounding_is_no_difference(dtype):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(64, activation="relu", dtype=dtype),
            layers.Dense(3, dtype=dtype),
            layers.Softmax(dtype="float32"),
        ]
    )
    assert convert(model).head.units == 3
