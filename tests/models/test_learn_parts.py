import keras
import numpy as np
import pytest
from keras import ops
from toy_classifiers import NAMES
from toy_classifiers import VALIDATION
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import samples

from keras_incremental.callbacks import ElasticWeightConsolidation
from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.callbacks import PhaseCallback
from keras_incremental.callbacks import WeightAlignment
from keras_incremental.losses import DistillationCrossentropy
from keras_incremental.recipes import Recipe
from keras_incremental.regularizers import QuadraticPenalty


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1
        self.logs = logs


def test_exemplars_are_replayed_with_balanced_weights():
    report = learn(classifier(ExemplarMemory(20)), [2])
    assert report.used["exemplars"] == 20
    assert "replay of exemplars and feature statistics" in report.used["method"]
    assert "class-balanced weights" in report.used["method"]
    assert "distillation" in report.used["method"]


def test_statistics_stand_in_for_exemplars():
    report = learn(classifier(), [2])
    assert report.used["exemplars"] == 0
    assert "feature statistics" in report.used["method"]


def test_nothing_old_at_all_freezes_the_old_columns():
    clf = classifier(remembered=False)
    before = clf.head.columns("kernel")
    report = learn(clf, [2])
    assert "old columns frozen" in report.used["method"]
    assert "MarginCalibration" in report.used["method"]
    np.testing.assert_array_equal(clf.head.columns("kernel")[:, :2], before)
    assert clf.head.frozen_groups == 0


def test_a_part_can_be_replaced():
    recipe = Recipe(bias_correction=WeightAlignment())
    clf = classifier(remembered=False).with_recipe(recipe)
    report = learn(clf, [2])
    assert "WeightAlignment" in report.used["method"]
    norms = np.linalg.norm(clf.head.columns("kernel"), axis=0)
    assert norms[2] == pytest.approx(norms[:2].mean(), rel=1e-4)


def test_a_part_can_be_left_out():
    recipe = Recipe(terms=None, bias_correction=None)
    clf = classifier(ExemplarMemory(20)).with_recipe(recipe)
    report = learn(clf, [2])
    assert "distillation" not in report.used["method"]


def test_distillation_holds_the_old_logits():
    loss = DistillationCrossentropy(temperature=1.0)
    kept = classifier(ExemplarMemory(20)).with_recipe(Recipe(terms=loss))
    free = classifier(ExemplarMemory(20)).with_recipe(Recipe(terms=None))
    x, _ = samples([0, 1], seed=8)
    before = kept.predict(x, verbose=0)
    learn(kept, [2])
    learn(free, [2])

    def moved(clf):
        after = clf.predict(x, verbose=0)[:, :2]
        margins = after[:, 0] - after[:, 1] - before[:, 0] + before[:, 1]
        return np.abs(margins).mean()

    assert moved(kept) < moved(free)


def test_callbacks_see_every_epoch_and_the_validation():
    recorder = Recorder()
    learn(
        classifier(),
        [2],
        epochs=3,
        callbacks=[recorder],
        validation_data=VALIDATION,
    )
    assert recorder.epochs == 3
    assert "val_accuracy" in recorder.logs


def test_early_stopping_stops():
    stop = keras.callbacks.EarlyStopping("loss", min_delta=100, patience=1)
    report = learn(classifier(), [2], epochs=9, callbacks=[stop])
    assert report.used["epochs"] < 9


def test_the_optimizer_of_the_user_is_not_touched():
    optimizer = keras.optimizers.SGD(0.01)
    learn(classifier(), [2], optimizer=optimizer)
    assert not optimizer.built


def test_elastic_weight_consolidation_works_in_learn_and_is_saved(tmp_path):
    clf = classifier()
    learn(clf, [2], callbacks=[ElasticWeightConsolidation(strength=10.0)])
    penalties = [w.regularizer for w in clf.head.weights]
    assert all(isinstance(p, QuadraticPenalty) for p in penalties)
    for weight, penalty in zip(clf.head.weights, penalties, strict=True):
        np.testing.assert_array_equal(
            penalty.reference, ops.convert_to_numpy(weight)
        )
    clf.save(tmp_path / "clf.keras")
    loaded = keras.models.load_model(tmp_path / "clf.keras")
    for weight, penalty in zip(loaded.head.weights, penalties, strict=True):
        np.testing.assert_array_equal(
            weight.regularizer.importance, penalty.importance
        )
        assert weight.regularizer.strength == 10.0
    report = learn(loaded, [3], callbacks=[ElasticWeightConsolidation()])
    assert report.history["loss"][-1] > 0


def test_a_penalty_holds_the_weights():
    def moved(strength):
        clf = classifier()
        protection = ElasticWeightConsolidation(strength=strength)
        learn(clf, [2], callbacks=[protection])
        before = clf.head.columns("kernel")
        learn(clf, [3], epochs=20)
        after = clf.head.columns("kernel")[:, : before.shape[1]]
        return np.abs(after - before).mean()

    assert moved(1e4) < 0.7 * moved(0.0)


def test_two_phases_of_the_same_seed_are_equal():
    first, second = (classifier(ExemplarMemory(20)) for _ in range(2))
    for clf in (first, second):
        learn(clf, [2])
        learn(clf, [3, 4])
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert first.classes == NAMES


class Told(PhaseCallback):
    def __init__(self):
        super().__init__()
        self.reports = []

    def on_phase_end(self, report):
        self.reports.append(report)


def test_a_callback_is_told_of_the_phase():
    told, clf = Told(), classifier()
    report = learn(clf, [2], callbacks=[told], epochs=1)
    assert told.reports == [report] and report.reason


def test_a_callback_is_told_of_a_refusal():
    told, clf = Told(), classifier()
    cats = samples([0], seed=3)[0]
    clf.learn(
        cats,
        classes=["bird"],
        validation_data=VALIDATION,
        max_drop=0.0,
        callbacks=[told],
        verbose=0,
    )
    assert [report.accepted for report in told.reports] == [False]
