"""Every call that changes a classifier changes all of it, or nothing."""

import re
import signal

import keras
import pytest
from toy_classifiers import NAMES
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import samples
from toy_classifiers import trained_model
from toy_streams import follower
from toy_streams import stream
from whole_state import differences
from whole_state import whole_state

import keras_incremental as ki
from keras_incremental import recipes
from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.callbacks import PhaseCallback
from keras_incremental.layers.growth import HeadCompilation
from keras_incremental.memory import Reservoir
from keras_incremental.models import memory_update
from keras_incremental.models.exporting.extendable import head_of
from keras_incremental.models.phases.fit import Fit
from keras_incremental.models.run import Run
from keras_incremental.models.unknown import calibration
from keras_incremental.utils import state


@pytest.fixture(scope="module")
def solved():
    """A classifier of each part that can change."""
    clf = classifier(ExemplarMemory(20))
    learn(clf, [2], epochs=None)
    clf.fit(*samples([0, 1, 2], seed=4), verbose=0)
    clf.calibrate_unknown(samples([0, 1, 2], seed=8)[0])
    return clf


@pytest.fixture(scope="module")
def protected():
    """A classifier whose network trains, with penalties and callbacks."""
    model = trained_model()
    model.layers[0].trainable = True
    recipe = recipes.ewc()
    clf = ki.IncrementalClassifier(model, NAMES[:2], recipe=recipe)
    learn(clf, [2], epochs=1)
    return clf


@pytest.fixture(scope="module")
def streamed():
    clf = follower(recipes.er(memory=Reservoir(20)))
    clf.observe(*stream([0, 1, 2], count=4), verbose=0)
    return clf


@pytest.fixture(scope="module")
def plain():
    head = ki.layers.ExpandableDense(2)
    model = keras.Sequential([keras.Input((8,)), head])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(*samples([0, 1]), verbose=0)
    return model


X, Y = samples([3, 3], count=10, seed=6)
CALLS = {
    "learn": lambda c, **o: learn(c, [3], epochs=None, **o),
    "train": lambda c, **o: learn(c, [3], epochs=1, **o),
    "observe": lambda c: c.observe(*stream([3, 0], count=4), verbose=0),
    "remember": lambda c: c.remember(*samples([0, 1], seed=5)),
    "rename": lambda c: c.rename({"cat": "kitten"}),
    "merge": lambda c: c.merge({"bird": "dog"}),
    "remove": lambda c: c.remove(["dog"]),
    "calibrate": lambda c: c.calibrate_unknown(X, false_alarm=0.1),
    "rollback": lambda c: c.rollback(),
    "expand": lambda c: ki.expand(c, 1),
}
AFTER = {
    "head": (HeadCompilation, "apply"),
    "fit": (Fit, "run"),
    "memory": (ExemplarMemory, "update"),
    "stream": (Reservoir, "add"),
    "measure": (Run, "measure"),
    "readout": (memory_update, "adapt_readout"),
    "compiled": (state, "forget_compiled"),
    "scores": (calibration, "_scores"),
}
CASES = [
    ("solved", "learn", "memory"),
    ("solved", "learn", "measure"),
    ("solved", "learn", "head"),
    ("solved", "train", "fit"),
    ("solved", "train", "head"),
    ("protected", "train", "fit"),
    ("protected", "train", "measure"),
    ("protected", "train", "head"),
    ("protected", "rollback", "head"),
    ("streamed", "observe", "stream"),
    ("streamed", "observe", "measure"),
    ("streamed", "remember", "stream"),
    ("streamed", "remove", "compiled"),
    ("solved", "remember", "memory"),
    ("solved", "rename", "compiled"),
    ("solved", "merge", "compiled"),
    ("solved", "remove", "compiled"),
    ("solved", "calibrate", "scores"),
    ("solved", "rollback", "head"),
    ("plain", "expand", "head"),
]


def fail_once_after(monkeypatch, owner, name, error):
    """Lets a function raise when it has done its work, the first time."""
    original, raised = getattr(owner, name), []

    def failing(*args, **kwargs):
        result = original(*args, **kwargs)
        if not raised:
            raised.append(error)
            raise error
        return result

    monkeypatch.setattr(owner, name, failing)


BOTH = [RuntimeError, KeyboardInterrupt]


def with_errors(cases):
    """Yields both errors of the calls that do not train, else in turn."""
    for number, (kind, call, place) in enumerate(cases):
        errors = [BOTH[number % 2]] if call == "train" else BOTH
        for error in errors:
            yield pytest.param(kind, call, place, error)


@pytest.mark.parametrize(
    ("kind", "call", "place", "error"), list(with_errors(CASES))
)
def test_what_fails_in_the_middle_changes_nothing(
    kind, call, place, error, request, monkeypatch
):
    model = request.getfixturevalue(kind)
    before = whole_state(model)
    fail_once_after(monkeypatch, *AFTER[place], error("in the middle"))
    with pytest.raises(error, match="in the middle"):
        CALLS[call](model)
    assert not differences(before, whole_state(model))


class Failing(PhaseCallback):
    """A callback that a phase ends with, or each batch of its training."""

    def __init__(self, error, where):
        super().__init__()
        self.error, self.where = error, where

    def on_train_batch_end(self, batch, logs=None):
        if self.where == "batch":
            raise self.error

    def on_phase_end(self, report):
        if self.where == "end":
            raise self.error


@pytest.mark.parametrize(
    ("kind", "where", "error"),
    [
        ("solved", "batch", RuntimeError),
        ("solved", "end", KeyboardInterrupt),
        ("protected", "batch", KeyboardInterrupt),
        ("protected", "end", RuntimeError),
    ],
)
def test_a_callback_that_fails_changes_nothing(kind, where, error, request):
    clf = request.getfixturevalue(kind)
    before = whole_state(clf)
    with pytest.raises(error, match="in a callback"):
        CALLS["train"](clf, callbacks=[Failing(error("in a callback"), where)])
    assert not differences(before, whole_state(clf))


def test_a_failed_phase_leaves_callbacks_without_its_data(protected):
    (callback,) = protected.recipe.callbacks
    given = Failing(RuntimeError("in a callback"), "batch")
    given.required_data = "new"
    with pytest.raises(RuntimeError):
        CALLS["train"](protected, callbacks=[given])
    assert callback.data is None
    assert given.data is None


def test_a_loss_that_diverges_is_undone_in_its_epoch(solved):
    before, epochs = whole_state(solved), []
    count = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epochs.append(epoch)
    )
    rate = keras.optimizers.SGD(1e38)
    with pytest.raises(RuntimeError) as caught:
        learn(solved, [3], epochs=50, optimizer=rate, callbacks=[count])
    found = re.search(
        r"is (inf|nan) in epoch (\d+), .* 1e.38", str(caught.value)
    )
    assert int(found[2]) == len(epochs) < 5
    assert not differences(before, whole_state(solved))


def test_a_stream_that_diverges_is_undone_at_once(streamed):
    before = whole_state(streamed)
    x, y = stream([0, 1, 2], count=30)
    rate = keras.optimizers.Adam(1e38)
    with pytest.raises(RuntimeError, match=r"is (nan|inf) in batch \d+, .*1e"):
        streamed.observe(x, y, batch_size=2, optimizer=rate, verbose=0)
    assert not differences(before, whole_state(streamed))


@pytest.fixture
def ctrl_c():
    """Lets Ctrl-C interrupt, whatever runs the tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_waits_until_all_is_restored(solved, monkeypatch, ctrl_c):
    before, clf = whole_state(solved), solved
    restore = type(clf.memory).restore

    def interrupted(memory, snapshot):
        signal.raise_signal(signal.SIGINT)
        restore(memory, snapshot)

    monkeypatch.setattr(type(clf.memory), "restore", interrupted)
    fail_once_after(monkeypatch, *AFTER["memory"], RuntimeError("first"))
    with pytest.raises(KeyboardInterrupt):
        CALLS["remember"](clf)
    assert not differences(before, whole_state(clf))


def test_statistics_of_devices_that_fail_change_nothing(
    solved, tmp_path, monkeypatch
):
    path = tmp_path / "device.npz"
    features = solved.features.predict(X, verbose=0)
    head = head_of(solved).renewed(0.5)
    along = head.along_basis(features)
    head.with_samples(features, along, Y - 1, []).save(path)
    before = whole_state(solved)
    fail_once_after(monkeypatch, *AFTER["measure"], RuntimeError("middle"))
    with pytest.raises(RuntimeError, match="middle"):
        solved.learn_statistics([path], verbose=0)
    assert not differences(before, whole_state(solved))
