"""Weights of classes, on every road that learns."""

import dataclasses
import types

import keras
import numpy as np
import pytest
from toy_classifiers import DIM
from toy_classifiers import NAMES
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental import ExemplarMemory
from keras_incremental import Reservoir
from keras_incremental import recipes
from keras_incremental.callbacks import BiasCorrection
from keras_incremental.callbacks import HeldOutStopping
from keras_incremental.edge import EdgeClassifier
from keras_incremental.errors import DamagedFileError
from keras_incremental.memory.policies import Concatenate
from keras_incremental.models import IncrementalClassifier
from keras_incremental.models.exporting.extendable import head_of
from keras_incremental.models.tuning import with_recipe
from keras_incremental.models.weighing import label_weights
from keras_incremental.models.weighing import sample_weights
from keras_incremental.recipes import Recipe
from keras_incremental.statistics.solved_columns import is_worse

WEIGHTS = {"dog": 3.0, "bird": 9.0}
FACTORS = np.array([1.0, 3.0, 9.0])
OFFSETS = np.log(FACTORS / FACTORS.mean())
OLD, OLD_LABELS = samples([0, 1], 40)
NEW, _ = samples([2], 30, seed=3)
TEST, TEST_LABELS = samples([0, 1, 2], 100, seed=7)
RATE = 0.5


def names_of(labels):
    return [NAMES[label] for label in labels]


def classifier(class_weight=WEIGHTS, **options):
    return IncrementalClassifier(
        trained_model(), NAMES[:2], class_weight=class_weight, **options
    )


def solved(class_weight=WEIGHTS, **options):
    clf = classifier(class_weight, **options)
    clf.remember(OLD, names_of(OLD_LABELS))
    clf.learn(NEW, classes=["bird"], verbose=0)
    return clf


@pytest.fixture(scope="module")
def pair():
    return solved(None), solved()


@pytest.mark.backend
def test_a_solved_head_decides_by_weight_times_probability(pair):
    plain, weighted = (clf.predict(TEST, verbose=0) for clf in pair)
    np.testing.assert_allclose(weighted, plain + OFFSETS, atol=1e-5)
    shares = FACTORS * np.exp(plain)
    assert (weighted.argmax(-1) == shares.argmax(-1)).all()
    assert (plain.argmax(-1) != shares.argmax(-1)).any()


def test_a_plain_model_and_a_file_have_the_weights(pair, tmp_path):
    clf = pair[1]
    expected = clf.predict(TEST, verbose=0)
    np.testing.assert_allclose(
        clf.to_keras().predict(TEST, verbose=0), expected, atol=1e-5
    )
    clf.save(tmp_path / "clf.keras")
    again = keras.models.load_model(tmp_path / "clf.keras")
    assert again.class_weight == WEIGHTS
    np.testing.assert_allclose(
        again.predict(TEST, verbose=0), expected, atol=1e-5
    )
    again.rename({"bird": "crow"})
    assert again.class_weight == {"dog": 3.0, "crow": 9.0}
    again.class_weight = {"cat": 2}
    assert again.class_weight == {"cat": 2.0}
    with pytest.raises(ValueError, match="above 0"):
        again.class_weight = {"cat": 0}
    assert again.class_weight == {"cat": 2.0}
    assert with_recipe(clf, recipes.er(10)).class_weight == WEIGHTS


def test_what_is_unknown_is_told_by_statistics_without_weights(pair):
    plain, weighted = pair
    assert weighted.rejector.threshold == plain.rejector.threshold


def test_sites_and_devices_weigh_as_one_process_does(pair, tmp_path):
    birds = np.repeat("bird", len(NEW))
    clf = classifier()
    clf.remember(OLD, names_of(OLD_LABELS))
    device = EdgeClassifier(
        head_of(clf),
        lambda x: clf.features.predict(x, verbose=0),
        tmp_path / "head.npz",
    )
    device.learn(NEW, birds)
    device.save()
    expected = pair[1].predict(TEST, verbose=0)
    for head in (device.head, type(device.head).load(tmp_path / "head.npz")):
        assert head.class_weight == WEIGHTS
        features = clf.features.predict(TEST, verbose=0)
        np.testing.assert_allclose(head.outputs(features), expected, atol=1e-4)
    report = clf.learn_statistics([tmp_path / "head.npz"], verbose=0)
    assert "classes weighted" in report.used["method"]
    np.testing.assert_allclose(
        clf.predict(TEST, verbose=0), expected, atol=1e-4
    )


def test_a_solved_head_is_judged_by_the_same_weights():
    clf = classifier({"dog": 200.0})
    x, labels = samples([0, 1], 60, seed=5)
    plain = trained_model().predict(TEST[:200], verbose=0).argmax(-1)
    report = clf.learn(x + 0.0, names_of(labels), verbose=0)
    assert "stays as it is" not in report.used["method"]
    assert "classes weighted" in report.used["method"]
    found = clf.predict(TEST[:200], verbose=0).argmax(-1)
    assert found.sum() > plain.sum()
    right, wrong = np.array([True, False]), np.array([False, True])
    assert is_worse(right, wrong, surely=False, weights=np.array([1.0, 2.0]))
    assert not is_worse(wrong, right, surely=True)


def weighted_step(clf, x, labels, factors):
    """Kernel and bias after one step of SGD, by the formula."""
    features = clf.features.predict(x, verbose=0).astype("float64")
    width = len(factors) - clf.head.units
    kernel = np.pad(clf.head.columns("kernel"), ((0, 0), (0, width)))
    bias = np.pad(clf.head.columns("bias"), (0, width))
    logits = features @ kernel + bias
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    errors = (shares - np.eye(len(factors))[labels]) / len(x)
    errors *= np.array(factors)[labels][:, None]
    return kernel - RATE * features.T @ errors, bias - RATE * errors.sum(0)


def check_step(clf, expected):
    for name, value in zip(("kernel", "bias"), expected, strict=True):
        np.testing.assert_allclose(clf.head.columns(name), value, atol=1e-5)


PLAIN = Recipe(
    name="plain",
    terms=None,
    policy=Concatenate(),
    bias_correction=None,
    center_features=False,
    freeze_old=False,
    statistics=False,
)


@pytest.mark.backend
@pytest.mark.parametrize("replayed", ["exemplars", "old_data"])
def test_the_loss_of_each_sample_new_or_replayed_has_its_weight(replayed):
    memory = ExemplarMemory(80) if replayed == "exemplars" else None
    clf = classifier(recipe=dataclasses.replace(PLAIN, memory=memory))
    given = {}
    if memory is None:
        given["old_data"] = (OLD, names_of(OLD_LABELS))
    else:
        clf.remember(OLD, names_of(OLD_LABELS))
    x = np.concatenate([NEW, OLD])
    labels = np.append(np.full(len(NEW), 2), OLD_LABELS)
    expected = weighted_step(clf, x, labels, FACTORS)
    clf.learn(
        NEW,
        classes=["bird"],
        epochs=1,
        batch_size=len(x),
        optimizer=keras.optimizers.SGD(RATE),
        verbose=0,
        **given,
    )
    check_step(clf, expected)


class Shuffled(keras.utils.PyDataset):
    """Samples of all classes, in another order each time."""

    def __init__(self, x, labels):
        super().__init__()
        self.x, self.labels = x, labels
        self.random = np.random.default_rng(0)
        self.reads = 0

    def __len__(self):
        return 1

    def __getitem__(self, index):
        self.reads += 1
        order = self.random.permutation(len(self.x))
        return self.x[order], np.array(names_of(self.labels[order]))


@pytest.mark.backend
def test_samples_that_are_drawn_anew_have_the_weights_of_their_classes():
    clf = classifier(recipe=PLAIN)
    clf.features.layers[-1].trainable = True
    x, labels = samples([0, 1, 2], 8, seed=4)
    expected = weighted_step(clf, x, labels, FACTORS)
    data = Shuffled(x, labels)
    report = clf.learn(
        data,
        epochs=1,
        batch_size=len(x),
        optimizer=keras.optimizers.SGD(RATE),
        verbose=0,
    )
    assert "`x` read in each epoch" in report.used["method"]
    assert data.reads > 1
    check_step(clf, expected)


@pytest.mark.backend
def test_each_step_of_a_stream_has_the_weights():
    recipe = recipes.er(memory=Reservoir(50))
    recipe = dataclasses.replace(recipe, center_features=False)
    clf = classifier(recipe=recipe)
    x, labels = samples([0, 1, 2], 8, seed=4)
    expected = weighted_step(clf, x, labels, FACTORS)
    optimizer = keras.optimizers.SGD(RATE)
    report = clf.observe(x, names_of(labels), optimizer=optimizer, verbose=0)
    check_step(clf, expected)
    assert "classes weighted" in report.used["method"]


def test_held_out_samples_stop_the_training_by_the_weighted_loss():
    model = trained_model()
    x, labels = samples([0, 1], 5)
    stopping = HeldOutStopping(data=(x, labels), class_weight={1: 3.0})
    stopping = HeldOutStopping.from_config(stopping.get_config())
    assert stopping.class_weight == {1: 3.0}
    stopping.data = x, labels
    stopping.set_model(model)
    loss = keras.losses.SparseCategoricalCrossentropy(True, reduction=None)
    each = np.array(loss(labels, model.predict(x, verbose=0)))
    expected = np.average(each, weights=np.where(labels == 1, 3, 1))
    assert stopping._loss() == pytest.approx(expected, rel=1e-4)


def test_a_label_of_several_classes_weighs_as_they_do_on_average():
    clf, shown = classifier(), types.SimpleNamespace(classes=NAMES[:3])
    table = np.array([*np.eye(3), [1, 1, 0], [0, 1, 1]], bool)
    weights = label_weights(clf, shown, table)
    np.testing.assert_array_equal(weights, [1, 3, 9, 2, 6])
    found = sample_weights(weights, np.array([4, -1, 0]), np.array([1, 2, 3]))
    np.testing.assert_array_equal(found, [6, 2, 3])
    assert label_weights(classifier(None), shown, table) is None


def test_a_head_file_with_other_weights_is_damaged(pair, tmp_path):
    head = head_of(pair[1])
    for weights in ({"dog": -1.0}, {"dog": np.nan}):
        bad = dataclasses.replace(head, class_weight=weights)
        bad.save(tmp_path / "head.npz")
        with pytest.raises(DamagedFileError, match="class_weight"):
            type(head).load(tmp_path / "head.npz")


REFUSED = {
    "head in closed form": (recipes.slda, "StreamingLDA has none"),
    "readout": (recipes.icarl, "NearestClassMean has none"),
    "bias correction": (recipes.bic, "BiasCorrection, which would take"),
    "callback": (recipes.wa, "WeightAlignment, which would take"),
}


@pytest.mark.parametrize("part", REFUSED)
def test_a_recipe_that_would_undo_the_weights_is_refused(part):
    recipe, message = REFUSED[part]
    with pytest.raises(ValueError, match=message):
        classifier(recipe=recipe())
    assert classifier(None, recipe=recipe()).class_weight == {}


@pytest.mark.parametrize("problem", ["multi_label", "segmentation"])
def test_samples_of_several_labels_are_refused(problem):
    shape = (DIM,) if problem == "multi_label" else (4, 4, 3)
    last = keras.layers.Dense(2, activation="sigmoid")
    if problem == "segmentation":
        last = keras.layers.Conv2D(2, 1)
    model = keras.Sequential([keras.Input(shape), last])
    with pytest.raises(ValueError, match=problem.replace("_", ".")):
        IncrementalClassifier(model, NAMES[:2], class_weight=WEIGHTS)


def test_classes_are_not_weighed_against_what_nobody_knows():
    clf = classifier()
    before = clf.predict(TEST, verbose=0)
    options = {"classes": ["bird"], "verbose": 0}
    for given in ({}, {"epochs": 1}):
        with pytest.raises(ValueError, match="no samples of old ones"):
            clf.learn(NEW, **options, **given)
    with pytest.raises(ValueError, match="BiasCorrection, which would"):
        clf.learn(NEW, **options, callbacks=[BiasCorrection()])
    assert clf.classes == NAMES[:2]
    np.testing.assert_array_equal(clf.predict(TEST, verbose=0), before)
    # Where all weigh the same there is nothing to weigh.
    same = classifier({name: 2.0 for name in NAMES[:3]})
    assert same.learn(NEW, **options).accepted


@pytest.mark.parametrize(
    "value, error, message",
    [
        ([1.0, 2.0], TypeError, "dict of names"),
        ({"cat": 0}, ValueError, "above 0"),
        ({"cat": -1.0}, ValueError, "above 0"),
        ({"cat": float("nan")}, ValueError, "above 0"),
        ({"cat": float("inf")}, ValueError, "above 0"),
        ({"cat": True}, ValueError, "above 0"),
        ({"cat": "3"}, ValueError, "above 0"),
        ({0: 3.0}, ValueError, "names of classes"),
    ],
)
def test_other_weights_are_refused(value, error, message):
    with pytest.raises(error, match=message):
        classifier(value)
