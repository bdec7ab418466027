import json

import keras
import numpy as np
import pytest
import toy_recipes as toy

from keras_incremental import recipes
from keras_incremental.layers import ClosedFormHead
from keras_incremental.models import IncrementalClassifier

# Recipes that refuse a frozen backbone, each with what it says.
NOT_FROZEN = {"lwm": "AttentionDistillation reads feature maps"}
# Parts that are not, before they have seen pictures, what the model was.
OTHER_AT_FIRST = {
    "lucir": "directions of the old columns, without their lengths",
    "podnet": "proxies around these directions",
    "icarl": "the nearest mean of exemplars",
}
SAVED = ("bic", "lucir", "slda", "der", "ewc", "icarl", "il2m")
PROBES, _ = toy.pictures(range(5), 3, seed=8)


def every_recipe(test):
    """Runs a test for all recipes; those of `MECHANISMS` on each backend."""
    names = [
        pytest.param(
            name, marks=pytest.mark.backend if name in toy.MECHANISMS else ()
        )
        for name in recipes.names()
    ]
    return pytest.mark.parametrize("name", names)(test)


@pytest.fixture(autouse=True)
def without_graphs():
    """Tracing each step takes longer than all steps; other tests do it."""
    if keras.config.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config")


def check_two_phases(clf):
    weights = [w.copy() for w in clf.features.get_weights()]
    learns = bool(clf.features.trainable_variables)
    for new, count in (([2, 3], 4), ([4], 5)):
        # Without slots, which take long to update outside graphs.
        optimizer = keras.optimizers.SGD(0.002)
        report = toy.learn(
            clf, new, optimizer=optimizer, backbone_learning_rate=0.002
        )
        outputs = clf.predict(PROBES, verbose=0)
        assert outputs.shape == (len(PROBES), count)
        assert np.isfinite(outputs).all()
        assert report.accepted
        assert clf.recipe.name in report.used["method"]
        assert report.new_classes == tuple(toy.NAMES[i] for i in new)
    assert clf.classes == toy.NAMES[:5]
    after = clf.features.get_weights()
    same = all(map(np.array_equal, weights, after))
    assert same != learns


@every_recipe
def test_it_learns_two_phases_on_a_frozen_backbone(name):
    clf = toy.classifier(toy.make(name))
    if name in NOT_FROZEN:
        with pytest.raises(ValueError, match=NOT_FROZEN[name]):
            toy.learn(clf, [2])
        assert clf.classes == toy.NAMES[:2]
        return
    check_two_phases(clf)


@pytest.mark.backend
@pytest.mark.parametrize("name", [*toy.MECHANISMS, *NOT_FROZEN])
def test_it_learns_two_phases_end_to_end(name):
    clf = toy.classifier(toy.make(name), trainable=True)
    freezes = clf.recipe.freeze_backbone or is_solved(clf)
    assert bool(clf.features.trainable_variables) != freezes
    check_two_phases(clf)


def softmax(logits):
    return keras.ops.convert_to_numpy(keras.ops.softmax(logits))


def is_solved(clf):
    return isinstance(clf.head, ClosedFormHead)


@every_recipe
def test_its_config_makes_it_again(name):
    recipe = toy.make(name)
    config = keras.saving.serialize_keras_object(recipe)
    again = keras.saving.deserialize_keras_object(
        json.loads(json.dumps(config))
    )
    assert keras.saving.serialize_keras_object(again) == config
    assert type(again.terms) is tuple
    assert again.name == name


@every_recipe
def test_it_predicts_as_the_model_did_before_the_first_phase(name):
    recipe = toy.make(name)
    model = toy.trained_model(dense=recipe.low_rank is not None)
    expected = model.predict(PROBES, verbose=0)
    clf = toy.classifier(recipe, remembered=False)
    if is_solved(clf) or name in OTHER_AT_FIRST:
        clf.remember(*toy.pictures([0, 1]))
        probes, labels = toy.pictures([0, 1], 3, seed=8)
        answers = clf.predict(probes, verbose=0).argmax(-1)
        assert np.mean(answers == labels) > 0.8
        return
    found = clf.predict(PROBES, verbose=0)
    np.testing.assert_allclose(softmax(found), softmax(expected), atol=1e-5)


@pytest.mark.backend
@pytest.mark.parametrize("name", SAVED)
def test_its_file_predicts_the_same_and_learns_on(name, tmp_path):
    clf = toy.classifier(toy.make(name))
    toy.learn(clf, [2, 3])
    clf.save(tmp_path / "clf.keras")
    loaded = keras.models.load_model(tmp_path / "clf.keras")
    assert isinstance(loaded, IncrementalClassifier)
    np.testing.assert_array_equal(
        loaded.predict(PROBES, verbose=0), clf.predict(PROBES, verbose=0)
    )
    toy.learn(clf, [4])
    toy.learn(loaded, [4])
    np.testing.assert_allclose(
        loaded.predict(PROBES, verbose=0),
        clf.predict(PROBES, verbose=0),
        atol=1e-4,
    )
