import keras
import numpy as np
import pytest
from toy_scenes import BLUE
from toy_scenes import INVALID
from toy_scenes import NAMES
from toy_scenes import classifier
from toy_scenes import learn
from toy_scenes import only_blue
from toy_scenes import scenes

from keras_incremental import ExemplarMemory
from keras_incremental.models import IncrementalClassifier
from keras_incremental.recipes import Recipe

NEW, TRUTH = scenes([1, 2, 3], 48, seed=1)
TEST = scenes([1, 2, 3], 48, seed=2)


@pytest.mark.parametrize(
    ("meaning", "old_data"),
    [("not_new", None), ("unknown", scenes([1, 2], 48, seed=3))],
)
def test_labels_of_the_new_class_alone_are_enough(meaning, old_data):
    report = learn(
        classifier(),
        NEW,
        only_blue(TRUTH),
        unlabeled=meaning,
        old_data=old_data,
        validation_data=TEST,
    )
    assert report.scorer.unit == "pixels"
    assert report.class_score("blue") > 0.6
    assert report.drop.value < 0.1


def test_what_is_invalid_taken_for_background_costs_the_old_classes():
    naive = np.where(TRUTH == BLUE, BLUE, 0)
    clf = classifier(recipe=Recipe(terms=None), backbone_learning_rate=0.01)
    report = clf.learn(
        NEW,
        naive,
        NAMES,
        epochs=15,
        optimizer=keras.optimizers.Adam(0.05),
        validation_data=TEST,
        verbose=0,
    )
    assert report.class_score("red") < 0.3


def test_a_class_hidden_in_the_background_comes_out_of_it():
    clf = classifier(backbone_learning_rate=0.0)
    x, y = scenes([1, 2, 3], 64, seed=5)
    keras_fit = {"epochs": 15, "verbose": 0}
    clf.fit(x, np.where(y == BLUE, 0, y), **keras_fit)
    before = clf.predict(TEST[0], verbose=0)
    report = learn(
        clf,
        NEW,
        only_blue(TRUTH),
        unlabeled="not_new",
        parents={"blue": "background"},
        validation_data=TEST,
    )
    assert clf.head.parents == (-1, -1, -1, 0)
    assert report.class_score("blue") > 0.6
    assert clf.predict(TEST[0], verbose=0).shape == (*before.shape[:3], 4)


def test_the_scores_of_an_enlarging_model_stay_the_same():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4, 6, 3)),
            keras.layers.Conv2D(5, 3, padding="same"),
            keras.layers.Conv2D(2, 1),
            keras.layers.UpSampling2D(2, interpolation="bilinear"),
            keras.layers.Softmax(),
        ]
    )
    clf = IncrementalClassifier(model, ["sky", "sea"])
    x = np.random.default_rng(0).normal(size=(3, 4, 6, 3)).astype("float32")
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(clf.predict(x, verbose=0), expected, atol=1e-5)
    plain = clf.to_keras().predict(x, verbose=0)
    np.testing.assert_allclose(plain, expected, atol=1e-5)


def test_label_maps_may_be_larger_than_the_scores():
    x, y = scenes([1, 2], 8)
    large = y.repeat(2, axis=1).repeat(2, axis=2)
    clf = classifier()
    report = clf.learn(
        x, large, NAMES[:3], validation_data=(x, large), epochs=1, verbose=0
    )
    assert report.after.confusion.sum() == large.size
    assert min(clf.evaluate_classes(x, large).values()) > 0.5


def test_pixels_without_a_label_are_not_measured():
    x, y = scenes([1, 2], 8)
    some = np.where(y == 1, INVALID, y)
    assert set(classifier().evaluate_classes(x, some)) == {
        "background",
        "green",
    }


def test_the_report_is_the_mean_iou_by_hand():
    x, y = scenes([1, 2], 8)
    clf = classifier()
    said = clf.predict(x, verbose=0).argmax(-1)
    found = clf.evaluate_classes(x, y)
    for index, name in enumerate(NAMES[:3]):
        both = ((said == index) & (y == index)).sum()
        either = ((said == index) | (y == index)).sum()
        assert found[name] == pytest.approx(both / either)


def test_a_file_goes_on_where_it_was(tmp_path):
    clf = classifier()
    learn(clf, NEW, only_blue(TRUTH), unlabeled="not_new", epochs=1)
    clf.save(tmp_path / "scenes.keras")
    loaded = keras.models.load_model(tmp_path / "scenes.keras")
    expected = clf.predict(NEW[:4], verbose=0)
    np.testing.assert_array_equal(loaded.predict(NEW[:4], verbose=0), expected)


def test_labels_that_are_no_maps_are_refused():
    with pytest.raises(ValueError, match="must be maps of shape"):
        learn(classifier(), NEW, np.zeros(len(NEW), int))


def test_a_memory_of_scenes_is_refused():
    clf = classifier()
    with pytest.raises(ValueError, match=r"old_data=\(x, y\)"):
        IncrementalClassifier(
            clf.to_keras(), NAMES[:3], memory=ExemplarMemory(20)
        )
