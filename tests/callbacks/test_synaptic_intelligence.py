import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.callbacks import SynapticIntelligence
from keras_incremental.callbacks import WeightAlignment
from keras_incremental.callbacks.synaptic_intelligence import intelligence
from keras_incremental.layers import ExpandableDense
from keras_incremental.layers import expand
from keras_incremental.optimizers import LearningRateMultiplier

X = np.array([[1.0, 0], [0, 1], [1, 1], [-1, 1]], "float32")
Y = np.array([0, 1, 0, 1])


def model_with(callback, optimizer=None, head=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(3), head or ExpandableDense(2)]
    )
    return compiled(model, callback, optimizer)


def compiled(model, callback, optimizer=None):
    optimizer = optimizer or keras.optimizers.SGD(0.1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(callback.wrap_optimizer(optimizer), loss)
    return model


def fit(model, *callbacks, epochs=3):
    return model.fit(
        X, Y, epochs=epochs, verbose=0, shuffle=False, callbacks=callbacks
    ).history["loss"]


def importance(model):
    return {v.path: v.regularizer.importance for v in model.trainable_variables}


def test_si_constant_gradient():
    steps, rate, g, damping = 5, 0.1, 2.0, 0.05
    work, moved = steps * rate * g**2, -steps * rate * g
    expected = work / ((steps * rate * g) ** 2 + damping)
    assert intelligence(work, moved, damping) == pytest.approx(expected)


def test_a_constant_gradient_in_fit_has_the_closed_form():
    callback = SynapticIntelligence(damping=0.05)
    dense = keras.layers.Dense(1, use_bias=False)
    model = keras.Sequential([keras.Input((1,)), dense])
    # The output itself is the loss: its gradient is the mean of the inputs.
    model.compile(
        callback.wrap_optimizer(keras.optimizers.SGD(0.1)),
        lambda y, p: ops.mean(p, -1) + 0 * ops.mean(y),
    )
    ones = np.full((4, 1), 2.0, "float32")
    model.fit(ones, ones, epochs=5, verbose=0, callbacks=[callback])
    found = dense.trainable_variables[0].regularizer.importance
    np.testing.assert_allclose(found, 2.0 / (1.0 + 0.05), rtol=1e-4)


def test_an_immense_damping_leaves_every_weight_free():
    callback = SynapticIntelligence(damping=1e12)
    model = model_with(callback)
    fit(model, callback)
    assert max(v.max() for v in importance(model).values()) < 1e-10


def test_importance_is_added_up_and_never_negative():
    work = np.array([1.0, -1.0, -3.0])
    found = intelligence(work, np.zeros(3), 1.0, np.array([1.0, 2.0, 2.0]))
    np.testing.assert_array_equal(found, [2.0, 1.0, 0.0])


def test_penalties_zero_at_anchor():
    callback = SynapticIntelligence(strength=3.0)
    model = model_with(callback)
    fit(model, callback)
    for v in model.trainable_variables:
        penalty = v.regularizer
        assert penalty.strength == 6.0 and penalty.importance.max() > 0
        assert ops.convert_to_numpy(penalty(v)) == 0.0
        assert not np.any(ops.convert_to_numpy(penalty.gradient(v)))


def test_the_second_phase_adds_to_the_first():
    callback = SynapticIntelligence(strength=0.01)
    model = model_with(callback)
    fit(model, callback)
    first = importance(model)
    start = [ops.convert_to_numpy(v).copy() for v in model.trainable_variables]
    fit(model, callback)
    work = model.optimizer.slot_values("work")
    for v, old in zip(model.trainable_variables, start, strict=True):
        moved = ops.convert_to_numpy(v) - old
        expected = first[v.path] + work[v.path] / (moved**2 + 1e-3)
        np.testing.assert_allclose(
            v.regularizer.importance,
            np.maximum(expected, 0),
            rtol=1e-3,
            atol=1e-5,
        )


def test_strength_zero_trains_as_without_callback():
    weights = []
    for used in (True, False):
        callback = SynapticIntelligence(strength=0.0)
        model = model_with(callback)
        for _ in range(2):
            fit(model, *([callback] if used else []))
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_new_columns_are_free_and_old_ones_pay():
    callback = SynapticIntelligence(strength=0.1)
    model = model_with(callback)
    fit(model, callback)
    first = importance(model)
    expand(model, 1)
    assert [v.regularizer is None for v in model.trainable_variables] == [
        False,
        False,
        False,
        False,
        True,
        True,
    ]
    fit(model, callback)
    assert (
        len(importance(model)) == 6 and first.keys() < importance(model).keys()
    )


def test_factors_may_be_outside_and_leave_out_what_they_freeze():
    callback = SynapticIntelligence()
    model = model_with(callback)
    head = model.layers[-1]
    optimizer = callback.wrap_optimizer(keras.optimizers.SGD(0.1))
    optimizer = LearningRateMultiplier(optimizer, {head.name: 1.0}, others=0.0)
    model.compile(
        optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    fit(model, callback)
    protected = [v.regularizer is not None for v in model.trainable_variables]
    assert protected == [False, False, True, True]


def test_a_restored_epoch_is_told():
    callback = SynapticIntelligence(strength=0.0)
    model = model_with(callback)
    # The first epoch, which has the highest loss, counts as the best.
    stop = keras.callbacks.EarlyStopping(
        "loss", mode="max", patience=1, restore_best_weights=True
    )
    with pytest.warns(UserWarning, match="Train without `restore_best"):
        fit(model, stop, callback, epochs=6)


def test_a_correction_of_the_head_is_no_restored_epoch():
    callback = SynapticIntelligence()
    model = model_with(callback, head=ExpandableDense([1, 1]))
    fit(model, WeightAlignment(), callback)
    assert len(importance(model)) == 6


def test_a_model_that_is_not_wrapped_is_refused():
    callback = SynapticIntelligence()
    model = model_with(callback)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    before = model.get_weights()
    with pytest.raises(ValueError, match="callback.wrap_optimizer"):
        fit(model, callback)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_averages_of_weights_are_refused():
    callback = SynapticIntelligence()
    model = model_with(callback, keras.optimizers.SGD(0.1, use_ema=True))
    with pytest.raises(ValueError, match="use_ema=True"):
        fit(model, callback)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strength": -1.0}, "`strength` of Syn"),
        ({"damping": 0.0}, "`damping`"),
    ],
)
def test_refusals_come_at_construction(arguments, message):
    with pytest.raises(ValueError, match=message):
        SynapticIntelligence(**arguments)
