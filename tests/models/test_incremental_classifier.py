import json

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from toy_classifiers import DIM
from toy_classifiers import NAMES
from toy_classifiers import VALIDATION
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.models import IncrementalClassifier


def test_adopting_changes_no_prediction():
    model = trained_model()
    x, _ = samples([0, 1])
    clf = IncrementalClassifier(model, NAMES[:2])
    np.testing.assert_allclose(
        clf.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6
    )


def test_probabilities_stay_probabilities():
    clf = classifier(activation="softmax")
    learn(clf, [2])
    outputs = clf.predict(samples([0, 2])[0], verbose=0)
    assert outputs.shape[-1] == 3
    np.testing.assert_allclose(outputs.sum(-1), 1, atol=1e-5)


def test_number_of_names_must_be_that_of_the_outputs():
    with pytest.raises(ValueError, match="name the 2 classes.*'bird'"):
        IncrementalClassifier(trained_model(), NAMES[:3])


def test_exemplars_beat_naive_fine_tuning_by_far():
    clf = classifier(ExemplarMemory(per_class=True, budget=10))
    report = learn(clf, [2], validation_data=VALIDATION, epochs=20)
    naive = trained_model()
    head = layers.Dense(3)
    grown = keras.Sequential([*naive.layers[:-1], head])
    grown.build((None, DIM))
    for new, old in zip(
        head.weights, naive.layers[-1].get_weights(), strict=True
    ):
        value = ops.convert_to_numpy(new).copy()
        value[..., :2] = old
        new.assign(value)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    grown.compile(keras.optimizers.Adam(0.01), loss)
    grown.fit(*samples([2], seed=3), epochs=20, verbose=0)
    old = VALIDATION[1] < 2
    answers = grown.predict(VALIDATION[0], verbose=0).argmax(-1)
    naive_accuracy = np.mean(answers[old] == VALIDATION[1][old])
    assert report.old_score > naive_accuracy + 0.3
    assert report.new_score > 0.8


def test_without_exemplars_old_classes_are_kept_too():
    clf = classifier()
    report = learn(clf, [2], validation_data=VALIDATION, epochs=20)
    assert report.old_score > 0.75
    assert report.new_score > 0.5
    assert "no exemplars" in report.used["method"]


def test_report_tells_old_and_new_apart():
    clf = classifier()
    report = learn(clf, [2], validation_data=VALIDATION)
    right = clf.predict(VALIDATION[0], verbose=0).argmax(-1) == VALIDATION[1]
    assert report.new_score == pytest.approx(right[VALIDATION[1] == 2].mean())
    assert report.old_score == pytest.approx(right[VALIDATION[1] < 2].mean())
    assert report.class_score("dog") == pytest.approx(
        right[VALIDATION[1] == 1].mean()
    )
    assert report.class_score("bird", before=True) is None
    assert report.accepted
    assert "bird" in str(report)
    figures = json.loads(report.to_json())
    assert figures["new_classes"] == ["bird"]
    assert len(figures["flips"]) == report.drop.lost


def test_report_without_validation_says_not_measured():
    report = learn(classifier(), [2])
    assert report.old_score is None
    assert "not measured" in str(report)


def test_evaluate_and_predict_know_the_new_class():
    clf = classifier()
    learn(clf, [2])
    x, y = samples([0, 2])
    loss, accuracy = clf.evaluate(x, y, verbose=0)
    by_class = clf.evaluate_classes(x, y)
    assert set(by_class) == {"cat", "bird"}
    assert np.mean(list(by_class.values())) == pytest.approx(accuracy)
    assert set(clf.predict_names(x)) <= set(NAMES[:3])
    assert np.isfinite(loss)


def test_fit_and_evaluate_take_names():
    clf = classifier()
    x, y = samples([0, 1])
    names = np.asarray(NAMES)[y]
    clf.fit(x, names, verbose=0)
    assert clf.evaluate(x, names, verbose=0) == pytest.approx(
        clf.evaluate(x, y, verbose=0)
    )


def test_labels_outside_the_head_are_named():
    clf = classifier()
    x, y = samples([0, 1])
    with pytest.raises(ValueError, match="7"):
        clf.fit(x, np.full_like(y, 7), verbose=0)
    with pytest.raises(ValueError, match="7"):
        clf.evaluate(x, np.full_like(y, 7), verbose=0)


def test_one_folder_with_only_the_new_class_just_works():
    clf = classifier()
    x, _ = samples([2])
    clf.learn(x, np.zeros(len(x), int), ["bird"], verbose=0, epochs=1)
    assert clf.classes == ("cat", "dog", "bird")


def test_known_names_mean_more_samples():
    clf = classifier(ExemplarMemory(40))
    report = learn(clf, [1, 2])
    assert report.new_classes == ("bird",)
    assert report.phase_classes == ("dog", "bird")
    report = learn(clf, [0])
    assert report.new_classes == ()
    assert clf.classes == ("cat", "dog", "bird")
    assert clf.head.units == 3


def test_memory_fills_within_its_budget():
    clf = classifier(ExemplarMemory(21))
    learn(clf, [2])
    learn(clf, [3, 4])
    assert len(clf.memory) <= 21
    assert set(clf.memory.classes) == set(range(5))


def test_features_are_computed_once_per_picture():
    clf = classifier(ExemplarMemory(40))
    frozen = clf.backbone.frozen
    seen = []
    for name in ("predict", "predict_on_batch"):
        setattr(frozen, name, _counting(getattr(frozen, name), seen))
    learn(clf, [2], validation_data=VALIDATION)
    assert sum(seen) == 30 + len(VALIDATION[0])
    seen.clear()
    learn(clf, [3], validation_data=VALIDATION)
    assert sum(seen) == 30


def _counting(predict, seen):
    return lambda x, **how: seen.append(len(x)) or predict(x, **how)


def test_cached_features_give_the_end_to_end_result():
    def learned(cache_features=True):
        memory = ExemplarMemory(20, features=lambda x: x)
        memory.update(*samples([0, 1]))
        clf = classifier(memory, remembered=False)
        clf.cache_features = cache_features
        learn(clf, [2])
        return clf.predict(VALIDATION[0], verbose=0)

    np.testing.assert_allclose(
        learned(), learned(cache_features=False), atol=1e-5
    )


def test_a_trainable_layer_trains_end_to_end():
    clf = classifier(ExemplarMemory(20))
    clf.features.layers[-1].trainable = True
    before = ops.convert_to_numpy(clf.features.weights[0]).copy()
    report = learn(clf, [2])
    assert report.used["training mode"] == "end to end"
    after = ops.convert_to_numpy(clf.features.weights[0])
    assert np.any(after != before)


def test_backbone_learning_rate_of_zero_leaves_the_backbone():
    clf = classifier(ExemplarMemory(20))
    clf.features.layers[-1].trainable = True
    before = ops.convert_to_numpy(clf.features.weights[0]).copy()
    clf.backbone_learning_rate = 0.0
    learn(clf, [2])
    np.testing.assert_array_equal(
        ops.convert_to_numpy(clf.features.weights[0]), before
    )


def test_backbone_learning_rate_needs_an_optimizer_that_learns():
    clf = classifier(ExemplarMemory(20))
    clf.features.layers[-1].trainable = True
    clf.backbone_learning_rate = 0.01
    with pytest.raises(ValueError, match="optimizer of learning_rate=0"):
        learn(clf, [2], optimizer=keras.optimizers.SGD(0.0))
    assert clf.num_phases == 0 and clf.classes == NAMES[:2]
