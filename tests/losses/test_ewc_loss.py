import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_incremental.layers.expandable_dense import ExpandableDense
from keras_incremental.losses.ewc_loss import EWCLoss
from keras_incremental.regularizers.consolidation import consolidate
from keras_incremental.utils import state

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = np.arange(8) % 2


def _model(head=None):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((3,)), head or layers.Dense(2)])


def _importance(model):
    return {
        v.path: np.arange(1.0, 1 + np.size(ops.convert_to_numpy(v))).reshape(
            v.shape
        )
        for v in model.trainable_variables
    }


def _inner():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _move(model, by=0.1):
    for v in model.trainable_variables:
        v.assign_add(by * ops.ones(v.shape))


def _value(loss, model, **kwargs):
    return float(ops.convert_to_numpy(loss(Y, model(X), **kwargs)))


def test_loss_is_the_inner_one_at_the_reference():
    model = _model()
    loss = EWCLoss(_inner(), model, _importance(model))
    assert _value(loss, model) == _value(_inner(), model)


def test_loss_adds_the_formula():
    model = _model()
    loss = EWCLoss(_inner(), model, _importance(model), strength=10.0)
    _move(model)
    # 10 / 2 * 0.1**2 * (1 + ... + 6 + 1 + 2)
    gap = _value(loss, model) - _value(_inner(), model)
    np.testing.assert_allclose(gap, 5 * 0.01 * 24, rtol=1e-5)


def test_sample_weights_scale_only_the_inner_loss():
    model = _model()
    loss = EWCLoss(_inner(), model, _importance(model), strength=10.0)
    _move(model)
    found = _value(loss, model, sample_weight=np.zeros(8))
    np.testing.assert_allclose(found, 5 * 0.01 * 24, rtol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_training_equals_that_with_penalties_on_variables(jit_compile):
    if jit_compile and keras.config.backend() == "torch":
        pytest.skip("torch.compile warns of its own deprecated parts.")
    results = []
    for as_loss in (True, False):
        model = _model()
        importance, loss = _importance(model), _inner()
        if as_loss:
            loss = EWCLoss(loss, model, importance, strength=0.5)
        else:
            consolidate(model, importance, 0.5)
        model.compile(keras.optimizers.SGD(0.1), loss, jit_compile=jit_compile)
        history = model.fit(X, Y, epochs=3, verbose=0, shuffle=False)
        results.append((history.history["loss"], model.get_weights()))
    (losses, weights), (other_losses, other_weights) = results
    assert losses[0] != losses[1]
    np.testing.assert_allclose(losses, other_losses, rtol=1e-6)
    for a, b in zip(weights, other_weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_frozen_variables_do_not_count():
    model = _model()
    loss = EWCLoss(_inner(), model, _importance(model), strength=10.0)
    _move(model)
    model.trainable = False
    assert _value(loss, model) == _value(_inner(), model)


def test_columns_that_arrive_later_are_free():
    head = ExpandableDense(2)
    model = _model(head)
    loss = EWCLoss(_inner(), model, _importance(model))
    head.expand(1)
    found = float(ops.convert_to_numpy(loss._penalty()))
    assert found == 0.0


def test_a_variable_that_is_gone_is_named():
    head = ExpandableDense([1, 1, 1], max_groups=3)
    model = _model(head)
    loss = EWCLoss(_inner(), model, _importance(model))
    head.expand(1)
    with pytest.raises(ValueError, match="kernel_1.*loss.attach"):
        _value(loss, model)
    loss.attach(model, _importance(model))
    assert _value(loss, model) == _value(_inner(), model)


def test_importance_of_another_model_is_refused():
    with pytest.raises(ValueError, match="variables that model"):
        EWCLoss(_inner(), _model(), {"other/kernel": np.ones((3, 2))})


def test_half_an_attachment_is_refused():
    with pytest.raises(ValueError, match="`model` and `importance`"):
        EWCLoss(_inner(), _model())


@pytest.mark.parametrize("strength", [-1.0, np.inf])
def test_a_strength_out_of_range_is_refused(strength):
    with pytest.raises(ValueError, match="`strength` of EWCLoss"):
        EWCLoss(_inner(), strength=strength)


def test_an_inner_loss_is_required():
    with pytest.raises(ValueError, match="loss=None"):
        EWCLoss(None)


def test_config_round_trip_needs_a_new_attachment():
    model = _model()
    loss = EWCLoss(_inner(), model, _importance(model), strength=3.0)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    with pytest.raises(ValueError, match="loss.attach"):
        _value(again, model)
    again.attach(model, _importance(model))
    _move(model)
    assert _value(again, model) > _value(_inner(), model) + 0.1


@pytest.mark.parametrize("name", ["mse", "MeanSquaredError"])
def test_a_name_stands_for_its_loss(name):
    model = _model(layers.Dense(1))
    loss = EWCLoss(name, model, _importance(model))
    wanted = keras.losses.MeanSquaredError()
    assert _value(loss, model) == _value(wanted, model)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    again.attach(model, _importance(model))
    assert _value(again, model) == _value(wanted, model)


def test_a_saved_model_does_not_hold_a_second_one(tmp_path):
    sizes = []
    for wrapped in (False, True):
        model = _model()
        loss = _inner()
        if wrapped:
            loss = EWCLoss(loss, model, _importance(model))
        model.compile("sgd", loss)
        model.fit(X, Y, verbose=0)
        path = tmp_path / f"{wrapped}.weights.h5"
        model.save_weights(path)
        sizes.append(path.stat().st_size)
        model.save(tmp_path / "model.keras")
    assert sizes[0] == sizes[1]
    loaded = keras.models.load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="loss.attach"):
        loaded.fit(X, Y, verbose=0)
    loaded.loss.attach(loaded, _importance(loaded))
    state.forget_compiled(loaded)
    assert np.isfinite(loaded.fit(X, Y, verbose=0).history["loss"][0])
