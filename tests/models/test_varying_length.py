"""Samples of varying length: refused by every verb, and what to do."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_incremental import ExemplarMemory
from keras_incremental.models import IncrementalClassifier

TOKENS = [[1, 2], [3], [4, 5, 6], [7]]
Y = np.arange(4) % 2
LEARNING = ("learn", "remember", "evaluate_classes")
LABELED = (*LEARNING, "fit", "evaluate")
UNLABELED = ("predict", "predict_names", "review", "calibrate_unknown")


def make():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True)(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.LSTM(3)(x)))
    model.trainable = False
    return IncrementalClassifier(
        model, ["a", "b"], memory=ExemplarMemory(4), seed=0
    )


@pytest.fixture(scope="module")
def clf():
    return make()


def ragged():
    return pytest.importorskip("tensorflow").ragged.constant(TOKENS)


def batches(labeled):
    tf = pytest.importorskip("tensorflow")
    parts = (ragged(), Y) if labeled else ragged()
    return tf.data.Dataset.from_tensor_slices(parts).batch(2)


def call(clf, verb, *data):
    options = {"classes": ["a", "b"]} if verb in LEARNING else {}
    return getattr(clf, verb)(*data, **options)


@pytest.mark.parametrize("verb", [*LABELED, *UNLABELED])
def test_every_verb_refuses_them_with_what_to_do(clf, verb):
    labels = (Y,) if verb in LABELED else ()
    with pytest.raises(TypeError, match="RaggedTensor.*x.to_tensor.*Masking"):
        call(clf, verb, ragged(), *labels)
    with pytest.raises(TypeError, match="RaggedTensorSpec.*dataset.map"):
        call(clf, verb, batches(verb in LABELED))
    arrays = [np.array(row) for row in TOKENS]
    with pytest.raises(TypeError, match="differ in shape.*pad_sequences"):
        call(clf, verb, arrays, *labels)
    assert clf.classes == ("a", "b") and not len(clf.memory)


PLACES = {
    "validation_data": lambda clf, data: clf.fit(
        np.ones((4, 3)), Y, validation_data=data
    ),
    "old_data": lambda clf, data: clf.learn(
        np.ones((4, 3)), classes=["c"], old_data=data
    ),
    "data": lambda clf, data: clf.memory.mix(data),
}


@pytest.mark.parametrize("argument", PLACES)
def test_every_place_of_data_refuses_them(clf, argument):
    arrays = [np.array(row) for row in TOKENS]
    for data in ((ragged(), Y), (arrays, Y), batches(True)):
        with pytest.raises(
            TypeError, match=f"`{argument}` must be (dense|one)"
        ):
            PLACES[argument](clf, data)


def test_padded_samples_give_what_each_gives_alone(tmp_path):
    clf = make()
    padded = keras.utils.pad_sequences(TOKENS, padding="post")
    np.testing.assert_array_equal(padded, ragged().to_tensor())
    clf.remember(padded, Y, ["a", "b"])
    clf.learn(padded[:2], classes=["c"], verbose=0)
    scores = clf.predict(padded, verbose=0)
    for row, expected in zip(TOKENS, scores, strict=True):
        alone = clf.predict_on_batch(np.array([row]))
        np.testing.assert_allclose(alone[0], expected, atol=1e-5)
    clf.save(tmp_path / "tokens.keras")
    loaded = keras.models.load_model(tmp_path / "tokens.keras")
    np.testing.assert_array_equal(
        loaded.memory.arrays()[0], clf.memory.arrays()[0]
    )
    dataset = batches(True).map(lambda x, y: (x.to_tensor(), y))
    assert loaded.evaluate(dataset, verbose=0, return_dict=True)
