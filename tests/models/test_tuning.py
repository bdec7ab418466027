import keras
import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental import recipes
from keras_incremental.models import IncrementalClassifier


def classifier(recipe):
    clf = IncrementalClassifier(trained_model(), NAMES[:2], recipe=recipe)
    clf.remember(*samples([0, 1]))
    return clf


def learn(clf, **options):
    x, labels = samples([2, 3])
    names = np.array(NAMES)[labels]
    return clf.learn(x, names, NAMES[2:4], epochs=5, verbose=0, **options)


def test_the_recipe_that_learns_best_is_chosen():
    never_compares = recipes.ssil()
    clf = classifier(recipes.er(budget=30))
    report = learn(clf, tune=[never_compares, recipes.er()])
    assert report.used["tuned"].startswith("2 of 2")
    assert report.used["method"].startswith("er, ")


def test_a_tuned_phase_is_that_of_the_chosen_recipe():
    tuned, told = (classifier(recipes.er(budget=30)) for _ in range(2))
    learn(tuned, tune=[recipes.er(), recipes.er()])
    learn(told)
    np.testing.assert_array_equal(
        tuned.head.columns("kernel"), told.head.columns("kernel")
    )
    assert tuned.memory.counts == told.memory.counts
    assert tuned.recipe.name == "er"


def test_validation_data_is_not_looked_at():
    clf = classifier(recipes.er(budget=30))
    x, _ = samples([0, 1, 2, 3], seed=4)
    wrong = np.zeros(len(x), int)
    report = learn(
        clf,
        tune=[recipes.ssil(), recipes.er()],
        validation_data=(x, wrong),
    )
    assert report.used["tuned"].startswith("2 of 2")


def test_a_failure_in_a_trial_leaves_everything():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("stop")

    clf = classifier(recipes.er(budget=30))
    kernel, counts = clf.head.columns("kernel"), clf.memory.counts
    with pytest.raises(RuntimeError, match="stop"):
        learn(clf, tune=[recipes.er()], callbacks=[Stop()])
    np.testing.assert_array_equal(clf.head.columns("kernel"), kernel)
    assert clf.memory.counts == counts
    assert clf.classes == NAMES[:2] and clf.recipe.name == "er"


@pytest.mark.parametrize("tune", [[], "er", recipes.er(), 3])
def test_what_is_no_list_of_recipes_is_refused(tune):
    with pytest.raises(ValueError, match="`tune` must be a list"):
        learn(classifier(recipes.er(budget=30)), tune=tune)


def test_a_recipe_with_another_head_is_refused():
    with pytest.raises(ValueError, match="recipe 'slda' in `tune`"):
        learn(classifier(recipes.er(budget=30)), tune=[recipes.slda()])
