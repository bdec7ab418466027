import keras
import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import VALIDATION
from toy_classifiers import classifier
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental import ExemplarMemory
from keras_incremental.callbacks import L2StartingPoint
from keras_incremental.callbacks import MarginCalibration
from keras_incremental.callbacks import PhaseCallback
from keras_incremental.metrics import calibration_error
from keras_incremental.models import IncrementalClassifier
from keras_incremental.recipes import Recipe
from keras_incremental.regularizers import QuadraticPenalty
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics.ridge_solution import solved

SOLVED = "head solved from"


def teach(clf, classes, count=30, seed=3, **options):
    x, y = samples(classes, count, seed)
    names = [NAMES[i] for i in classes]
    options = {"verbose": 0, "batch_size": 128, **options}
    return clf.learn(x, [NAMES[i] for i in y], names, **options)


def accuracy(clf, classes=range(5)):
    x, y = samples(list(classes), 100, seed=11)
    return np.mean(clf.predict(x, verbose=0).argmax(-1) == y)


def features(clf, x):
    return clf.features.predict(x, verbose=0)


def method(report):
    return report.used["method"]


@pytest.mark.backend
def test_the_head_is_that_of_all_statistics():
    clf = classifier()
    report = teach(clf, [2, 3])
    assert method(report) == (
        "no exemplars, head solved from feature statistics, calibrated"
    )
    assert report.used["epochs"] == 0 and report.history == {}
    (x, y), (new, labels) = samples([0, 1]), samples([2, 3], 30, 3)
    statistics = FeatureStatistics.of(features(clf, x), y)
    statistics = statistics.updated(features(clf, new), labels)
    solution = solved(statistics)
    others = samples(range(4), 20, seed=9)[0]
    expected = solution.scores(features(clf, others))
    logits = clf.predict(others, verbose=0)
    factor = np.ptp(logits) / np.ptp(expected)
    np.testing.assert_allclose(logits, factor * expected, atol=1e-3)
    assert accuracy(clf, range(4)) > 0.85


def test_features_that_do_not_tell_a_class_are_reported():
    clf = classifier()
    assert "unfreeze" not in method(teach(clf, [2]))
    x, y = samples([0, 1], 30, seed=5)
    report = clf.learn(x, classes=["same"], verbose=0)
    assert "hardly tell" in method(report)
    assert "unfreeze" in method(report)


@pytest.mark.parametrize("memory", [None, 20])
def test_the_order_of_the_classes_does_not_matter(memory):
    logits = []
    for order in ([2, 3], [3, 2]):
        clf = classifier(memory and ExemplarMemory(memory, per_class=True))
        for label in order:
            teach(clf, [label], seed=label)
        found = clf.predict(samples(range(4))[0], verbose=0)
        logits.append(found[:, [clf.classes.index(n) for n in NAMES[:4]]])
    np.testing.assert_array_equal(logits[0].argmax(-1), logits[1].argmax(-1))
    shares = [z - z.mean(-1, keepdims=True) for z in logits]
    shares = [z / np.linalg.norm(z) for z in shares]
    np.testing.assert_allclose(shares[0], shares[1], atol=1e-4)


def test_nothing_is_drawn():
    found = []
    for seed in (0, 1):
        model = trained_model()
        clf = IncrementalClassifier(model, NAMES[:2], seed=seed)
        clf.remember(*samples([0, 1]))
        teach(clf, [2])
        found.append(clf.head.columns("kernel"))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("memory", [None, 20])
def test_logits_are_calibrated(memory):
    clf = classifier(memory and ExemplarMemory(memory, per_class=True))
    teach(clf, [2, 3])
    x, y = samples(range(4), 200, seed=12)
    logits = clf.predict(x, verbose=0)
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    assert calibration_error(y, shares) < 0.06


def test_logits_stay_calibrated_where_no_sample_can_be_left_out():
    clf = classifier()
    teach(clf, [2])
    teach(clf, [3], count=1)
    x, y = samples([0, 1, 2], 200, seed=12)
    logits = clf.predict(x, verbose=0)
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    assert calibration_error(y, shares) < 0.1


def test_exemplars_serve_the_temperature():
    logits = []
    for memory in (None, ExemplarMemory(20)):
        clf = classifier(memory)
        report = teach(clf, [2])
        logits.append(clf.predict(samples([0, 1, 2])[0], verbose=0))
    assert "head solved from exemplars and feature statistics" in method(report)
    assert report.used["exemplars"] == 20
    factor = np.linalg.norm(logits[1]) / np.linalg.norm(logits[0])
    assert factor != pytest.approx(1.0, rel=1e-4)
    shifted = logits[1] - logits[1].mean(-1, keepdims=True)
    expected = logits[0] - logits[0].mean(-1, keepdims=True)
    np.testing.assert_allclose(shifted, factor * expected, atol=0.02)


def test_one_sample_of_a_class_is_enough():
    clf = classifier()
    report = teach(clf, [2], count=1)
    assert SOLVED in method(report)
    assert np.isfinite(clf.head.columns("kernel")).all()
    assert accuracy(clf, range(2)) > 0.9


class Hears(PhaseCallback):
    def on_phase_end(self, report):
        self.heard = report


class Watches(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.seen = epoch


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 1},
        {"optimizer": "sgd"},
        {"callbacks": [Watches()]},
        {"callbacks": [L2StartingPoint()]},
        {"callbacks": [MarginCalibration()]},
    ],
)
def test_what_says_how_to_train_is_done(options):
    report = teach(classifier(), [2], **options)
    assert SOLVED not in method(report)
    assert report.used["epochs"] > 0


@pytest.mark.parametrize(
    "hook", ["on_train_begin", "on_epoch_end", "on_train_batch_end"]
)
def test_hooks_that_were_set_on_a_callback_are_called(hook):
    called = []
    callback = keras.callbacks.LambdaCallback(
        **{hook: lambda *args, **kwargs: called.append(hook)}
    )
    report = teach(classifier(), [2], callbacks=[callback])
    assert SOLVED not in method(report) and called


def test_a_callback_that_only_hears_leaves_it_solved():
    hears = Hears()
    report = teach(classifier(), [2], callbacks=[hears])
    assert SOLVED in method(report) and hears.heard == report


@pytest.mark.parametrize(
    "recipe",
    [Recipe(terms=None), Recipe(statistics=True), Recipe(initializer="zeros")],
)
def test_a_recipe_that_says_how_trains(recipe):
    clf = classifier().with_recipe(recipe)
    solves = recipe == Recipe()
    assert (SOLVED in method(teach(clf, [2]))) == solves


@pytest.mark.backend
def test_a_penalty_holds_the_head_where_it_is():
    clf = classifier()
    kernel = clf.head.weights[0]
    value = np.asarray(clf.head.columns("kernel"))
    kernel.regularizer = QuadraticPenalty(np.ones_like(value), value, 1.0)
    assert SOLVED not in method(teach(clf, [2], epochs=None))


def test_with_nothing_old_the_old_columns_are_frozen_where_it_trains():
    report = teach(classifier(remembered=False), [2], epochs=2)
    assert "old columns frozen" in method(report)


def five_classes(missing, count=30):
    """A classifier of five classes, one of which has few samples or none."""
    model = trained_model((0, 1, 2, 3, 4))
    clf = IncrementalClassifier(model, NAMES)
    clf.remember(*samples([k for k in range(5) if k != missing], 30))
    if count:
        clf.remember(*samples([missing], count, seed=5))
    return clf


def newcomers():
    generator = np.random.default_rng(7)
    return (generator.normal(size=(30, 8)) - 2).astype("float32")


@pytest.mark.parametrize("options", [{}, {"epochs": 20}])
@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("missing", [0, 3])
def test_a_class_without_statistics_is_no_cliff(missing, count, options):
    clf = five_classes(missing, count)
    before = accuracy(clf)
    report = clf.learn(
        newcomers(), classes=["newt"], verbose=0, batch_size=128, **options
    )
    assert "feature statistics" in method(report)
    # It was 20 points without replay.
    assert accuracy(clf) > before - 0.1
    found = clf.predict(newcomers(), verbose=0).argmax(-1)
    assert np.mean(found == 5) > 0.9
    described = "described by the old head" in method(report)
    assert described == (not options and not count)


def test_what_is_described_is_not_kept():
    clf = five_classes(3, 0)
    clf.learn(newcomers(), classes=["newt"], verbose=0)
    assert clf.statistics.counts.tolist() == [30, 30, 30, 0, 30, 30]


def test_old_data_stands_for_classes_without_statistics():
    clf = classifier(remembered=False)
    old = samples([0, 1])
    report = teach(clf, [2], old_data=old)
    assert "head solved from old data" in method(report)
    assert clf.statistics.counts.tolist() == [30, 30, 30]
    again = teach(clf, [3], old_data=old)
    assert SOLVED in method(again)
    assert clf.statistics.counts.tolist() == [30, 30, 30, 30]


def test_learning_few_samples_of_old_classes_does_no_harm():
    clf = IncrementalClassifier(trained_model((0, 1, 2, 3, 4)), NAMES)
    before, columns = accuracy(clf), clf.head.columns("kernel")
    x, y = samples(range(5), 2, seed=3)
    noisy = x + np.random.default_rng(0).normal(size=x.shape).astype("float32")
    report = clf.learn(noisy, [NAMES[k] for k in y], NAMES, verbose=0)
    assert accuracy(clf) > before - 0.02
    if "stays as it is" in method(report):
        np.testing.assert_array_equal(clf.head.columns("kernel"), columns)


def badly_remembered():
    """A good head, and statistics of samples that are not of its classes."""
    clf = IncrementalClassifier(trained_model((0, 1, 2, 3)), NAMES[:4])
    x, y = samples([0, 1, 2, 3], 30)
    with pytest.warns(UserWarning, match="have each other's names"):
        clf.remember(x, (y + 1) % 4)
    return clf


def test_a_solved_head_that_is_worse_is_not_taken():
    clf = badly_remembered()
    report = teach(clf, [4], validation_data=VALIDATION)
    assert "the old head is right on" in method(report)
    assert "validation samples of old classes" in method(report)
    assert "of all classes" in method(report)
    # Either was taken, the one that is said to be.
    trained = "so the head was trained" in method(report)
    assert bool(report.history) == trained
    assert ("so it is solved" in method(report)) == (not trained)


def test_without_new_classes_a_better_head_stays():
    clf = badly_remembered()
    columns = clf.head.columns("kernel")
    report = teach(clf, [0, 1, 2, 3], count=3, validation_data=VALIDATION)
    assert "so the head stays as it is" in method(report)
    np.testing.assert_array_equal(clf.head.columns("kernel"), columns)
    report = teach(badly_remembered(), [0, 1, 2, 3], count=6)
    assert "new samples, each left out in turn," in method(report)


def test_what_cannot_be_used_is_refused():
    model = trained_model()
    model.layers[0].trainable = True
    clf = IncrementalClassifier(model, NAMES[:2])
    with pytest.raises(ValueError, match="would keep nothing"):
        clf.remember(*samples([0, 1]))
    assert not len(clf.statistics)


@pytest.mark.backend
def test_a_solved_head_is_saved_and_goes_on(tmp_path):
    clf = classifier()
    teach(clf, [2])
    clf.save(tmp_path / "clf.keras")
    loaded = keras.saving.load_model(tmp_path / "clf.keras")
    for each in (clf, loaded):
        teach(each, [3, 4])
    np.testing.assert_allclose(
        loaded.head.columns("kernel"), clf.head.columns("kernel"), rtol=1e-5
    )


@pytest.mark.backend
def test_a_rollback_brings_the_adopted_head_back():
    clf = classifier()
    columns = clf.head.columns("kernel")
    teach(clf, [2])
    clf.rollback()
    np.testing.assert_array_equal(clf.head.columns("kernel"), columns)


@pytest.mark.backend
def test_probabilities_are_those_of_the_logits():
    clf = classifier(activation="softmax")
    teach(clf, [2, 3])
    shares = clf.predict(samples(range(4))[0], verbose=0)
    np.testing.assert_allclose(shares.sum(-1), 1, atol=1e-5)
    assert accuracy(clf, range(4)) > 0.85


def test_features_that_were_constant_before_do_no_harm():
    random = np.random.default_rng(0)
    labels = np.arange(90) % 3
    x = random.normal(size=(90, 8)) + 3 * np.eye(3, 8)[labels]
    # Alive in the last class alone, and seldom.
    x[:, 7] = (labels == 2) & (np.arange(90) < 20)
    first = labels < 2
    normalization = keras.layers.Normalization()
    normalization.adapt(x[first])
    model = keras.Sequential(
        [keras.Input((8,)), normalization, keras.layers.Dense(2, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    clf = IncrementalClassifier(model, NAMES[:2])
    clf.remember(x[first], labels[first])
    report = clf.learn(x[~first], classes=NAMES[2:3], verbose=0)
    assert SOLVED in method(report)
    found = clf.predict(x, verbose=0).argmax(-1)
    assert np.mean(found == labels) > 0.9
