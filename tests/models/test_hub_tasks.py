"""A task of KerasHub that reads text, with its preprocessor."""

import keras
import numpy as np
import pytest
from benchmarks import known_networks

import keras_incremental as ki
from keras_incremental.data import with_teacher
from keras_incremental.errors import DamagedFileError

pytest.importorskip("keras_hub")
TEXTS = ["good film", "bad film", "film"]
NEW = ["good good", "good good film"]
NAMES = list("abcde")
LABELS = ["a", "b", "c"]


class Batches(keras.utils.PyDataset):
    """Batches of two texts, or of tokens, with their labels."""

    def __init__(self, texts, labels=None, **kwargs):
        super().__init__(**kwargs)
        self.texts, self.labels = texts, labels

    def __len__(self):
        return -(-len(self.texts) // 2)

    def __getitem__(self, index):
        rows = slice(2 * index, 2 * index + 2)
        texts = np.array(self.texts[rows])
        if self.labels is None:
            return (texts,)
        return texts, np.array(self.labels[rows])


@pytest.fixture(scope="module")
def task():
    keras.utils.set_random_seed(0)
    made = known_networks.text_task()
    made.backbone.trainable = False
    made.compile("sgd", run_eagerly=True)
    return made


@pytest.fixture
def clf(task):
    return ki.IncrementalClassifier(task, NAMES, ki.ExemplarMemory(10))


def dataset(texts, labels):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((texts, labels)).batch(2)


def generator():
    return iter([(TEXTS[:2], LABELS[:2]), (TEXTS[2:], LABELS[2:])])


FORMS = {
    "list": lambda clf: TEXTS,
    "array": lambda clf: np.array(TEXTS),
    "bytes": lambda clf: np.array([x.encode() for x in TEXTS], object),
    "column": lambda clf: np.array(TEXTS)[:, None],
    "tokens": lambda clf: clf.preprocessor(TEXTS),
    "tf.data": lambda clf: dataset(TEXTS, LABELS),
    "PyDataset": lambda clf: Batches(TEXTS, workers=2),
    "list of batches": lambda clf: [
        (np.array(texts), np.array(labels)) for texts, labels in generator()
    ],
    "generator": lambda clf: generator(),
    "generator function": lambda clf: generator,
}


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(form, marks=pytest.mark.backend)
        if form in ("list", "tf.data", "generator")
        else form
        for form in FORMS
    ],
)
def test_texts_of_each_form_are_predicted_as_by_the_task(form, clf, task):
    x = FORMS[form](clf)
    # Keras warns where a generator ends.
    steps = 2 if "generator" in form else None
    np.testing.assert_allclose(
        clf.predict(x, verbose=0, steps=steps),
        task.predict(TEXTS, verbose=0),
        atol=1e-6,
    )


@pytest.mark.parametrize("form", FORMS)
def test_texts_of_each_form_are_learned(form, clf):
    x = FORMS[form](clf)
    if form == "PyDataset":
        x = Batches(TEXTS, LABELS)
    in_x = form in ("tf.data", "PyDataset") or "batches" in form
    in_x = in_x or "generator" in form
    clf.remember(x, None if in_x else LABELS)
    held, labels = clf.memory.arrays()
    expected = clf.preprocessor(TEXTS)["token_ids"]
    np.testing.assert_array_equal(
        np.sort(held["token_ids"], axis=0), np.sort(expected, axis=0)
    )
    assert labels.tolist() == [0, 1, 2]


def test_all_calls_take_texts(clf, tmp_path):
    clf.remember(TEXTS, LABELS, verbose=0)
    report = clf.learn(
        NEW,
        classes=["new"],
        validation_data=(TEXTS + NEW, [*LABELS, "new", "new"]),
        verbose=0,
    )
    assert report.new_classes == ("new",)
    assert set(clf.evaluate_classes(TEXTS, LABELS)) == set(LABELS)
    names = clf.predict_names(TEXTS)
    assert names.shape == (3,) and set(names) <= {*NAMES, "new"}
    assert clf.predict(TEXTS, verbose=0, classes=["a"]).argmax(-1).max() == 0
    queue = clf.review(TEXTS, threshold=0.0, verbose=0)
    x, y, _ = queue.answer(dict.fromkeys(queue.indices.tolist(), "a"))
    clf.learn(x, y, verbose=0)
    assert clf.propose(TEXTS, verbose=0).shape == (3,)
    clf.save(tmp_path / "texts.keras")
    loaded = ki.models.load_classifier(tmp_path / "texts.keras")
    expected = clf.predict(TEXTS, verbose=0)
    np.testing.assert_array_equal(loaded.predict(TEXTS, verbose=0), expected)
    loaded.learn(NEW, classes=["newer"], verbose=0)
    plain = clf.to_keras()
    np.testing.assert_allclose(
        plain.predict(clf.preprocessor(TEXTS), verbose=0), expected, rtol=1e-4
    )


def test_a_stream_of_texts_is_observed(task):
    recipe = ki.recipes.er(memory=ki.Reservoir(10))
    clf = ki.IncrementalClassifier(task, NAMES, recipe=recipe)
    clf.observe(NEW, ["new", "new"], verbose=0)
    assert len(clf.memory) == 2


def test_fit_and_evaluate_take_texts(clf):
    data = Batches(TEXTS, [0, 1, 2])
    clf.fit(TEXTS, LABELS, validation_data=(TEXTS, LABELS), verbose=0)
    history = clf.fit(data, validation_data=data, verbose=0).history
    expected = clf.evaluate(TEXTS, LABELS, verbose=0)
    np.testing.assert_allclose(clf.evaluate(data, verbose=0), expected)
    np.testing.assert_allclose(history["val_loss"], expected[0], rtol=1e-5)


def test_calls_on_a_batch_take_texts(clf):
    before = clf.predict_on_batch(TEXTS)
    np.testing.assert_allclose(before, clf.predict(TEXTS, verbose=0), atol=1e-6)
    y = np.arange(3)
    tested = clf.test_on_batch(TEXTS, y, return_dict=True)
    expected = clf.evaluate(TEXTS, y, verbose=0, return_dict=True)
    np.testing.assert_allclose(tested["loss"], expected["loss"], rtol=1e-5)
    clf.train_on_batch(TEXTS, y)
    assert not np.allclose(clf.predict_on_batch(TEXTS), before)


def test_exemplars_are_mixed_and_taught_beside_texts(clf):
    clf.remember(TEXTS, LABELS, verbose=0)
    y = np.arange(3)
    clf.fit(clf.memory.mix(clf.preprocessor(TEXTS), y), verbose=0)
    with pytest.raises(ValueError, match="must have the same parts"):
        clf.memory.mix(np.array(TEXTS), y)
    _, (joined,) = with_teacher(TEXTS, clf, y)
    expected = clf.predict(TEXTS, verbose=0)
    np.testing.assert_allclose(joined[:, 1:], expected, atol=1e-6)
    batches = [part[0] for _, part, _ in with_teacher(dataset(TEXTS, y), clf)]
    joined = np.concatenate(batches)
    np.testing.assert_allclose(joined[:, 1:], expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["arrays", "tf.data", "list"])
def test_a_task_teaches_texts(task, kind):
    y = np.arange(3)
    given = {
        "arrays": lambda: (np.array(TEXTS), y),
        "tf.data": lambda: dataset(TEXTS, y),
        "list": lambda: [(np.array(TEXTS), y)],
    }[kind]()
    taught = with_teacher(given, task)
    taught = [taught] if kind == "arrays" else taught
    joined = np.concatenate([np.asarray(y) for _, (y,), *_ in taught])
    np.testing.assert_allclose(joined[:, 1:], task.predict(TEXTS), atol=1e-6)


def test_what_a_file_says_of_the_preprocessor_is_checked(clf):
    config = clf.get_config()
    layer = keras.layers.Dense(1)
    config["preprocessor"] = keras.saving.serialize_keras_object(layer)
    with pytest.raises(DamagedFileError, match="preprocessor of class Dense"):
        ki.IncrementalClassifier.from_config(config)


def test_a_preprocessor_that_a_file_does_not_hold_is_told(clf, task, tmp_path):
    class Own(type(clf.preprocessor)):
        pass

    own = Own(clf.preprocessor.tokenizer, sequence_length=12)
    task.preprocessor, held = own, task.preprocessor
    clf = ki.IncrementalClassifier(task, NAMES)
    task.preprocessor = held
    with pytest.warns(UserWarning, match="opens only where.*Own"):
        clf.save(tmp_path / "own.keras")


def test_pairs_of_texts_are_one_sample(clf, task):
    pairs = (TEXTS, NEW + NEW[:1])
    np.testing.assert_allclose(
        clf.predict(pairs, verbose=0), task.predict(pairs, verbose=0), atol=1e-6
    )
    clf.remember(pairs, LABELS)
    held = clf.memory.arrays()[0]
    assert held["segment_ids"].any()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 12)), "must hold texts.*float64"),
        ("good film", r"list of texts.*`\[text\]`"),
        ([], r"one text or more.*\[0\]"),
        ((TEXTS, NEW), r"as many second.*\[3, 2\]"),
        ({"first": TEXTS, "second": TEXTS}, "must be a list of texts"),
        (Batches(TEXTS, workers=2, use_multiprocessing=True), "Use threads"),
    ],
    ids=["numbers", "text", "none", "lengths", "names", "processes"],
)
def test_what_is_no_text_is_refused(x, message, clf):
    with pytest.raises((TypeError, ValueError), match=message):
        clf.predict(x, verbose=0)


def test_another_preprocessor_is_refused_and_taken_off(task, monkeypatch):
    preprocessor = task.preprocessor
    inputs = preprocessor(TEXTS)
    before = task.predict(TEXTS, verbose=0)
    monkeypatch.setattr(type(preprocessor), "call", lambda self, x, **_: x)
    message = r"result is list.*preprocessor = None`.*`preprocessor\(x\)`"
    with pytest.raises(ValueError, match=message):
        ki.IncrementalClassifier(task, NAMES)
    task.preprocessor = None
    clf = ki.IncrementalClassifier(task, NAMES)
    task.preprocessor = preprocessor
    np.testing.assert_allclose(
        clf.predict(inputs, verbose=0), before, atol=1e-6
    )
