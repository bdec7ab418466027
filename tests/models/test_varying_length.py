"""Samples of varying length and size, in every verb."""

import functools

import keras
import numpy as np
import pytest
from keras import layers
from toy_sequences import NAMES
from toy_sequences import OLD
from toy_sequences import Batches
from toy_sequences import Y
from toy_sequences import features
from toy_sequences import make
from toy_sequences import of
from toy_sequences import on_features
from toy_sequences import pictures
from toy_sequences import sounds
from toy_sequences import taught
from toy_sequences import tokens

from keras_incremental import ExemplarMemory
from keras_incremental.models import IncrementalClassifier
from keras_incremental.models import compare

LEARNING = ("learn", "remember", "evaluate_classes")
LABELED = (*LEARNING, "fit", "evaluate")
UNLABELED = ("predict", "predict_names", "review", "calibrate_unknown")


def ragged():
    tf = pytest.importorskip("tensorflow")
    return tf.ragged.constant([row.tolist() for row in of(tokens(), OLD)])


def batches(labeled):
    tf = pytest.importorskip("tensorflow")
    parts = (ragged(), Y[OLD]) if labeled else ragged()
    return tf.data.Dataset.from_tensor_slices(parts).batch(2)


def call(clf, verb, *data):
    options = {"classes": ["a", "b"]} if verb in LEARNING else {}
    return getattr(clf, verb)(*data, **options)


@pytest.fixture(scope="module")
def clf():
    return make()


@pytest.mark.parametrize("verb", [*LABELED, *UNLABELED])
def test_every_verb_refuses_ragged_tensors_with_what_to_do(clf, verb):
    labels = (Y[OLD],) if verb in LABELED else ()
    with pytest.raises(TypeError, match="RaggedTensor.*x.to_tensor.*Masking"):
        call(clf, verb, ragged(), *labels)
    with pytest.raises(TypeError, match="RaggedTensorSpec.*dataset.map"):
        call(clf, verb, batches(verb in LABELED))
    assert clf.classes == ("a", "b") and not len(clf.memory)


PLACES = {
    "validation_data": lambda clf, data: clf.fit(
        np.ones((4, 3)), Y[:4] % 2, validation_data=data
    ),
    "old_data": lambda clf, data: clf.learn(
        np.ones((4, 3)), classes=["c"], old_data=data
    ),
    "data": lambda clf, data: clf.memory.mix(data),
}


@pytest.mark.parametrize("argument", PLACES)
def test_every_place_of_data_refuses_ragged_tensors(clf, argument):
    for data in ((ragged(), Y[OLD]), batches(True)):
        with pytest.raises(TypeError, match=f"`{argument}` must be dense"):
            PLACES[argument](clf, data)


@pytest.mark.parametrize("verb", ["fit", "evaluate"])
def test_fit_and_evaluate_take_batches_of_one_shape_each(clf, verb):
    x, y = of(tokens(), OLD), Y[OLD]
    with pytest.raises(ValueError, match="one shape each"):
        getattr(clf, verb)(x, y)
    # TensorFlow takes the first two batches for the form of all.
    x = [max(x, key=len), *sorted(x, key=len)[:-1]]
    assert getattr(clf, verb)(Batches(x, y), verbose=0)


@pytest.mark.backend
def test_each_shape_runs_by_itself():
    clf, x = make(sounds), sounds(count=6)
    alone = [clf.predict_on_batch(sample[None]) for sample in x]
    found = clf.predict(x, verbose=0)
    np.testing.assert_allclose(found, np.concatenate(alone), atol=1e-4)
    clf.remember(x, NAMES[:1].repeat(6))
    expected = features(sounds, x).mean(0)
    np.testing.assert_allclose(clf.statistics.means[0], expected, atol=1e-4)


@pytest.mark.filterwarnings("ignore:The outputs of the classes")
@pytest.mark.parametrize("kind", [tokens, pictures])
def test_a_frozen_network_learns_what_its_features_say(kind, tmp_path):
    clf = taught(
        make(kind, memory=ExemplarMemory(6, path=tmp_path / "x")), kind()
    )
    x = kind(1)
    expected = taught(
        on_features(kind), kind(), functools.partial(features, kind)
    )
    scores = clf.predict(x, verbose=0)
    np.testing.assert_allclose(
        scores, expected.predict(features(kind, x), verbose=0), atol=1e-3
    )
    assert clf.memory.ids.tolist() == expected.memory.ids.tolist()
    alone = [clf.predict_on_batch(sample[None]) for sample in x]
    np.testing.assert_allclose(np.concatenate(alone), scores, atol=1e-4)
    clf.save(tmp_path / "x.keras")
    loaded = keras.models.load_model(tmp_path / "x.keras")
    pairs = zip(loaded.memory.arrays()[0], clf.memory.arrays()[0], strict=True)
    assert all(np.array_equal(*pair) for pair in pairs)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), scores)


VERBS = {
    "evaluate_classes": lambda clf, x: [
        *clf.evaluate_classes(x, NAMES[Y]).values()
    ],
    "predict_names": lambda clf, x: clf.predict_names(x),
    "unknown": lambda clf, x: clf.predict_names(x, unknown="?"),
    "some classes": lambda clf, x: clf.predict_names(x, classes=["a"]),
    "propose": lambda clf, x: clf.propose(x),
    "review": lambda clf, x: clf.review(x).indices,
    "calibrate_unknown": lambda clf, x: (
        clf.calibrate_unknown(x, NAMES[Y], false_alarm=0.2).threshold
    ),
    "compare": lambda clf, x: compare(clf, clf, x, NAMES[Y]).decision,
    "compute_statistics": lambda clf, x: (
        clf.compute_statistics(x, NAMES[Y]).statistics.means
    ),
    "answers": lambda clf, x: _answered(clf, clf.review(x)),
    "forget": lambda clf, x: (
        clf.forget(clf.memory.ids[:2]),
        clf.statistics.means,
    )[1],
}


def _answered(clf, queue):
    report = clf.learn(*queue.answer(["c"] * len(queue)), verbose=0)
    return [report.used["new samples"], *clf.memory.ids]


@pytest.fixture(scope="module")
def both():
    """A classifier that has learned sounds, and one of their features."""
    read = functools.partial(features, sounds)
    return (
        (taught(make(sounds), sounds()), list),
        (taught(on_features(sounds), sounds(), read), read),
    )


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_says_what_it_says_of_features(verb, both):
    said, expected = (
        np.asarray(VERBS[verb](clf, read(sounds(1)))) for clf, read in both
    )
    if said.dtype.kind == "f":
        np.testing.assert_allclose(said, expected, atol=1e-3)
    else:
        assert said.tolist() == expected.tolist()


def test_pictures_of_several_sizes_are_resized_for_a_fixed_input():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 4, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 2)(inputs))
    model = keras.Model(inputs, layers.Dense(2)(x))
    model.trainable = False
    clf = IncrementalClassifier(model, ["a", "b"], memory=ExemplarMemory(6))
    clf = taught(clf, pictures())
    assert clf.memory.sample_shape == (4, 4, 3)
    alone = [clf.predict_on_batch(s[None]) for s in pictures(1)]
    np.testing.assert_allclose(
        clf.predict(pictures(1), verbose=0), np.concatenate(alone), atol=1e-3
    )


def test_random_layers_over_open_axes_are_learned_end_to_end():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, 2))
    frozen = layers.Conv1D(6, 3)
    frozen.trainable = False
    x = layers.Dropout(0.1)(frozen(inputs))
    x = layers.GlobalMaxPooling1D()(x)
    model = keras.Model(inputs, layers.Dense(2)(x))
    clf = IncrementalClassifier(model, ["a", "b"], memory=ExemplarMemory(6))
    taught(clf, sounds())
    equal = np.stack([sample[:4] for sample in sounds()])
    assert clf.learn(equal, NAMES[Y], verbose=0)


def two_inputs():
    first = keras.Input((None, 2), name="sound")
    second = keras.Input((2,), name="numbers")
    x = layers.GlobalMaxPooling1D()(first)
    outputs = layers.Dense(2)(layers.Add()([x, second]))
    return keras.Model({"sound": first, "numbers": second}, outputs)


def texts():
    inputs = keras.Input((None,), dtype="string")
    vectorize = layers.StringLookup(vocabulary=["a"])
    x = layers.Embedding(3, 4, mask_zero=True)(vectorize(inputs))
    return keras.Model(inputs, layers.Dense(2)(layers.LSTM(2)(x)))


def classes_of_steps():
    inputs = keras.Input((None, 2))
    return keras.Model(inputs, layers.Dense(2)(inputs))


OTHERS = {
    "several parts": (
        two_inputs,
        lambda: {"sound": sounds(), "numbers": np.ones((24, 2))},
        "differ in shape|must have one row",
    ),
    "texts": (texts, lambda: [["a", "b"], ["a"]], "differ in shape"),
    "classes of steps": (classes_of_steps, sounds, "differ in shape"),
}


@pytest.mark.parametrize("model, x, message", OTHERS.values(), ids=OTHERS)
def test_other_samples_of_varying_length_are_refused(model, x, message):
    if model is texts and keras.backend.backend() != "tensorflow":
        pytest.skip("Only TensorFlow has tensors of strings.")
    clf = IncrementalClassifier(model(), ["a", "b"])
    for verb in (clf.predict_names, clf.review):
        with pytest.raises((TypeError, ValueError), match=message):
            verb(x())
