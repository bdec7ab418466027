"""Tables and columns of pandas, as samples and as labels."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.models import IncrementalClassifier
from keras_incremental.problems import PartialLabels

pd = pytest.importorskip("pandas")

X = np.random.default_rng(0).integers(0, 2, (12, 4)).astype("float32")
Y = np.arange(12) % 2
NAMES = np.array(["cat", "dog"])[Y]
FRAME = pd.DataFrame(X, columns=list("abcd"), index=np.arange(12) + 100)
FRAMES = {
    "floats": FRAME,
    "several dtypes": FRAME.astype({"a": bool, "b": int, "c": "Int64"}),
    "missing allowed": FRAME.astype("Float32"),
}
LABELS = {
    "ints": pd.Series(Y, index=FRAME.index),
    "ints, missing allowed": pd.Series(Y, dtype="Int64"),
    "names": pd.Series(NAMES),
    "objects": pd.Series(NAMES, dtype=object),
    "strings": pd.Series(NAMES, dtype="string"),
    "categories": pd.Series(pd.Categorical(NAMES, ["dog", "cat"])),
    "a categorical": pd.Categorical(NAMES),
    "an index": pd.Index(NAMES),
    "a column": pd.DataFrame({"label": NAMES}),
    "one-hot, in another order": pd.get_dummies(NAMES)[["dog", "cat"]],
}


def make(**options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(5, trainable=False), layers.Dense(2)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"], run_eagerly=True)
    return IncrementalClassifier(model, ["cat", "dog"], **options)


@pytest.fixture(scope="module")
def clf():
    return make()


@pytest.mark.parametrize("kind", FRAMES)
def test_a_table_is_read_as_an_array(clf, kind):
    x, scores = FRAMES[kind], clf.predict(X, verbose=0)
    np.testing.assert_allclose(clf.predict(x, verbose=0), scores, atol=1e-6)
    assert clf.predict_names(x).tolist() == clf.predict_names(X).tolist()
    assert clf.evaluate_classes(x, Y) == clf.evaluate_classes(X, Y)
    assert len(clf.review(x, threshold=0.0)) == 12
    np.testing.assert_allclose(
        clf.evaluate(x, Y, verbose=0), clf.evaluate(X, Y, verbose=0), rtol=1e-5
    )


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_a_table_mean_their_names(clf, kind):
    y = LABELS[kind]
    assert clf.evaluate_classes(X, y) == clf.evaluate_classes(X, Y)
    assert clf.evaluate(X, y, verbose=0) == clf.evaluate(X, Y, verbose=0)


def test_a_class_is_learnt_from_tables():
    found, expected = make(), make()
    categories = LABELS["categories"]
    found.remember(FRAMES["several dtypes"], categories)
    expected.remember(X, NAMES)
    found.learn(
        FRAME + 3,
        classes=["bird"],
        validation_data=(FRAME, categories),
        verbose=0,
    )
    expected.learn(
        X + 3, classes=["bird"], validation_data=(X, NAMES), verbose=0
    )
    np.testing.assert_allclose(
        found.predict(FRAME, verbose=0), expected.predict(X, verbose=0), 1e-5
    )
    names = np.where(Y == 1, "ant", "cat")
    onehot = pd.get_dummies(names)
    report = found.learn(FRAME, onehot, validation_data=(FRAME, onehot))
    assert found.classes == ("cat", "dog", "bird", "ant")
    assert report.after.total.tolist() == [6, 0, 0, 6]
    found.fit(FRAME, onehot, verbose=0)
    assert found.evaluate(FRAME, onehot, verbose=0) == found.evaluate(
        X, names, verbose=0
    )


def test_a_stream_and_a_memory_take_tables():
    clf = make()
    clf.observe(FRAME, LABELS["categories"], verbose=0)
    clf.observe(FRAME, pd.get_dummies(np.where(Y, "ant", "cat")), verbose=0)
    assert clf.classes == ("cat", "dog", "ant")
    assert clf.statistics.counts.tolist() == [12, 6, 6]
    memory = ExemplarMemory(4, features=lambda x: x)
    memory.update(FRAMES["several dtypes"], LABELS["ints"])
    x, _ = next(iter(memory.mix((FRAME, LABELS["ints"]))))
    assert x.shape[1:] == (4,)


@pytest.mark.parametrize("kind", ["objects", "strings", "categories"])
def test_what_is_missing_among_names_is_a_missing_label(kind):
    y = LABELS[kind].copy()
    y[:3] = None
    with pytest.raises(TypeError, match="NoneType.*`partial_labels` of `le"):
        make().learn(X, y, verbose=0)
    clf = make()
    partial = PartialLabels(unlabeled="unknown")
    clf.learn(X, y, partial_labels=partial, epochs=1, verbose=0)
    assert clf.statistics.counts.tolist() == [4, 5]


def test_what_is_missing_among_numbers_is_a_missing_label():
    y = pd.Series([None] * 3 + [0, 1, 1], dtype="Int64")
    with pytest.raises(ValueError, match=r"outside the classes.*\[nan\]"):
        make().learn(X[:6], y, ["cat", "dog"], verbose=0)
    clf = make()
    partial = PartialLabels(unlabeled="unknown")
    options = {"partial_labels": partial, "epochs": 1, "verbose": 0}
    clf.learn(X[:6], y, ["cat", "dog"], **options)
    assert clf.statistics.counts.tolist() == [1, 2]


def test_missing_numbers_of_samples_are_named():
    x = FRAMES["missing allowed"].copy()
    x.iloc[3, 1] = pd.NA
    for verb in ("predict_names", "review", "calibrate_unknown"):
        with pytest.raises(ValueError, match=r"x\[3\]"):
            getattr(make(), verb)(x)


def test_columns_of_text_are_refused(clf):
    x = FRAME.assign(a=NAMES)
    for use in (clf.predict, clf.review, clf.predict_names):
        with pytest.raises(TypeError, match="must hold numbers"):
            use(x)


def test_columns_of_several_labels_mean_their_names():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(2, activation="sigmoid")]
    )
    clf = IncrementalClassifier(model, ["wet", "cold"])
    y = pd.DataFrame({"wet": X[:, 0], "cold": X[:, 1]})
    swapped = y[["cold", "wet"]].astype("Int64")
    assert clf.evaluate_classes(X, swapped) == clf.evaluate_classes(X, y)
    assert clf.evaluate(X, swapped, verbose=0) == clf.evaluate(
        X, y.to_numpy(), verbose=0
    )
    with pytest.raises(ValueError, match=r"\['dark'\] are not known"):
        clf.evaluate(X, y.rename(columns={"wet": "dark"}), verbose=0)
