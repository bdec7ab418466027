"""Data that does not say how long it is, and does not end, in every verb."""

import itertools

import keras
import numpy as np
import pytest
from kinds_of_data import as_tf_data

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.data import endless
from keras_incremental.models import IncrementalClassifier

X = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
Y = np.array([0, 1])
# Where the warning comes, and where the test ends what would not end.
MANY, END = 3, 5


def batches():
    return itertools.repeat((X, Y), END)


def as_loader():
    torch = pytest.importorskip("torch.utils.data")

    class Stream(torch.IterableDataset):
        def __iter__(self):
            return iter(batches())

    return torch.DataLoader(Stream(), batch_size=None)


KINDS = {
    "generator": batches,
    "function": lambda: lambda: batches(),
    "DataLoader of a stream": as_loader,
    "tf.data": lambda: as_tf_data(X, Y).repeat(END).filter(lambda *_: True),
}
VERBS = {
    "learn": lambda clf, x: clf.learn(x, classes=["c", "d"], verbose=0),
    "old data": lambda clf, x: clf.learn(
        X, classes=["c"], old_data=x, verbose=0
    ),
    "remember": lambda clf, x: clf.remember(x),
    "evaluate_classes": lambda clf, x: clf.evaluate_classes(x),
    "predict": lambda clf, x: clf.predict(x, verbose=0),
    "predict_names": lambda clf, x: clf.predict_names(x),
    "review": lambda clf, x: clf.review(x, threshold=0.0),
    "propose": lambda clf, x: clf.propose(x, threshold=0.0),
    "update": lambda clf, x: memory().update(x),
}


def memory():
    return ExemplarMemory(4, selection="random")


def make():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3, trainable=False),
            # Random columns might be in the other order of the names.
            keras.layers.Dense(2, kernel_initializer="ones"),
        ]
    )
    model.compile("sgd", run_eagerly=True)
    return IncrementalClassifier(model, ["a", "b"])


@pytest.fixture(scope="module")
def clf():
    return make()


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(endless, "MANY_BATCHES", MANY)


def warnings_of_no_end(record):
    return [w for w in record if "has not ended" in str(w.message)]


@pytest.mark.parametrize("verb", VERBS)
def test_what_holds_results_warns_once(verb, recwarn):
    VERBS[verb](make(), batches())
    [warning] = warnings_of_no_end(recwarn)
    assert "after 3 batches" in str(warning.message)
    assert "pass `steps`" in str(warning.message)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", ["predict_names", "evaluate_classes"])
def test_every_kind_warns(clf, verb, kind, recwarn):
    VERBS[verb](clf, KINDS[kind]())
    assert len(warnings_of_no_end(recwarn)) == 1


class Counts(keras.callbacks.Callback):
    batches = 0

    def on_predict_batch_end(self, batch, logs=None):
        self.batches += 1


@pytest.mark.parametrize("listed", [False, True])
def test_callbacks_of_ones_own_are_called_too(clf, listed, recwarn):
    counts = Counts()
    clf.predict(batches(), verbose=0, callbacks=[counts] if listed else counts)
    assert counts.batches == END
    assert len(warnings_of_no_end(recwarn)) == 1


@pytest.mark.parametrize("verb", ["predict_names", "evaluate_classes"])
def test_steps_bound_what_is_read(clf, verb):
    endless_data = itertools.repeat((X, Y))
    found = getattr(clf, verb)(endless_data, steps=MANY + 1)
    assert len(found) == (2 * (MANY + 1) if verb == "predict_names" else 2)


def test_a_known_length_is_not_warned_of(clf):
    known = as_tf_data(X, Y).repeat(END)
    clf.predict_names(known)
    clf.evaluate_classes(known)


def test_a_stream_may_go_on(recwarn):
    clf = make()
    clf.observe(batches(), verbose=0)
    assert not warnings_of_no_end(recwarn)
    mixed = memory()
    mixed.update(X, Y)
    mixed.mix(batches())
    assert len(warnings_of_no_end(recwarn)) == 1
