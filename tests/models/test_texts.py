"""Texts of every form of array, more than Keras has dtypes for."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_incremental.models import IncrementalClassifier

ON_TENSORFLOW = keras.config.backend() == "tensorflow"
with_strings = pytest.mark.skipif(
    not ON_TENSORFLOW, reason="Only TensorFlow has tensors of strings."
)

# Keras stops at "Invalid dtype: str224" for 33 distinct ones.
TEXTS = np.array([f"{'good' if i % 2 else 'bad'} {'x' * i}" for i in range(40)])
NAMES = np.array(["bad", "good"])[np.arange(40) % 2]
FORMS = {
    "unicode": lambda x: x,
    "list": lambda x: x.tolist(),
    "objects": lambda x: x.astype(object),
    "bytes": np.char.encode,
    "bytes as objects": lambda x: np.char.encode(x).astype(object),
    "strings of any length": lambda x: x.astype(np.dtypes.StringDType()),
    "a column": lambda x: x[:, None],
}


def make(output_mode="multi_hot", shape=()):
    keras.utils.set_random_seed(0)
    words = layers.TextVectorization(4, output_mode=output_mode)
    words.adapt(TEXTS)
    inputs = keras.Input(shape, dtype="string")
    features = layers.Dense(3, trainable=False)(words(inputs))
    model = keras.Model(inputs, layers.Dense(2)(features))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=True)
    return IncrementalClassifier(model, ["bad", "good"])


@pytest.fixture(scope="module")
def clf():
    return make()


@with_strings
@pytest.mark.parametrize("form", FORMS)
def test_texts_of_every_form_are_read(clf, form):
    x = FORMS[form](TEXTS)
    expected = clf.predict(TEXTS, verbose=0)
    np.testing.assert_array_equal(clf.predict(x, verbose=0), expected)
    assert clf.predict_names(x).shape == (40,)
    assert clf.evaluate_classes(x, NAMES) == clf.evaluate_classes(TEXTS, NAMES)
    assert len(clf.review(x, threshold=0.0)) == 40
    assert clf.evaluate(x, NAMES, verbose=0) == clf.evaluate(
        TEXTS, NAMES, verbose=0
    )


@with_strings
def test_texts_are_fitted_and_learnt():
    clf = make()
    clf.remember(TEXTS, NAMES)
    clf.fit(TEXTS, NAMES, verbose=0)
    clf.learn(FORMS["objects"](TEXTS[:9]), classes=["long"], verbose=0)
    assert clf.predict(TEXTS, verbose=0).shape == (40, 3)


VERBS = {
    "predict": lambda clf, x: clf.predict(x),
    "predict_names": lambda clf, x: clf.predict_names(x),
    "evaluate": lambda clf, x: clf.evaluate(x, NAMES[: len(x)]),
    "fit": lambda clf, x: clf.fit(x, NAMES[: len(x)]),
    "remember": lambda clf, x: clf.remember(x, NAMES[: len(x)]),
    "learn": lambda clf, x: clf.learn(x, classes=["long"]),
}


@with_strings
@pytest.mark.parametrize("verb", VERBS)
def test_numbers_are_no_texts(clf, verb):
    message = r"`x` must hold strings. Received: x.dtype=int64"
    with pytest.raises(TypeError, match=message):
        VERBS[verb](clf, np.arange(40))


@pytest.mark.parametrize("verb", VERBS)
def test_texts_are_no_numbers(verb):
    model = keras.Sequential([keras.Input((1,)), layers.Dense(2)])
    clf = IncrementalClassifier(model, ["bad", "good"])
    with pytest.raises(TypeError, match=r"`x` must hold numbers.*<U"):
        VERBS[verb](clf, TEXTS)


@with_strings
@pytest.mark.parametrize("mode", ["multi_hot", "count"])
def test_a_declared_shape_that_is_not_the_real_one_is_refused(mode):
    # As Keras declares it: one row of words for each text of a column.
    with pytest.raises(ValueError, match=r"\(None, 1, 2\).*`keras.Input\(\(\)"):
        make(mode, shape=(1,))
    assert not make(mode).classifies_positions


@pytest.mark.backend
@pytest.mark.skipif(ON_TENSORFLOW, reason="It has tensors of strings.")
def test_a_backend_without_strings_is_named_and_its_fix_works():
    keras.utils.set_random_seed(0)
    words = layers.TextVectorization(4, output_mode="multi_hot")
    words.adapt(TEXTS)
    texts, rows = keras.Input((), dtype="string"), keras.Input((4,))
    head = layers.Dense(2)
    with pytest.raises(ValueError, match="no tensors of strings"):
        IncrementalClassifier(
            keras.Model(texts, head(words(texts))), ["bad", "good"]
        )
    clf = IncrementalClassifier(keras.Model(rows, head(rows)), ["bad", "good"])
    x = np.asarray(words(TEXTS))
    clf.remember(x, NAMES)
    clf.learn(1 - x[:9], classes=["long"], verbose=0)
    assert clf.predict(x, verbose=0).shape == (40, 3)
