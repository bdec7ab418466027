"""What a loss says of outputs is read before a model is adopted."""

import functools

import keras
import numpy as np
import pytest
from keras import layers

from keras_incremental.losses import LossWithTeacher
from keras_incremental.models import IncrementalClassifier
from keras_incremental.problems.codecs import IndexCodec
from keras_incremental.problems.codecs import TokenCodec

NAMES = ["cat", "dog"]
X = np.eye(4, dtype="float32")


def sigmoids(loss=None, units=2):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3),
            layers.Dense(units, activation="sigmoid"),
        ]
    )
    if loss is not None:
        model.compile("sgd", loss)
    return model


EXCLUSIVE = [
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    keras.losses.CategoricalCrossentropy(),
    keras.losses.SparseCategoricalCrossentropy(),
    keras.losses.CategoricalFocalCrossentropy(),
    keras.losses.CategoricalHinge(),
    keras.losses.categorical_crossentropy,
    functools.partial(keras.losses.categorical_crossentropy, axis=-1),
    ["categorical_crossentropy"],
    "kld",
]


@pytest.mark.parametrize("loss", EXCLUSIVE)
def test_sigmoids_of_exclusive_classes_are_asked_about(loss):
    model = sigmoids(loss)
    message = "2 sigmoid outputs.*compiled with.*Received: multi_label=None"
    with pytest.raises(ValueError, match=message):
        IncrementalClassifier(model, NAMES)
    clf = IncrementalClassifier(model, NAMES, multi_label=True)
    assert clf.multi_label


OF_NUMBERS = [
    *("mse", "mae", "mape", "msle", "log_cosh", "poisson", "hinge"),
    "squared_hinge",
    keras.losses.MeanSquaredError(),
    keras.losses.Huber(),
    keras.losses.CosineSimilarity(),
]


@pytest.mark.parametrize("loss", OF_NUMBERS)
def test_sigmoids_that_were_trained_on_numbers_are_asked_about(loss):
    message = "which serves classes.*Received: multi_label=None"
    with pytest.raises(ValueError, match=message):
        IncrementalClassifier(sigmoids(loss), NAMES)
    clf = IncrementalClassifier(sigmoids(loss), NAMES, multi_label=True)
    assert clf.multi_label


@pytest.mark.parametrize(
    "loss", [None, "binary_crossentropy", keras.losses.BinaryCrossentropy()]
)
def test_other_sigmoids_are_taken_for_several_labels(loss):
    assert IncrementalClassifier(sigmoids(loss), NAMES).multi_label


def test_one_sigmoid_is_taken_for_two_classes():
    clf = IncrementalClassifier(sigmoids("binary_crossentropy", 1), NAMES)
    assert not clf.multi_label


@pytest.mark.parametrize(
    "loss",
    [
        [keras.losses.BinaryCrossentropy(from_logits=True)],
        keras.losses.BinaryFocalCrossentropy(from_logits=True),
    ],
    ids=["list", "focal"],
)
def test_logits_of_a_yes_or_no_each_are_asked_about(loss):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    model.compile("sgd", loss)
    with pytest.raises(ValueError, match="logits.*Say multi_label=True"):
        IncrementalClassifier(model, NAMES)


def test_a_loss_in_a_list_is_read_as_the_loss_alone():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    clf, y = IncrementalClassifier(model, NAMES), np.arange(len(X)) % 2
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    values = []
    for form in (loss, [loss]):
        clf.compile("sgd", form)
        values.append(clf.evaluate(X, y, verbose=0))
    np.testing.assert_allclose(*values)
    clf.compile("sgd", ["categorical_crossentropy"])
    with pytest.raises(ValueError, match="takes probabilities.*gives logits"):
        clf.fit(X, y, verbose=0)


@pytest.mark.parametrize("form", ["arrays", "tf.data", "list"])
def test_one_hot_labels_fit_the_loss_that_a_classifier_is_compiled_with(form):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    clf, y = IncrementalClassifier(model, NAMES), np.arange(len(X)) % 2
    data = (X, np.eye(2)[y])
    if form == "tf.data":
        tf = pytest.importorskip("tensorflow")
        data = (tf.data.Dataset.from_tensor_slices(data).batch(2),)
    elif form == "list":
        data = ([data],)
    expected = clf.evaluate(X, y, verbose=0)
    np.testing.assert_allclose(clf.evaluate(*data, verbose=0), expected)
    clf.fit(*data, shuffle=False, verbose=0)
    with pytest.raises(ValueError, match="not one-hot.*CategoricalCross"):
        clf.fit(X, np.ones((len(X), 2)), verbose=0)


@pytest.mark.parametrize("codec", [IndexCodec(), TokenCodec()])
@pytest.mark.parametrize("shape", [(None, 2), (None, None), (None,), None])
def test_labels_of_a_data_set_keep_a_form_that_may_be_no_one_hot(codec, shape):
    tf = pytest.importorskip("tensorflow")
    y = np.ones(4, int) if shape == (None,) else np.eye(2, dtype=int)
    is_wide = shape == (None, 2) and type(codec) is IndexCodec
    if shape in ((None, None), None) and type(codec) is IndexCodec:
        y = np.ones((4, 1), int)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    data = tf.data.Dataset.from_generator(
        lambda: iter([(X[: len(y)], y)]),
        output_signature=(
            tf.TensorSpec((None, 4), "float32"),
            tf.TensorSpec(shape, "int64"),
        ),
    )
    [(_, found)] = codec.check_dataset(data, NAMES, loss)
    expected = y.argmax(1) if is_wide else y
    np.testing.assert_array_equal(found, expected)


def test_fit_does_not_weigh_classes_by_outputs_of_a_teacher():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    clf = IncrementalClassifier(model, NAMES)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    clf.compile("sgd", LossWithTeacher(loss, num_old=2))
    y = np.zeros((4, 3), "float32")
    weight = {"class_weight": {0: 2.0}}
    for call in (
        lambda: clf.fit(X, y, **weight, verbose=0),
        lambda: clf.train_on_batch(X[:1], (y[:1],), **weight),
    ):
        with pytest.raises(ValueError, match="`class_weight`.*`with_teacher`"):
            call()


@pytest.mark.parametrize("half", [0.5, 0.0])
def test_one_number_is_no_logit(half):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="one number.*model.outputs.0. - 0.5"):
        IncrementalClassifier(model, NAMES)
    outputs = model.outputs[0] - half
    clf = IncrementalClassifier(keras.Model(model.inputs, outputs), NAMES)
    said = np.array(clf.predict_names(X)) == "dog"
    numbers = model.predict_on_batch(X)[:, 0]
    np.testing.assert_array_equal(said, numbers > half)


def test_a_softmax_of_one_output_is_refused():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(1, activation="softmax")]
    )
    with pytest.raises(ValueError, match="the same for all samples.*sigmoid"):
        IncrementalClassifier(model, NAMES)
