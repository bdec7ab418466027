import keras
import numpy as np
import pytest
from keras import ops

import keras_incremental as ki
from keras_incremental.contrib import DualMemoryRectification
from keras_incremental.contrib.dual_memory_rectification import mean_scores
from keras_incremental.contrib.dual_memory_rectification import rectification
from keras_incremental.layers import ExpandableDense

# Probabilities of two old classes and a new one; the new one wins in two.
SHARES = np.array([[0.5, 0.2, 0.3], [0.3, 0.2, 0.5], [0.1, 0.1, 0.8]])
LOGITS = np.log(SHARES) + 3.0


def built(units=(2, 1), factor=None):
    layer = DualMemoryRectification(list(units))
    layer.build((None, sum(units)))
    if factor is not None:
        layer.assign_columns("factor", np.array(factor))
    return layer


def shares(layer, logits=LOGITS, **kwargs):
    outputs = layer(logits.astype("float32"), **kwargs)
    return np.exp(ops.convert_to_numpy(outputs))


def test_quotients_of_one_leave_the_prediction_as_it_is():
    np.testing.assert_allclose(shares(built()), SHARES, rtol=1e-5)


def test_old_scores_are_multiplied_where_a_new_class_wins():
    found = shares(built(factor=[3.0, 2.0, 1.0]))
    raised = SHARES * [3.0, 2.0, 1.0]
    expected = raised / raised.sum(-1, keepdims=True)
    np.testing.assert_allclose(found[1:], expected[1:], rtol=1e-5)
    assert found.argmax(-1).tolist() == [0, 0, 2]


def test_a_prediction_of_an_old_class_is_not_touched():
    found = shares(built(factor=[0.1, 9.0, 1.0]))
    np.testing.assert_allclose(found[0], SHARES[0], rtol=1e-5)


def test_nothing_is_rectified_in_training():
    layer = built(factor=[3.0, 2.0, 1.0])
    np.testing.assert_allclose(shares(layer, training=True), SHARES, rtol=1e-5)


def test_the_factor_is_that_of_the_paper():
    factor = rectification(
        np.array([0.8, 0.6]), np.array([0.2, 0.3]), np.array([0.9, 0.5]), 0.75
    )
    np.testing.assert_allclose(
        factor, [0.8 / 0.2 * 0.75 / 0.9, 0.6 / 0.3 * 0.75 / 0.5]
    )


def test_a_class_without_an_exemplar_keeps_its_score():
    factor = rectification(np.ones(2), np.array([np.nan, 0.5]), np.ones(2), 1.0)
    np.testing.assert_array_equal(factor, [1.0, 2.0])


def test_scores_of_zero_stay_finite():
    factor = rectification(np.ones(1), np.zeros(1), np.zeros(1), 1.0)
    assert np.isfinite(factor).all()


def test_mean_scores_are_those_of_the_own_class():
    found = mean_scores(SHARES, np.array([0, 0, 2]), 3)
    np.testing.assert_allclose(found, [0.4, np.nan, 0.8])


def test_adapt_takes_the_means_of_two_phases():
    layer = built((2,))
    first = np.array([[0.9, 0.1], [0.3, 0.7]])
    layer.adapt(np.log(first), np.array([0, 1]))
    np.testing.assert_allclose(layer.columns("learned"), [0.9, 0.7], 1e-6)
    np.testing.assert_allclose(layer.columns("confidence"), 0.8, 1e-6)
    layer.expand(1)
    np.testing.assert_array_equal(layer.columns("factor"), 1.0)
    new = np.array([[0.2, 0.2, 0.6], [0.5, 0.1, 0.4]])
    layer.adapt(LOGITS, [2, 2, 2], np.log(new), np.array([0, 1]))
    confidence = np.mean([0.5, 0.5, 0.8])
    np.testing.assert_allclose(
        layer.columns("factor"),
        [0.9 / 0.2 * confidence / 0.8, 0.7 / 0.1 * confidence / 0.8, 1.0],
        rtol=1e-5,
    )
    np.testing.assert_allclose(layer.columns("learned")[:2], [0.9, 0.7], 1e-6)


def test_a_snapshot_brings_groups_and_statistics_back():
    layer = built(factor=[3.0, 2.0, 1.0])
    before, snapshot = shares(layer), layer.snapshot()
    layer.expand(2)
    layer.restore(snapshot)
    assert layer.group_sizes == (2, 1)
    np.testing.assert_array_equal(shares(layer), before)


def small_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            ExpandableDense([2, 1], name="head"),
            DualMemoryRectification([2, 1], name="rectified"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model


X = np.eye(3, dtype="float32")[[0, 1, 2, 2]]


def test_a_compiled_model_trains_grows_and_is_saved(tmp_path):
    model = small_model()
    model.fit(X, np.array([0, 1, 2, 2]), verbose=0)
    layer = model.get_layer("rectified")
    layer.assign_columns("factor", np.array([30.0, 2.0, 1.0]))
    assert len(model.trainable_variables) == 4
    layer.expand(1)
    ki.expand(model, 1)
    model.fit(X, np.array([0, 1, 3, 3]), verbose=0)
    layer.assign_columns("factor", np.array([9.0, 1e6, 5.0, 1.0]))
    expected = model.predict(X, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        loaded.predict(X, verbose=0), expected, atol=1e-6
    )


def test_new_statistics_reach_a_compiled_predict():
    model = small_model()
    head, layer = model.get_layer("head"), model.get_layer("rectified")
    head.assign_columns("bias", np.array([0.0, 0, 5]))
    assert (model.predict(X, verbose=0).argmax(-1) == 2).all()
    layer.assign_columns("factor", np.array([1e9, 1, 1]))
    assert (model.predict(X, verbose=0).argmax(-1) == 0).all()


def test_a_layer_that_did_not_grow_is_told():
    with pytest.raises(ValueError, match="expand` as the head did"):
        built()(np.zeros((1, 4), "float32"))


def test_exemplars_are_needed_beside_old_classes():
    with pytest.raises(ValueError, match="needs exemplars of old classes"):
        built().adapt(LOGITS, np.array([2, 2, 2]))


def test_pictures_of_the_newest_group_are_needed():
    with pytest.raises(ValueError, match="no labels of 2 or more"):
        built().adapt(LOGITS, np.array([0, 1, 1]), LOGITS, np.array([0, 1, 1]))
