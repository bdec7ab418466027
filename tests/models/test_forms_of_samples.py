"""Forms that samples, labels and their batches may have, and may not."""

import enum
import itertools

import keras
import numpy as np
import pytest
from keras import layers

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.models import IncrementalClassifier

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 2
NAMES = ["cat", "dog"]


# Of a `StrEnum`, `str` makes the value, so that nothing is lost.
class Pet(str, enum.Enum):  # noqa: UP042
    CAT = "cat"
    DOG = "dog"


class Number(enum.Enum):
    CAT = 1


@pytest.fixture(scope="module")
def clf():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, trainable=False),
            layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=True)
    clf = IncrementalClassifier(model, NAMES, memory=ExemplarMemory(8))
    clf.remember(X, Y)
    return clf


READS = {
    "fit": lambda clf, x: clf.fit(x, verbose=0, shuffle=False),
    "evaluate": lambda clf, x: clf.evaluate(x, verbose=0),
    "validation_data": lambda clf, x: clf.fit(
        X, Y, validation_data=x, verbose=0
    ),
    "predict": lambda clf, x: clf.predict(x, verbose=0),
    "predict_names": lambda clf, x: clf.predict_names(x),
    "mix": lambda clf, x: [*clf.memory.mix(x, num_classes=2)],
    "learn": lambda clf, x: clf.learn(x, classes=["bird", "fish"], verbose=0),
    "evaluate_classes": lambda clf, x: clf.evaluate_classes(x, verbose=0),
}
every_verb = pytest.mark.parametrize("verb", READS)


def single(batched=False):
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices((X, Y))
    return dataset.batch(4) if batched else dataset


@every_verb
@pytest.mark.parametrize("kind", ["tf.data", "generator"])
def test_single_samples_are_no_batches(clf, verb, kind):
    weights = clf.get_weights()
    data = single() if kind == "tf.data" else zip(X, Y, strict=True)
    with pytest.raises(ValueError, match=r"batches.*\.batch\(32\)"):
        READS[verb](clf, data)
    if (verb, kind) == ("validation_data", "generator"):
        # It is first read after an epoch.
        return
    for now, before in zip(clf.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, before)


def test_what_is_batched_is_read(clf):
    names = clf.predict_names(X)
    found = READS["predict_names"](clf, single(batched=True))
    np.testing.assert_array_equal(found, names)
    assert len(READS["mix"](clf, single(batched=True))) == 3


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("verb", ["fit", "predict", "mix"])
def test_axes_of_samples_must_be_known(clf, verb):
    tf = pytest.importorskip("tensorflow")

    def batches():
        yield X, Y

    unknown = tf.data.Dataset.from_generator(
        batches,
        output_signature=(
            tf.TensorSpec(None, "float32"),
            tf.TensorSpec((None,), "int64"),
        ),
    )
    with pytest.raises(ValueError, match="how many axes.*ensure_shape"):
        READS[verb](clf, unknown)
    known = unknown.map(lambda x, y: (tf.ensure_shape(x, (None, 4)), y))
    READS["predict"](clf, known)


class Samples:
    """Gives one sample at a time, as a `Dataset` of torch."""

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return X[index], Y[index]


class Batches:
    """Is no iterator, but has one."""

    def __iter__(self):
        yield X, Y


@every_verb
@pytest.mark.parametrize("data", [Samples(), Batches()], ids=["some", "all"])
def test_what_is_no_known_data_set_is_told(clf, verb, data):
    with pytest.raises(TypeError, match=r"Pass `iter\(.*DataLoader"):
        READS[verb](clf, data)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_an_iterator_of_it_is_read(clf):
    expected = clf.predict(X, verbose=0)
    found = clf.predict(iter(Batches()), verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@every_verb
def test_a_cycle_has_no_end(clf, verb):
    with pytest.raises(ValueError, match="has no end"):
        READS[verb](clf, itertools.cycle([(X, Y)]))


BATCHES = {
    "dicts in a list": [{"image": X, "label": Y}],
    "lists in an iterator": iter([(X.tolist(), Y.tolist())] * 3),
}


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("form", BATCHES)
def test_batches_of_other_forms_are_read(clf, form):
    loss = clf.evaluate(X, Y, verbose=0)
    given, again, last = itertools.tee(BATCHES[form], 3)
    if isinstance(BATCHES[form], list):
        given = again = last = BATCHES[form]
    found = clf.evaluate(given, verbose=0)
    np.testing.assert_allclose(found, loss, rtol=1e-5)
    names = clf.predict_names(again)[: len(X)]
    np.testing.assert_array_equal(names, clf.predict_names(X))
    accuracy = clf.evaluate_classes(last, verbose=0)
    assert accuracy == clf.evaluate_classes(X, Y, verbose=0)


def test_batches_in_a_list_are_tuples(clf):
    for verb in ("fit", "predict", "learn", "mix"):
        with pytest.raises((TypeError, ValueError), match="Batches in a list"):
            READS[verb](clf, [[X, Y], [X, Y]])


ARRAYS = {
    "longdouble": X.astype("longdouble"),
    "rows": X.tolist(),
    "nothing masked": np.ma.masked_array(X, mask=False),
    "variable": keras.Variable,
}


@pytest.mark.parametrize("form", ARRAYS)
def test_arrays_of_other_forms_are_read(clf, form):
    x = ARRAYS[form](X) if callable(ARRAYS[form]) else ARRAYS[form]
    expected = clf.predict(X, verbose=0)
    np.testing.assert_allclose(clf.predict(x, verbose=0), expected, rtol=1e-5)
    np.testing.assert_array_equal(clf.predict_names(x), clf.predict_names(X))
    assert len(clf.review(x, verbose=0)) == len(clf.review(X, verbose=0))
    loss = clf.evaluate(X, Y, verbose=0)
    assert clf.evaluate(x, Y, verbose=0) == pytest.approx(loss)
    accuracy = clf.evaluate_classes(x, Y, verbose=0)
    assert accuracy == clf.evaluate_classes(X, Y, verbose=0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_tensors_of_torch_are_read_by_each_backend(clf, dtype):
    torch = pytest.importorskip("torch")
    x = torch.tensor(X, dtype=getattr(torch, dtype), requires_grad=True)
    names = clf.predict_names(X)
    np.testing.assert_array_equal(clf.predict_names(x), names)
    accuracy = clf.evaluate_classes(X, Y, verbose=0)
    assert clf.evaluate_classes(x, Y, verbose=0) == accuracy


def test_masked_values_are_refused(clf):
    x = np.ma.masked_array(X, mask=np.arange(12)[:, None] == np.arange(4))
    for verb in ("evaluate_classes", "evaluate"):
        with pytest.raises(TypeError, match="4 values masked. Fill them"):
            getattr(clf, verb)(x, Y, verbose=0)
        with pytest.raises(TypeError, match="values masked"):
            getattr(clf, verb)(X, np.ma.masked_less(Y, 1), verbose=0)
    accuracy = clf.evaluate_classes(x.filled(0), Y, verbose=0)
    assert set(accuracy) == set(NAMES)


@pytest.mark.parametrize("form", [list, tuple, np.array])
def test_names_may_be_members_of_an_enum(clf, form):
    members = [list(Pet)[label] for label in Y]
    y = np.array(members, object) if form is np.array else form(members)
    accuracy = clf.evaluate_classes(X, Y, verbose=0)
    assert clf.evaluate_classes(X, y, verbose=0) == accuracy
    loss = clf.evaluate(X, Y, verbose=0)
    assert clf.evaluate(X, y, verbose=0) == pytest.approx(loss)
    with pytest.raises(TypeError, match="`\\[item.name for item in y\\]`"):
        clf.evaluate_classes(X, [Number.CAT] * 12, verbose=0)
