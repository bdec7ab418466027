import keras
import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental import recipes
from keras_incremental.models import IncrementalClassifier
from keras_incremental.utils import compilation


def classifier(recipe):
    clf = IncrementalClassifier(trained_model(), NAMES[:2], recipe=recipe)
    clf.remember(*samples([0, 1]))
    return clf


X, LABELS = samples([2, 3])
NEW = (X, np.array(NAMES)[LABELS], NAMES[2:4])


def tune(clf, candidates, **options):
    options = {"epochs": 5, "verbose": 0, **options}
    return clf.tune(candidates, *NEW, **options)


def test_the_recipe_that_learns_best_is_chosen():
    never_compares = recipes.ssil()
    clf = classifier(recipes.er(budget=30))
    er = recipes.er()
    assert tune(clf, [never_compares, er]) is er


@pytest.mark.parametrize("make", [recipes.ridge, recipes.ranpac])
def test_options_of_a_head_are_tried(make):
    clf = classifier(make())
    x, labels = samples([0, 1])
    strong, weak = make(strength=1e9), make(strength=1e-6)
    assert tune(clf, [strong, weak]) is weak
    chosen = clf.with_recipe(weak)
    assert chosen.head.ridge == 1e-6
    chosen.learn(*NEW, verbose=0)
    told = IncrementalClassifier(trained_model(), NAMES[:2], recipe=weak)
    told.remember(x, labels)
    told.learn(*NEW, verbose=0)
    np.testing.assert_allclose(
        chosen.head.columns("kernel"), told.head.columns("kernel"), rtol=1e-4
    )


def test_shrinkage_is_tried():
    clf = classifier(recipes.slda())
    all_alike, own = recipes.slda(shrinkage=1.0), recipes.slda(shrinkage=0.01)
    heads = [
        clf.with_recipe(r).head.columns("kernel") for r in (all_alike, own)
    ]
    assert not np.allclose(*heads)


def test_a_budget_is_tried():
    clf = classifier(recipes.er(budget=30))
    assert len(clf.with_recipe(recipes.er(budget=4)).memory) == 4
    assert len(clf.with_recipe(recipes.er(budget=50)).memory) == 30
    assert len(clf.memory) == 30


def test_a_statistic_of_other_random_features_is_refused():
    clf = classifier(recipes.ranpac(expansion=64))
    with pytest.raises(ValueError, match="expansion"):
        clf.with_recipe(recipes.ranpac(expansion=32))


def test_a_classifier_with_a_recipe_is_compiled_as_it_was():
    clf = classifier(recipes.er(budget=30))
    optimizer = keras.optimizers.AdamW(0.003, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(clf.head.column_variables["bias"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    clf.compile(optimizer, loss, metrics=["accuracy"], run_eagerly=True)
    made = clf.with_recipe(recipes.er(budget=10))
    assert isinstance(made.optimizer, keras.optimizers.AdamW)
    assert float(made.optimizer.learning_rate) == pytest.approx(0.003)
    assert made.loss is loss and made.run_eagerly
    variables = made.head.column_variables
    assert compilation.excludes(made.optimizer, variables["bias"])
    assert not compilation.excludes(made.optimizer, variables["kernel"])


def test_a_classifier_with_a_recipe_learns_as_if_it_always_had_it():
    tuned, told = (classifier(recipes.er(budget=30)) for _ in range(2))
    tuned = tuned.with_recipe(tune(tuned, [recipes.er(30), recipes.er(30)]))
    for clf in (tuned, told):
        clf.learn(*NEW, epochs=5, verbose=0)
    np.testing.assert_allclose(
        tuned.head.columns("kernel"), told.head.columns("kernel"), rtol=1e-4
    )
    assert tuned.memory.counts == told.memory.counts


def test_trials_leave_everything():
    clf = classifier(recipes.er(budget=30))
    before, counts = clf.get_weights(), clf.memory.counts
    tune(clf, [recipes.er(), recipes.er_ace()])
    for a, b in zip(before, clf.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert clf.memory.counts == counts
    assert clf.classes == NAMES[:2] and clf.recipe.name == "er"


def test_a_failure_in_a_trial_leaves_everything():
    clf = classifier(recipes.er(budget=30))
    clf.features.trainable = True
    before = clf.get_weights()
    with pytest.raises(RuntimeError, match="diverged|NaN|finite"):
        tune(
            clf,
            [recipes.er(), recipes.er()],
            optimizer=keras.optimizers.Adam(3e38),
        )
    for a, b in zip(before, clf.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("candidates", [[], "er", recipes.er(), 3])
def test_what_is_no_list_of_recipes_is_refused(candidates):
    with pytest.raises(ValueError, match="`recipes` must be a list"):
        tune(classifier(recipes.er(budget=30)), candidates)


def test_a_recipe_with_another_head_is_refused():
    with pytest.raises(ValueError, match="recipe 'slda'"):
        tune(classifier(recipes.er(budget=30)), [recipes.slda()])
