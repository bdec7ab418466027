"""Data of every kind, in every verb of a classifier."""

import functools

import keras
import numpy as np
import pytest
from keras import layers
from kinds_of_data import KINDS
from kinds_of_data import Batches
from kinds_of_data import as_grain_map
from kinds_of_data import as_tf_data
from kinds_of_data import batches_of
from kinds_of_data import rows_of

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.models import IncrementalClassifier

NAMES = np.array(["cat", "dog"])
X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 2
IDS = np.array([f"{i:03d}" for i in range(12)])


def as_dicts(x, y):
    tf = pytest.importorskip("tensorflow")
    parts = {"image": x, "label": y}
    return tf.data.Dataset.from_tensor_slices(parts).batch(4)


def as_dicts_with_ids(x, y):
    tf = pytest.importorskip("tensorflow")
    parts = {"id": IDS[: len(x)], "image": x, "label": y}
    return tf.data.Dataset.from_tensor_slices(parts).batch(4)


def as_grain_dicts(x, y):
    grain = pytest.importorskip("grain")
    rows = [{"image": a, "label": b} for a, b in rows_of((x, y))]
    return grain.MapDataset.source(rows).batch(4)


def as_torch_dicts(x, y):
    torch_data = pytest.importorskip("torch.utils.data")
    rows = [{"image": a, "label": b} for a, b in rows_of((x, y))]
    return torch_data.DataLoader(rows, batch_size=4)


def as_named_part(x, y):
    return Batches(({"image": x}, y))


def as_function(x, y):
    return functools.partial(batches_of, (x, y))


MORE_KINDS = {
    **KINDS,
    "list": lambda x, y: list(batches_of((x, y))),
    "list of rows": lambda x, y: (list(x), list(y)),
    "list of one array": lambda x, y: ([x], y),
    "a dict of arrays": lambda x, y: ({"image": x, "label": y},),
    "TFDS": as_dicts,
    "TFDS with ids": as_dicts_with_ids,
    "Grain dicts": as_grain_dicts,
    "torch dicts": as_torch_dicts,
    "a named part": as_named_part,
    "workers": lambda x, y: Batches((x, y), workers=2),
    "processes": lambda x, y: Batches(
        (x, y), workers=2, use_multiprocessing=True
    ),
    "function": as_function,
}
every_kind = pytest.mark.parametrize("kind", MORE_KINDS)


def made(kind, x=X, y=Y):
    """Data of a kind as the arguments of a verb."""
    data = MORE_KINDS[kind](x, y)
    return data if isinstance(data, tuple) else (data,)


def network(**options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(5, trainable=False), layers.Dense(2)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=True, **options)
    return model


def make(**options):
    return IncrementalClassifier(network(**options), NAMES.tolist())


@pytest.fixture(scope="module")
def clf():
    return make(metrics=["accuracy"])


@every_kind
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.filterwarnings("ignore:os.fork")
def test_every_kind_of_data_is_read(clf, kind):
    expected = clf.predict(X, verbose=0)
    found = clf.predict(made(kind)[0], verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    names = clf.predict_names(made(kind)[0])
    np.testing.assert_array_equal(names, NAMES[expected.argmax(1)])
    assert clf.evaluate_classes(*made(kind)) == clf.evaluate_classes(X, Y)
    assert len(clf.review(made(kind)[0], threshold=0.0)) == 12


@pytest.mark.parametrize("kind", [k for k in MORE_KINDS if k not in KINDS])
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.filterwarnings("ignore:os.fork")
def test_every_kind_of_data_is_fitted(clf, kind):
    if kind == "function":
        with pytest.raises(TypeError, match="Call it, and pass what"):
            clf.fit(*made(kind))
        return
    clf.fit(*made(kind), shuffle=False, verbose=0)
    found = clf.evaluate(*made(kind), verbose=0)
    np.testing.assert_allclose(found, clf.evaluate(X, Y, verbose=0), rtol=1e-4)


@pytest.mark.parametrize("kind", ["list", "TFDS", "workers", "function"])
def test_a_class_is_learnt_from(kind):
    clf = make()
    clf.remember(*made(kind), classes=["cat", "dog"])
    clf.learn(
        *made(kind, X + 3, Y * 0),
        classes=["bird"],
        validation_data=KINDS["arrays"](X, Y),
        verbose=0,
    )
    expected = make()
    expected.remember(X, Y)
    expected.learn(X + 3, classes=["bird"], verbose=0)
    np.testing.assert_allclose(
        clf.predict(X, verbose=0), expected.predict(X, verbose=0), atol=1e-5
    )


@pytest.mark.parametrize("kind", ["list", "TFDS", "workers", "function"])
def test_exemplars_are_mixed_with(kind):
    memory = ExemplarMemory(4, features=lambda x: x)
    memory.update(X, Y)
    mixed = memory.mix(*made(kind, X, Y + 2))
    labels = np.concatenate([np.asarray(y) for _, y in mixed])
    assert np.sum(labels > 1) == 12 and np.sum(labels < 2) > 2


def test_names_in_a_data_set_need_no_list_of_them():
    clf = make()
    names = np.array(["bird", "cat"])[Y]
    clf.learn(as_tf_data(X, names), verbose=0)
    assert clf.classes == ("cat", "dog", "bird")
    for data in (as_tf_data(X, names), Batches((X, names))):
        clf.fit(data, shuffle=False, verbose=0)
        assert clf.evaluate(data, verbose=0) == pytest.approx(
            clf.evaluate(X, 2 - 2 * Y, verbose=0), rel=1e-4
        )


ENDLESS = {
    "tf.data": lambda: as_tf_data(X, Y).repeat(),
    "PyDataset": lambda: Batches((X, Y), endless=True),
    "Grain": lambda: as_grain_map(X, Y).repeat(),
    "Grain, batched after": lambda: as_grain_map(X, Y, repeat=True),
    "Grain IterDataset": lambda: as_grain_map(X, Y).repeat().to_iter_dataset(),
}
VERBS = {
    "learn": lambda clf, x: clf.learn(x, classes=["cat", "dog"]),
    "validation": lambda clf, x: clf.learn(
        X, classes=["cat"], validation_data=x
    ),
    "old data": lambda clf, x: clf.learn(X, classes=["bird"], old_data=x),
    "remember": lambda clf, x: clf.remember(x),
    "evaluate_classes": lambda clf, x: clf.evaluate_classes(x),
    "predict": lambda clf, x: clf.predict(x),
    "predict_names": lambda clf, x: clf.predict_names(x),
    "review": lambda clf, x: clf.review(x),
    "calibrate_unknown": lambda clf, x: clf.calibrate_unknown(x),
    "observe": lambda clf, x: clf.observe(x),
    "propose": lambda clf, x: clf.propose(x),
    "fit": lambda clf, x: clf.fit(x),
    "validation of fit": lambda clf, x: clf.fit(X, Y, validation_data=x),
    "evaluate": lambda clf, x: clf.evaluate(x),
    "mix": lambda clf, x: ExemplarMemory(4).mix(x),
    "update": lambda clf, x: ExemplarMemory(4).update(x),
}


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize("verb", VERBS)
def test_data_without_an_end_is_refused(clf, verb, kind):
    with pytest.raises(ValueError, match="has no end.*give it an end|Give it"):
        VERBS[verb](clf, ENDLESS[kind]())


def test_steps_are_those_of_x_alone():
    clf = make()
    endless = Batches((X, Y * 0), endless=True)
    report = clf.learn(
        endless,
        classes=["bird"],
        steps=5,
        validation_data=(X, Y),
        old_data=(X, Y),
        verbose=0,
    )
    assert report.used["new samples"] == 20
    assert clf.predict_names(ENDLESS["PyDataset"](), steps=2).shape == (8,)
    assert clf.evaluate_classes(ENDLESS["PyDataset"](), steps=2)


def test_batches_that_begin_an_epoch_are_told():
    class Told(Batches):
        begun = ended = 0

        def on_epoch_begin(self):
            self.begun += 1

        def on_epoch_end(self):
            self.ended += 1

    data = Told((X, Y))
    make().remember(data)
    assert data.begun == data.ended == 1
