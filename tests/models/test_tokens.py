"""A class for each token of a sequence."""

import functools

import keras
import numpy as np
import pytest
from keras import layers

import keras_incremental as ki
from keras_incremental.models import IncrementalClassifier
from keras_incremental.reporting import model_card

# Words of each class, and 0 for padding.
WORDS = {"other": range(1, 7), "person": range(7, 11), "place": range(11, 15)}
NAMES = list(WORDS)
KNOWN = NAMES[:2]


def sentences(classes, count=48, seed=0):
    """Token ids and labels of shape `(count, 6)`, padded by 0 and -1."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, len(classes), (count, 6))
    lengths = draw.integers(3, 7, count)
    padding = np.arange(6) >= lengths[:, None]
    words = np.array([list(WORDS[name])[:4] for name in classes])
    tokens = words[labels, draw.integers(0, 4, labels.shape)]
    labels = np.array([NAMES.index(name) for name in classes])[labels]
    return np.where(padding, 0, tokens), np.where(padding, -1, labels)


def loss():
    return keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=-1
    )


def network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None,), dtype="int32")
    x = layers.Embedding(15, 8, mask_zero=True)(inputs)
    x = layers.Dense(8, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(2)(x))


@functools.cache
def trained_weights():
    model = network()
    model.compile(keras.optimizers.Adam(0.05), loss())
    model.fit(*sentences(KNOWN), epochs=12, verbose=0)
    return model.get_weights()


def trained(frozen=False):
    model = network()
    model.set_weights(trained_weights())
    for layer in model.layers[:-1]:
        layer.trainable = not frozen
    return model


@pytest.fixture(scope="module")
def learned():
    model = trained()
    x, y = sentences(NAMES, seed=1)
    clf = IncrementalClassifier(model, KNOWN, backbone_learning_rate=0.01)
    np.testing.assert_allclose(
        clf.predict_on_batch(x), model.predict_on_batch(x), atol=1e-5
    )
    report = clf.learn(
        x,
        y,
        NAMES,
        epochs=12,
        optimizer=keras.optimizers.Adam(0.05),
        validation_data=sentences(NAMES, seed=2),
        verbose=0,
    )
    return clf, report


def test_a_class_of_tokens_is_learned(learned):
    clf, report = learned
    assert clf.problem.name == "tokens" and clf.classes == tuple(NAMES)
    assert report.class_score("place") > 0.9
    assert report.drop.value < 0.1
    # Padding is not counted.
    _, labels = sentences(NAMES, seed=2)
    assert report.confusion_after.sum() == (labels >= 0).sum()
    assert report.scorer.unit == "tokens" and "mean F1" in report.to_html()
    assert "token-classification" in model_card(clf)


def test_tokens_have_names(learned):
    clf, _ = learned
    x, y = sentences(NAMES, seed=2)
    names = clf.predict_names(x)
    found = (names == np.array(NAMES)[y])[y >= 0]
    assert names.shape == (48, 6) and found.mean() > 0.9
    scores = clf.evaluate_classes(x, np.where(y < 0, "", names), NAMES)
    assert scores["place"] == 1
    queue = clf.review(x, count=2)
    assert queue.answer([y[0], None]).y.shape == (1, 6)
    proposed = clf.propose(x)
    assert proposed.shape == (48, 6)
    assert (proposed == y)[proposed >= 0].mean() > 0.9


def test_a_classifier_of_tokens_is_saved_and_made_plain(learned, tmp_path):
    clf, _ = learned
    x, _ = sentences(NAMES, seed=2)
    expected = clf.predict_on_batch(x)
    clf.save(tmp_path / "tokens.keras")
    loaded = keras.models.load_model(tmp_path / "tokens.keras")
    plain = clf.to_keras()
    for other in (loaded, plain):
        np.testing.assert_allclose(
            other.predict_on_batch(x), expected, atol=1e-5
        )
    assert plain.output_shape == (None, None, 3)


def test_tokens_are_fitted_and_evaluated_as_in_keras(learned):
    clf, _ = learned
    clf.compile("sgd", loss())
    x, y = sentences(KNOWN, seed=3)
    plain = clf.to_keras()
    plain.compile("sgd", clf.loss)
    expected = plain.evaluate(x, y, verbose=0)
    found = clf.evaluate(x, y, verbose=0, return_dict=True)["loss"]
    assert found == pytest.approx(expected, rel=1e-4)
    # One 1 in each row is no one-hot label of a sample.
    ones = np.eye(6, dtype=int)[:2]
    assert clf.evaluate(x[:2], ones, verbose=0, return_dict=True)["loss"] > 0


def test_columns_of_tokens_name_no_classes(learned):
    clf, _ = learned
    x, y = sentences(NAMES, seed=3)
    table = pytest.importorskip("pandas").DataFrame(y).add_prefix("token ")
    assert clf.evaluate_classes(x, table) == clf.evaluate_classes(x, y)
    assert clf.evaluate(x, table, verbose=0) == clf.evaluate(x, y, verbose=0)


def test_only_the_new_tokens_need_labels():
    clf = IncrementalClassifier(trained(frozen=True), KNOWN)
    x, y = sentences(NAMES, seed=1)
    report = clf.learn(
        x,
        np.where(y == 2, "place", ""),
        epochs=12,
        partial_labels=ki.PartialLabels(
            unlabeled="not_new", parents={"place": None}
        ),
        optimizer=keras.optimizers.Adam(0.1),
        validation_data=sentences(NAMES, seed=2),
        verbose=0,
    )
    assert report.class_score("place") > 0.9
    assert report.drop.value < 0.1


def test_the_head_of_tokens_grows_in_place():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None,), dtype="int32")
    x = layers.Embedding(15, 8)(inputs)
    model = keras.Model(inputs, ki.layers.ExpandableDense(2)(x))
    model.compile("sgd", loss())
    x, y = sentences(NAMES)
    before = model.predict_on_batch(x)
    ki.expand(model, 1)
    np.testing.assert_array_equal(model.predict_on_batch(x)[..., :2], before)
    model.train_on_batch(x, y)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(48, int), r"shape \(n, time\).*tokens.*shape=\(48,\)"),
        (np.full((48, 6), 7), "outside the classes.*7"),
    ],
    ids=["one for each sample", "too large"],
)
def test_labels_that_are_none_of_tokens_are_refused(labels, message):
    clf = IncrementalClassifier(network(), KNOWN)
    with pytest.raises(ValueError, match=message):
        clf.learn(sentences(NAMES)[0], labels, NAMES, verbose=0)
    assert clf.classes == tuple(KNOWN)


def test_a_memory_of_tokens_is_refused():
    with pytest.raises(ValueError, match="tokens has several.*old_data"):
        IncrementalClassifier(network(), KNOWN, memory=ki.ExemplarMemory(20))


def test_a_dense_layer_in_time_distributed_classifies_tokens():
    inputs = keras.Input((None,), dtype="int32")
    x = layers.Embedding(15, 8, mask_zero=True)(inputs)
    head = layers.TimeDistributed(layers.Dense(2, activation="softmax"))
    model = keras.Model(inputs, head(x))
    clf = IncrementalClassifier(model, KNOWN)
    tokens = sentences(KNOWN)[0]
    np.testing.assert_allclose(
        clf.predict_on_batch(tokens), model.predict_on_batch(tokens), atol=1e-6
    )
