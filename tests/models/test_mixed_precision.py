"""Networks of half precision learn as those of float32 do."""

import keras
import numpy as np
import pytest
from toy_classifiers import DIM
from toy_classifiers import NAMES
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental import recipes
from keras_incremental.models import IncrementalClassifier

OLD, NEW = samples([0, 1], seed=1), samples([2], seed=3)
HELD = samples(range(3), count=200, seed=9)


@pytest.fixture
def network(request):
    """A function that returns the trained network, in some precision."""
    kept = keras.config.dtype_policy()

    def make(policy, everywhere=False, trainable=False):
        weights = trained_model().get_weights()
        if everywhere:
            keras.config.set_dtype_policy(policy)
        own = {} if everywhere else {"dtype": policy}
        model = keras.Sequential(
            [
                keras.Input((DIM,)),
                keras.layers.Dense(16, "relu", trainable=trainable, **own),
                keras.layers.Dense(2, **own),
            ]
        )
        model.set_weights(weights)
        return model

    yield make
    keras.config.set_dtype_policy(kept)


def learned(model, recipe=None, seed=0, **options):
    clf = IncrementalClassifier(model, NAMES[:2], recipe=recipe, seed=seed)
    clf.remember(*OLD)
    clf.learn(NEW[0], classes=["bird"], verbose=0, **options)
    return clf


def accuracy(clf):
    return np.mean(clf.predict(HELD[0], verbose=0).argmax(-1) == HELD[1])


@pytest.mark.parametrize(
    ("recipe", "policy", "everywhere"),
    [
        (None, "mixed_float16", True),
        (None, "mixed_bfloat16", False),
        (recipes.slda, "mixed_float16", False),
        (recipes.slda, "mixed_bfloat16", True),
    ],
    ids=["solved-16-global", "solved-b16", "slda-16", "slda-b16-global"],
)
def test_a_head_of_half_precision_is_solved_in_float64(
    recipe, policy, everywhere, network
):
    recipe = recipe and recipe()
    half = learned(network(policy, everywhere), recipe)
    features = half.features.predict_on_batch
    assert features(OLD[0]).dtype.name == policy.removeprefix("mixed_")
    keras.config.set_dtype_policy("float32")
    head = keras.Sequential([keras.Input((16,)), keras.layers.Dense(2)])
    head.set_weights(trained_model().get_weights()[2:])
    whole = IncrementalClassifier(head, NAMES[:2], recipe=recipe)
    whole.remember(np.float32(features(OLD[0])), OLD[1])
    whole.learn(np.float32(features(NEW[0])), classes=["bird"], verbose=0)
    for a, b in zip(half.head.weights, whole.head.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
    assert half.statistics.mean.dtype == "float64"
    expected = accuracy(learned(network("float32"), recipe))
    assert abs(accuracy(half) - expected) < 0.01


def test_networks_of_half_precision_train_within_the_spread_of_seeds(network):
    def trained(policy, seed=0, everywhere=False):
        model = network(policy, everywhere, trainable=True)
        recipe = recipes.er(budget=20)
        return accuracy(learned(model, recipe, seed, epochs=4, batch_size=16))

    whole = [trained("float32", seed) for seed in (0, 1)]
    half = [trained("mixed_bfloat16"), trained("mixed_float16", 0, True)]
    spread = max(whole) - min(whole) + 0.01
    assert min(whole) - spread <= min(half)
    assert max(half) <= max(whole) + spread
