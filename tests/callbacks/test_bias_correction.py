import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental import callbacks
from keras_incremental.callbacks import BiasCorrection
from keras_incremental.layers import ExpandableDense
from keras_incremental.utils.affine_logits import fit_affine

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(40, 4)).astype("float32")
Y = np.arange(40) % 5


def model_with(head, rate=0.0):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(6, activation="tanh"), head]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss)
    return model


def fit(model, callback, labels=Y):
    model.fit(X, labels, verbose=0, shuffle=False, callbacks=[callback])


def logits(model):
    return ops.convert_to_numpy(model(X))


def test_the_fitted_map_is_folded_into_the_newest_group():
    head = ExpandableDense([2, 1, 2])
    model = model_with(head)
    head.assign_columns("bias", np.array([0.5, -0.5, 0, 2, 3]))
    before = logits(model)
    alpha, beta = fit_affine(before, Y, slice(3, 5))
    assert alpha < 0.9
    fit(model, BiasCorrection(data=(X, Y)))
    expected = before.copy()
    expected[:, 3:] = alpha * expected[:, 3:] + beta
    np.testing.assert_allclose(logits(model), expected, atol=1e-5)


def test_bic_no_network_gradient():
    weights = []
    for used in (True, False):
        model = model_with(ExpandableDense([3, 2]), rate=0.1)
        callback = BiasCorrection(data=(X, Y))
        fit(model, callback if used else keras.callbacks.Callback())
        weights.append([*model.get_weights()])
    changed = [not np.array_equal(a, b) for a, b in zip(*weights, strict=True)]
    # Body, old columns, new columns.
    assert changed == [False, False, False, False, True, True]


def test_the_order_within_old_and_within_new_classes_stays():
    head = ExpandableDense([3, 2])
    model = model_with(head)
    head.assign_columns("bias", np.array([0.0, 0, 0, 4, 4]))
    before = logits(model)
    fit(model, BiasCorrection(data=(X, Y)))
    after = logits(model)
    for group in (slice(0, 3), slice(3, 5)):
        np.testing.assert_array_equal(
            before[:, group].argmax(-1), after[:, group].argmax(-1)
        )
    assert (before.argmax(-1) != after.argmax(-1)).any()


def test_corrections_of_all_phases_stay():
    head = ExpandableDense([2, 2])
    model = model_with(head)
    fit(model, BiasCorrection(data=(X, Y % 4)), Y % 4)
    kept = logits(model)
    head.expand(1)
    model.compile(keras.optimizers.SGD(0.0), model.loss)
    fit(model, BiasCorrection(data=(X, Y)))
    np.testing.assert_array_equal(logits(model)[:, :4], kept)


def test_a_head_with_one_group_is_left_alone():
    model = model_with(ExpandableDense(5))
    before = model.get_weights()
    fit(model, BiasCorrection(data=(X, Y)))
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_data_of_a_phase_is_not_used_for_the_next():
    model, callback = model_with(ExpandableDense([3, 2])), BiasCorrection()
    callback.data = (X, Y)
    fit(model, callback)
    with pytest.raises(ValueError, match="needs the data of each phase"):
        fit(model, callback)


def test_a_head_without_biases_is_refused_before_it_trains():
    model = model_with(ExpandableDense([3, 2], use_bias=False), rate=0.1)
    before = model.get_weights()
    with pytest.raises(ValueError, match="use_bias=True"):
        fit(model, BiasCorrection(data=(X, Y)))
    np.testing.assert_array_equal(before[0], model.get_weights()[0])


def test_corrections_of_the_bias_are_marked():
    marked = {
        name
        for name, cls in vars(callbacks).items()
        if getattr(cls, "corrects_bias", False)
    }
    assert marked >= {"BiasCorrection", "MarginCalibration", "WeightAlignment"}


@pytest.mark.parametrize(
    "arguments",
    [{"validation_share": 0}, {"validation_share": 1}, {"prior": -1}],
)
def test_impossible_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"`{name}` of BiasCorrection"):
        BiasCorrection(**arguments)
