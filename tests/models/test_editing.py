import keras
import numpy as np
import pytest
from toy_classifiers import NAMES as ANIMALS
from toy_classifiers import learn
from toy_classifiers import make
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental import ExemplarMemory
from keras_incremental import recipes
from keras_incremental.models import IncrementalClassifier

NAMES = ["cat", "dog", "tabby", "fish"]
X = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
Y = np.arange(40) % 4


def classifier(activation="softmax", memory=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(4, activation=activation)]
    )
    return IncrementalClassifier(model, NAMES, memory=memory)


def test_renaming_changes_nothing_else():
    clf = classifier()
    before = clf.predict(X, verbose=0)
    clf.rename({"cat": "house cat"})
    assert clf.classes == ("house cat", "dog", "tabby", "fish")
    np.testing.assert_array_equal(clf.predict(X, verbose=0), before)


def test_a_merged_class_is_the_sum_of_both():
    clf = classifier()
    before = clf.predict(X, verbose=0)
    clf.merge({"tabby": "cat"})
    after = clf.predict(X, verbose=0)
    np.testing.assert_allclose(after[:, 0], before[:, [0, 2]].sum(1), rtol=1e-5)
    np.testing.assert_allclose(after[:, [1, 3]], before[:, [1, 3]], rtol=1e-5)
    assert not after[:, 2].any()
    assert "tabby" not in clf.predict_names(X)


def test_a_removed_class_leaves_the_others_as_they_were_to_each_other():
    clf = classifier()
    before = clf.predict(X, verbose=0)
    clf.remove(["dog"])
    after = clf.predict(X, verbose=0)
    expected = before * [1, 0, 1, 1]
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(after, expected, rtol=1e-5, atol=1e-7)


def test_nothing_is_kept_of_a_removed_class():
    clf = classifier(memory=ExemplarMemory(20))
    clf.remember(X, Y)
    clf.remove(["dog"])
    assert clf.memory.counts == {0: 5, 2: 5, 3: 5}
    assert clf.statistics.counts.tolist() == [10, 0, 10, 10]
    assert not clf.statistics.means[1].any()


def test_edits_are_in_the_file_and_in_the_plain_model(tmp_path):
    clf = classifier()
    clf.merge({"tabby": "cat"})
    clf.remove(["fish"])
    clf.rename({"dog": "hound"})
    outputs = clf.predict(X, verbose=0)
    clf.save(tmp_path / "pets.keras")
    loaded = keras.models.load_model(tmp_path / "pets.keras")
    assert loaded.label_space == clf.label_space
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), outputs)
    plain = clf.to_keras()
    np.testing.assert_allclose(
        plain.predict(X, verbose=0), outputs, rtol=1e-5, atol=1e-7
    )


def test_learning_goes_on_after_edits():
    clf = classifier(memory=ExemplarMemory(20))
    clf.remember(X, Y)
    clf.merge({"tabby": "cat"})
    clf.remove(["fish"])
    labels = np.array(["cat", "tabby", "bird"])[np.arange(30) % 3]
    report = clf.learn(
        X[:30], labels, ["cat", "tabby", "bird"], epochs=1, verbose=0
    )
    assert clf.classes == (*NAMES, "bird")
    assert report.phase_classes == ("cat", "bird")
    assert set(clf.predict_names(X)) <= {"cat", "dog", "bird"}


def test_merged_classes_are_measured_as_one():
    clf = classifier()
    clf.merge({"tabby": "cat"})
    names = np.array(NAMES)[Y]
    assert set(clf.evaluate_classes(X, names)) == {"cat", "dog", "fish"}


def test_a_removed_class_cannot_be_taught():
    clf = classifier()
    clf.remove(["fish"])
    with pytest.raises(ValueError, match=r"\['fish'\] were removed"):
        clf.learn(X, classes=["fish"], verbose=0)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda clf: clf.rename({"bird": "cat"}), "'bird'"),
        (lambda clf: clf.rename({"dog": "cat"}), "more than once"),
        (lambda clf: clf.rename(["cat"]), "must be a dict"),
        (lambda clf: clf.merge({"cat": "bird"}), "'bird'"),
        (lambda clf: clf.merge({"cat": "dog", "dog": "fish"}), "merged itself"),
        (lambda clf: clf.remove(NAMES), "one class at least"),
        (lambda clf: clf.remove(["bird"]), "'bird'"),
    ],
)
def test_wrong_edits_change_nothing(edit, message):
    clf = classifier()
    before = clf.label_space
    with pytest.raises((ValueError, TypeError), match=message):
        edit(clf)
    assert clf.label_space == before


def test_logits_of_merged_classes_have_no_plain_model():
    clf = classifier(activation=None)
    clf.merge({"tabby": "cat"})
    with pytest.raises(ValueError, match="End the model in `softmax`"):
        clf.to_keras()


@pytest.mark.parametrize("name", ["icarl", "er_ace"])
def test_losses_of_one_class_learn_on_after_a_removal(name):
    clf = make(getattr(recipes, name)(budget=20))
    clf.remove(["dog"])
    report = learn(clf, [2], epochs=1)
    assert report.classes == ("cat", "dog", "bird")
    assert "dog" not in clf.predict_names(samples([0, 1, 2])[0])


@pytest.mark.parametrize("name", ["slda", "ridge", "ncm", "fecam"])
def test_heads_in_closed_form_learn_on_after_a_removal(name):
    clf = make(getattr(recipes, name)())
    learn(clf, [2])
    clf.remove(["dog"])
    learn(clf, [3])
    x, y = samples([0, 4], seed=5)
    clf.observe(x, np.array(ANIMALS)[y], verbose=0)
    assert clf.calibrate_unknown(x, false_alarm=0.1)
    x, y = samples([0, 2, 3, 4], seed=6)
    assert np.mean(clf.predict_names(x) == np.array(ANIMALS)[y]) > 0.9


@pytest.mark.parametrize(
    "recipe", [None, recipes.slda()], ids=["solved", "slda"]
)
def test_a_merged_class_needs_no_samples_of_its_own(recipe):
    clf = IncrementalClassifier(
        trained_model((0, 1, 2)), ANIMALS[:3], recipe=recipe
    )
    clf.merge({"bird": "dog"})
    clf.remember(*samples([0, 1]))
    learn(clf, [3], epochs=None)
    assert clf.calibrate_unknown(samples([0, 1])[0], false_alarm=0.1)


def test_a_merge_that_a_loss_cannot_learn_from_is_refused():
    clf = make(recipes.icarl(budget=20))
    before = clf.label_space
    with pytest.raises(ValueError, match="'icarl' reads labels of one class"):
        clf.merge({"dog": "cat"})
    assert clf.label_space == before
