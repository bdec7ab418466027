"""Random data sets stay random while the network trains."""

import keras
import numpy as np
import pytest
from keras import ops
from kinds_of_random_data import KINDS
from toy_classifiers import NAMES
from toy_classifiers import make
from toy_classifiers import samples

from keras_incremental import ExemplarMemory
from keras_incremental import callbacks
from keras_incremental import recipes
from keras_incremental.conversion.backbone import Backbone
from keras_incremental.data.passes import Passes
from keras_incremental.memory.policies import ClassBalanced
from keras_incremental.memory.policies import Concatenate
from keras_incremental.models import tuning
from keras_incremental.problems import PartialLabels
from keras_incremental.utils import large_arrays

X, Y = samples([2, 3], 20, seed=3)
LABELS = np.asarray(NAMES)[Y]
EPOCHS = 2


class Batches(keras.utils.PyDataset):
    """Batches of the same samples, with other noise at each reading."""

    def __init__(self, noise=0.0, x=X, labels=LABELS):
        super().__init__()
        self.x, self.labels, self.noise = x, labels, noise
        self.generator = np.random.default_rng(0)
        self.reads = self.ended = 0

    def __len__(self):
        return 4

    def __getitem__(self, index):
        self.reads += 1
        rows = slice(index * 10, index * 10 + 10)
        noise = self.generator.normal(size=self.x[rows].shape)
        x = self.x[rows] + self.noise * noise.astype("float32")
        return x, self.labels[rows]

    def on_epoch_end(self):
        self.ended += 1


def learn(clf, *data, **options):
    options = {"epochs": EPOCHS, "verbose": 0, "batch_size": 8, **options}
    return clf.learn(*data, **options)


@pytest.mark.backend
@pytest.mark.parametrize(
    "name, looks", [("er", 0), ("lwf", 0), ("ewc", 0), ("bic", 1)]
)
def test_a_data_set_without_chance_teaches_what_its_arrays_do(name, looks):
    recipe, data = getattr(recipes, name), Batches()
    expected, clf = make(recipe(), True), make(recipe(), True)
    learn(expected, X, LABELS)
    report = learn(clf, data)
    assert "`x` read in each epoch" in report.used["method"]
    for given, wanted in zip(clf.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(given), ops.convert_to_numpy(wanted)
        )
    # Once to know what it holds, once for each epoch, and once to know
    # whether it repeats, before samples are held out.
    reads = 1 + EPOCHS + looks
    assert data.reads == 4 * reads and data.ended == reads


# How the others draw is the subject of `tests/data/test_passes.py`.
@pytest.mark.parametrize("kind", ["tf.data"])
def test_each_epoch_sees_other_samples(kind):
    data, how = KINDS[kind]
    losses = losses_of(data(), classes=NAMES[2:4], **how)
    assert len(np.unique(losses.round(4))) == EPOCHS


def test_an_iterator_is_read_once():
    data = Batches(noise=1.0)
    losses = losses_of(data[index] for index in range(4))
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)
    assert data.reads == 4


def losses_of(data, **options):
    """The loss of each epoch of a network that does not move."""
    optimizer = keras.optimizers.SGD(1e-12)
    report = learn(
        make(recipes.lwf(), True), data, optimizer=optimizer, **options
    )
    return np.array(report.history["loss"])


class Stop(callbacks.PhaseCallback):
    """Ends a phase before it trains, and keeps its parts."""

    def on_phase_train_begin(self, run):
        self.plan, self.inputs = run.plan, run.inputs
        raise InterruptedError


def planned(data, recipe=None, parts=(), **options):
    """What a phase would train on: `None`, if it is what was read first."""
    clf = make(recipe or recipes.Recipe(memory=ExemplarMemory(40)), True)
    stop = Stop()
    with pytest.raises(InterruptedError):
        clf.learn(data, callbacks=[*parts, stop], verbose=0, **options)
    return stop.plan, stop.inputs.redrawn


def test_the_default_trains_on_all_of_random_data():
    plan, redrawn = planned(Batches(noise=1.0))
    assert redrawn is not None and plan.epochs == 5
    assert "held-out" not in plan.description


def test_the_default_holds_samples_out_where_they_come_again():
    plan, redrawn = planned(Batches())
    assert redrawn.count == 32 and plan.epochs == 100
    assert "epochs by held-out samples" in plan.description


class WeighsByPlace(Concatenate):
    def weights(self, labels):
        return np.linspace(0.5, 1.5, len(labels), dtype="float32")


UNLABELED = np.where(np.arange(len(Y)) % 4, LABELS, "")
MISSING = {
    "classes": NAMES[2:4],
    "partial_labels": PartialLabels("not_new", {"bird": None, "fish": None}),
}
BY_SAMPLE = {
    "HeldOutStopping": (
        {"parts": [callbacks.HeldOutStopping()], "epochs": 2},
        LABELS,
    ),
    "BiasCorrection": ({"recipe": recipes.bic()}, LABELS),
    "the balanced stage of recipe": ({"recipe": recipes.eeil()}, LABELS),
    "ClassBalanced": (
        {
            "recipe": recipes.Recipe(
                memory=ExemplarMemory(40), policy=ClassBalanced(), epochs=2
            )
        },
        LABELS,
    ),
    "WeighsByPlace": (
        {
            "recipe": recipes.Recipe(
                memory=ExemplarMemory(40), policy=WeighsByPlace(), epochs=2
            )
        },
        LABELS,
    ),
    "partial_labels": ({"recipe": recipes.er(), **MISSING}, UNLABELED),
}


@pytest.mark.parametrize("part", BY_SAMPLE)
def test_what_must_know_the_samples_says_that_they_stay(part):
    how, labels = BY_SAMPLE[part]
    with pytest.warns(UserWarning, match=part) as caught:
        _, redrawn = planned(Batches(1.0, labels=labels), **how)
    assert redrawn is None
    [told] = [w for w in caught if "other samples each time" in str(w.message)]
    assert part in str(told.message) and told.filename == __file__


def test_tune_says_that_random_samples_stay(monkeypatch):
    clf, data = make(recipes.er(), True), Batches(1.0)
    monkeypatch.setattr(tuning, "run_steps", stopped)
    with (
        pytest.warns(UserWarning, match="`tune` must know") as caught,
        pytest.raises(InterruptedError),
    ):
        clf.tune([recipes.er()], data, verbose=0)
    told = [w for w in caught if "`tune`" in str(w.message)]
    assert [w.filename for w in told] == [__file__]


def stopped(run):
    assert run.samples.rereading is None
    raise InterruptedError


@pytest.fixture
def little_room(monkeypatch):
    """A limit of 16 samples at a time, in their own dtype."""
    monkeypatch.setattr(large_arrays, "LIMIT", 16 * X[:1].nbytes)


def test_a_part_of_large_data_is_kept_and_all_is_seen(little_room, monkeypatch):
    sizes, take = [], Passes.take

    def spy(passes, count):
        sizes.append(count)
        return take(passes, count)

    monkeypatch.setattr(Passes, "take", spy)
    data, look = Batches(1.0), Look()
    report = learn(make(recipes.er(8), True), data, callbacks=[look])
    assert len(look.inputs.new) == 8
    assert report.used["new samples"] == len(X)
    assert data.reads == 4 * (1 + EPOCHS)
    assert max(sizes) < 24 and sum(sizes) == EPOCHS * len(X)


class Look(callbacks.PhaseCallback):
    """Keeps what a phase trains on."""

    def on_phase_train_begin(self, run):
        self.inputs = run.inputs


def test_all_of_large_data_is_kept_where_a_part_needs_it(little_room):
    clf, stop = make(recipes.bic(8), True), Stop()
    told = pytest.warns(UserWarning, match="`BiasCorrection` must know")
    with told, pytest.raises(InterruptedError):
        learn(clf, Batches(1.0), callbacks=[stop])
    inputs = stop.inputs
    assert len(inputs.new) + len(inputs.held_out[1]) >= len(X)
    assert inputs.redrawn is None


@pytest.mark.parametrize("noise", [0.0, 1.0], ids=["same", "random"])
def test_large_data_is_held_out_where_it_comes_again(little_room, noise):
    plan, redrawn = planned(
        Batches(noise), recipes.Recipe(memory=ExemplarMemory(20))
    )
    assert plan.epochs == (5 if noise else 100)
    assert redrawn.is_partial and (redrawn.count == len(X)) == (noise > 0)


@pytest.mark.parametrize("recipe", ["bic", "er"])
@pytest.mark.parametrize("is_large", [False, True])
def test_no_epoch_has_what_was_held_out(request, monkeypatch, recipe, is_large):
    if is_large:
        request.getfixturevalue("little_room")
    # Each sample comes twice, so what equals a held-out one is left out too.
    data = Batches(0.0, np.tile(X[::2], (2, 1)), np.tile(LABELS[::2], 2))
    drawn, take = [], Passes.take

    def spy(passes, count):
        x, y = take(passes, count)
        drawn.append(x)
        return x, y

    monkeypatch.setattr(Passes, "take", spy)
    parts = [callbacks.HeldOutStopping()] if recipe == "er" else []
    look = Look()
    clf = make(getattr(recipes, recipe)(20), True)
    report = learn(clf, data, callbacks=[*parts, look])
    assert "`x` read in each epoch" in report.used["method"]
    redrawn, (held, _) = look.inputs.redrawn, look.inputs.held_out
    rows = {row.tobytes() for row in np.concatenate(drawn)}
    held = {row.tobytes() for row in np.asarray(held)}
    of_new = held & {row.tobytes() for row in X}
    assert of_new and not rows & held
    assert len(rows) == len(X) / 2 - len(of_new)
    assert redrawn.count == len(data.x) - 2 * len(of_new)
    assert sum(map(len, drawn)) == EPOCHS * redrawn.count
    assert redrawn.is_partial == is_large


def test_a_class_of_equal_samples_is_trained_on(little_room):
    x = np.where((Y == 2)[:, None], X[0], X)
    data, look = Batches(0.0, x), Look()
    parts = [callbacks.HeldOutStopping(), look]
    learn(make(recipes.er(20), True), data, callbacks=parts)
    redrawn, (_, labels) = look.inputs.redrawn, look.inputs.held_out
    num_held = int(np.sum(labels == 3))
    assert num_held and np.sum(labels == 2) == num_held
    assert np.bincount(redrawn.labels)[2:].tolist() == [20, 20 - num_held]


def test_frozen_layers_cache_nothing_of_samples_that_pass():
    inputs = keras.Input((8,))
    x = keras.layers.Dense(4, trainable=False)(inputs)
    backbone = Backbone(keras.Model(inputs, keras.layers.Dense(3)(x)))
    expected = backbone.student_inputs(X[:10])
    passing = backbone.passing_inputs(X[[12, 3, 12, 5]], batch_size=1)
    np.testing.assert_allclose(passing[[1, 3]], expected[[3, 5]], rtol=1e-6)
    wanted = backbone.frozen.predict(X[12:13], verbose=0)
    np.testing.assert_allclose(passing[[0, 2]], wanted.repeat(2, 0), rtol=1e-6)
    assert len(backbone.cached) == 10
