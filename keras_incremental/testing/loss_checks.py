"""Checks that every loss must pass.

`make_case()` creates a loss with matching labels, and predictions of shape
`(batch_size, num_classes)`. Run all checks on your own loss:

    @pytest.mark.parametrize("check", loss_checks.LOSS_CHECKS)
    def test_my_loss_obeys(check):
        check(lambda: (MyLoss(), y_true, y_pred))
"""

import pathlib
import tempfile

import keras
import numpy as np
from keras import ops

from keras_incremental.testing.gradients import gradient
from keras_incremental.utils.types import Function

EXTREMES = (0.0, 1.0, -50.0, 1e4)


def check_config_round_trip(make_case: Function) -> None:
    """The config creates a loss with the same value."""
    loss, y_true, y_pred = make_case()
    saved = keras.saving.serialize_keras_object(loss)
    loaded = keras.saving.deserialize_keras_object(saved)
    assert type(loaded) is type(loss), type(loaded)
    assert loaded.get_config() == loss.get_config()
    _close(loaded(y_true, y_pred), loss(y_true, y_pred))


def check_value_is_a_finite_scalar(make_case: Function) -> None:
    """Small, large and equal predictions give one finite number."""
    loss, y_true, y_pred = make_case()
    for scale in EXTREMES:
        value = _array(loss(y_true, y_pred * scale))
        assert value.shape == (), value.shape
        assert np.isfinite(value), (scale, value)


def check_gradient_is_finite(make_case: Function) -> None:
    """Small, large and equal predictions give finite gradients."""
    loss, y_true, y_pred = make_case()
    for scale in EXTREMES:
        slope = gradient(lambda z: loss(y_true, z), y_pred * scale)
        assert np.isfinite(slope).all(), (scale, slope)


def check_gradient_descends(make_case: Function) -> None:
    """A small step against the gradient makes the loss smaller."""
    loss, y_true, y_pred = make_case()
    slope = gradient(lambda z: loss(y_true, z), y_pred)
    assert slope.any()
    stepped = loss(y_true, y_pred - 0.01 * slope / np.abs(slope).max())
    assert _array(stepped) < _array(loss(y_true, y_pred))


def check_float16_predictions(make_case: Function) -> None:
    """The loss of half-precision predictions is computed in float32."""
    loss, y_true, y_pred = make_case()
    half = y_pred.astype("float16")
    value = _array(loss(y_true, half))
    assert value.dtype == "float32", value.dtype
    _close(value, loss(y_true, half.astype("float32")))


def check_sample_weights(make_case: Function) -> None:
    """Sample weights scale the loss; samples with weight 0 have no effect."""
    loss, y_true, y_pred = make_case()
    ones = np.ones(len(y_pred), "float32")
    plain = _array(loss(y_true, y_pred))
    _close(loss(y_true, y_pred, ones), plain)
    _close(loss(y_true, y_pred, 3 * ones), 3 * plain)
    _close(loss(y_true, y_pred, 0 * ones), 0.0)
    weights = ones.copy()
    weights[0] = 0
    changed = y_pred.copy()
    changed[0] += np.arange(changed.shape[-1])
    _close(loss(y_true, changed, weights), loss(y_true, y_pred, weights))


def check_trains(make_case: Function) -> None:
    """A model compiled with the loss learns in `fit`."""
    _check_fit(make_case, jit_compile=False)


def check_trains_in_xla(make_case: Function) -> None:
    """A model compiled with XLA learns with the loss."""
    if keras.config.backend() != "torch":
        _check_fit(make_case, jit_compile=True)


def check_trains_in_mixed_precision(make_case: Function) -> None:
    """A model in mixed precision learns with the loss."""
    _check_fit(make_case, dtype="mixed_float16")


def check_saved_with_the_model(make_case: Function) -> None:
    """A loaded model has the same loss as the saved one."""
    loss, y_true, y_pred = make_case()
    model = _compiled(loss, y_pred)
    x = _inputs(y_pred)
    expected = model.evaluate(x, y_true, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
    _close(loaded.evaluate(x, y_true, verbose=0), expected)


def _check_fit(make_case, dtype=None, jit_compile="auto"):
    loss, y_true, y_pred = make_case()
    model = _compiled(loss, y_pred, dtype, jit_compile)
    history = model.fit(_inputs(y_pred), y_true, epochs=5, verbose=0).history
    losses = history["loss"]
    assert np.isfinite(losses).all(), losses
    assert losses[-1] < losses[0], losses
    assert all(np.isfinite(w).all() for w in model.get_weights())


def _compiled(loss, y_pred, dtype=None, jit_compile="auto"):
    keras.utils.set_random_seed(0)
    head = keras.layers.Dense(y_pred.shape[-1], dtype=dtype)
    model = keras.Sequential([keras.Input((4,)), head])
    optimizer = keras.optimizers.SGD(0.1)
    model.compile(optimizer, loss, jit_compile=jit_compile)
    return model


def _inputs(y_pred):
    random = np.random.RandomState(0)
    return random.normal(size=(len(y_pred), 4)).astype("float32")


def _array(tensor):
    return ops.convert_to_numpy(tensor)


def _close(result, expected):
    expected = _array(expected)
    np.testing.assert_allclose(_array(result), expected, rtol=1e-4, atol=1e-6)


LOSS_CHECKS = [
    check_config_round_trip,
    check_value_is_a_finite_scalar,
    check_gradient_is_finite,
    check_gradient_descends,
    check_float16_predictions,
    check_sample_weights,
    check_trains,
    check_trains_in_xla,
    check_trains_in_mixed_precision,
    check_saved_with_the_model,
]
