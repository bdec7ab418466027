"""A trained head that is defined in one place works in everything."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental import recipes
from keras_incremental.layers import ColumnInitializer
from keras_incremental.layers import ExpandableHead
from keras_incremental.models import IncrementalClassifier
from keras_incremental.regularizers import fisher_importance
from keras_incremental.testing import head_checks
from keras_incremental.testing import split_checks

NAMES = ("ant", "bee", "cat", "dog")
CENTERS = 3 * np.eye(4, 6)


class Means(ColumnInitializer):
    """Prototypes that start at the means of their classes."""

    def __init__(self, features, labels):
        self.features, self.labels = np.asarray(features), np.asarray(labels)

    def __call__(self, columns, units, seed):
        rows = [self.features[self.labels == k].mean(0) for k in range(units)]
        return {"prototype": np.stack(rows, -1).astype("float32")}


@keras.saving.register_keras_serializable(package="own_head")
class Prototypes(ExpandableHead):
    """Minus the squared distance of the features to one point of each class.

    The square of the features, which all classes share, is left out.
    """

    needs_imprinting = True

    def column_shapes(self, input_dim, units):
        return {"prototype": (input_dim, units)}

    def column_initializer(self, name):
        return keras.initializers.GlorotUniform()

    def call_block(self, inputs, columns):
        prototype = columns["prototype"]
        products = ops.matmul(inputs, prototype)
        return 2 * products - ops.sum(ops.square(prototype), axis=0)

    def imprinting(self, features, labels):
        return Means(features, labels)

    def per_example_rule(self, inputs, delta, measure):
        inputs, pairs, start = inputs[:, :, None], [], 0
        for variable in self.trainable_variables:
            part = delta[:, None, start : start + variable.shape[-1]]
            gradients = 2 * part * (inputs - ops.convert_to_tensor(variable))
            pairs.append((variable, ops.sum(measure(gradients), axis=0)))
            start += variable.shape[-1]
        return pairs

    def plain(self, inputs):
        prototype = self.columns("prototype")
        dense = keras.layers.Dense(self.units, name=self.name)
        outputs = dense(inputs)
        dense.set_weights([2 * prototype, -np.square(prototype).sum(0)])
        return outputs


def clouds(classes, seed=0):
    labels = np.repeat(classes, 20)
    noise = np.random.default_rng(seed).normal(size=(len(labels), 6))
    x = (CENTERS[labels] + 0.3 * noise).astype("float32")
    return x, np.array(NAMES)[labels]


def classifier(recipe, **parts):
    keras.utils.set_random_seed(0)
    body = keras.layers.Dense(6, kernel_initializer="identity")
    model = keras.Sequential(
        [keras.Input((6,)), body, keras.layers.Dense(2, activation="softmax")]
    )
    parts.setdefault("initializer", "imprinting")
    recipe = dataclasses.replace(recipe, head=Prototypes(1), **parts)
    return IncrementalClassifier(model, NAMES[:2], recipe=recipe)


def accuracy(clf, classes):
    x, names = clouds(classes, seed=1)
    return np.mean(clf.predict_names(x) == names)


@pytest.mark.parametrize(
    "check", head_checks.HEAD_CHECKS, ids=lambda check: check.__name__
)
def test_it_obeys_the_laws(check):
    check(Prototypes)


def test_it_refuses_splits_by_the_law():
    split_checks.check_refuses_splits(Prototypes)


def test_it_takes_the_place_of_a_dense_head_and_is_imprinted():
    clf = classifier(recipes.er(budget=8))
    assert isinstance(clf.head, Prototypes) and clf.head.units == 2
    x, names = clouds([0, 1])
    clf.remember(x, names)
    assert accuracy(clf, [0, 1]) == 1.0


@pytest.mark.parametrize(
    "recipe", [recipes.er(budget=8), recipes.ewc(), recipes.lwf()]
)
def test_it_learns_by_any_recipe(recipe):
    clf = classifier(recipe)
    clf.remember(*clouds([0, 1]))
    clf.learn(*clouds([2, 3]), NAMES[2:], epochs=2, verbose=0)
    assert clf.head.group_sizes == (2, 2)
    assert accuracy(clf, range(4)) > 0.9


def test_a_phase_that_knows_of_no_imprinting_trains_it_too():
    clf = classifier(recipes.er(budget=8), initializer="match_old_scale")
    clf.remember(*clouds([0, 1]))
    optimizer = keras.optimizers.Adam(0.05)
    clf.learn(
        *clouds([2, 3]), NAMES[2:], epochs=30, optimizer=optimizer, verbose=0
    )
    assert accuracy(clf, range(4)) > 0.9


def test_its_fisher_is_that_of_single_examples():
    head = Prototypes([1, 1])
    model = keras.Sequential([keras.Input((6,)), head])
    x = clouds([0, 1])[0][::8]
    head.imprint(x, np.arange(len(x)) % 2)
    importance = fisher_importance(model, x, from_logits=True)
    prototype = head.columns("prototype")
    logits = 2 * x @ prototype - np.square(prototype).sum(0)
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    p = powers / powers.sum(-1, keepdims=True)
    gradients = 2 * (x[:, :, None] - prototype)
    wanted = np.mean(gradients**2 * (p * (1 - p))[:, None], axis=0)
    found = np.concatenate(list(importance.values()), -1)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_a_file_and_a_plain_model_predict_the_same(tmp_path):
    clf = classifier(recipes.er(budget=8))
    clf.remember(*clouds([0, 1]))
    clf.learn(*clouds([2]), NAMES[2:3], epochs=1, verbose=0)
    x = clouds([0, 1, 2], seed=1)[0]
    probabilities = clf.predict(x, verbose=0)
    clf.save(tmp_path / "own.keras")
    loaded = keras.models.load_model(tmp_path / "own.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), probabilities)
    plain = clf.to_keras(tmp_path / "plain.keras")
    assert type(plain.layers[-2]) is keras.layers.Dense
    np.testing.assert_allclose(
        plain.predict(x, verbose=0), probabilities, atol=1e-5
    )


def test_without_a_plain_form_it_says_what_to_do():
    class Odd(Prototypes):
        plain = ExpandableHead.plain

    head = Odd(2, name="odd")
    head.build((None, 6))
    with pytest.raises(ValueError, match="'odd'.*`save`.*method `plain`"):
        head.plain(keras.Input((6,)))


def test_without_columns_that_point_at_features_it_says_what_to_do():
    class Odd(Prototypes):
        imprinting = ExpandableHead.imprinting

    head = Odd(2, name="odd")
    head.build((None, 6))
    with pytest.raises(ValueError, match="'odd'.*method `imprinting`"):
        head.imprint(np.ones((2, 6)), [0, 1])
