"""Checks that every callback must pass.

`make_callback()` creates a callback. `begin_phase(callback, x, y)` prepares it
for `fit`, and returns the arguments of `fit`. The model ends in an
`ExpandableDense`, and a phase is one `fit`. Run all checks on your own
callback:

    @pytest.mark.parametrize("check", callback_checks.CALLBACK_CHECKS)
    def test_my_callback_obeys(check):
        check(MyCallback)
"""

import functools
import json
import pathlib
import tempfile

import keras
import numpy as np

from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.layers import ExpandableDense
from keras_incremental.utils.types import Function

FIRST = [2, 1]


def plain_phase(
    callback: keras.callbacks.Callback, x: np.ndarray, y: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns the arguments of `fit` for a phase without preparation."""
    return {"x": x, "y": y}


def check_config_round_trip(
    make_callback: Function, begin_phase: Function = plain_phase
) -> None:
    """The config is plain JSON, and creates an equal callback."""
    callback = make_callback()
    config = callback.get_config()
    json.dumps(config)
    assert type(callback).from_config(dict(config)).get_config() == config
    _phase(_model(run_eagerly=True), callback, begin_phase, FIRST)
    json.dumps(callback.get_config())


def check_phase_hooks_are_balanced(
    make_callback: Function, begin_phase: Function = plain_phase
) -> None:
    """The end of a phase reverts the changes of its begin."""
    model, callback = _model(run_eagerly=True), make_callback()
    _phase(model, _Nothing(), plain_phase, FIRST)
    before = _standing(model)
    _phase(model, callback, begin_phase, FIRST)
    _equal(_standing(model), before)
    _phase(model, callback, begin_phase, FIRST, _StopAtOnce())
    _equal(_standing(model), before)


def check_reusable_across_phases(
    make_callback: Function, begin_phase: Function = plain_phase
) -> None:
    """The same callback works in all phases of a growing model."""
    model, callback = _model(), make_callback()
    first = _phase(model, callback, begin_phase, FIRST)
    model.layers[-1].expand(1, seed=0)
    _compile(model)
    second = _phase(model, callback, begin_phase, [*FIRST, 1])
    assert np.isfinite([first, second]).all(), (first, second)
    assert all(np.isfinite(w).all() for w in model.get_weights())


def check_plain_fit_is_unharmed(
    make_callback: Function, begin_phase: Function = plain_phase
) -> None:
    """The callback has no effect on the training of other models."""
    expected = _plain_weights(
        keras.config.floatx(), keras.config.dtype_policy().name
    )
    used = _model()
    _phase(used, make_callback(), begin_phase, FIRST)
    plain = _model()
    _phase(plain, _Nothing(), plain_phase, FIRST)
    _equal_weights(plain.get_weights(), expected)
    losses = _phase(used, _Nothing(), plain_phase, FIRST)
    assert np.isfinite(losses).all(), losses


def check_callback_is_not_saved(
    make_callback: Function, begin_phase: Function = plain_phase
) -> None:
    """A model can be loaded without its callbacks, and predicts the same."""
    model = _model(run_eagerly=True)
    _phase(model, make_callback(), begin_phase, FIRST)
    x, _ = _data(FIRST)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
    _equal_weights(loaded.get_weights(), model.get_weights())
    np.testing.assert_allclose(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6
    )


class _Nothing(keras.callbacks.Callback):
    pass


class _StopAtOnce(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = True


@functools.cache
def _plain_weights(floatx, policy):
    """Returns the weights after a phase without a callback."""
    model = _model()
    _phase(model, _Nothing(), plain_phase, FIRST)
    return model.get_weights()


def _model(run_eagerly=False):
    """Returns a new model; to trace a few steps takes longer than they do."""
    keras.utils.set_random_seed(0)
    body = keras.layers.Dense(5, activation="tanh")
    model = keras.Sequential([keras.Input((4,)), body, ExpandableDense(FIRST)])
    model.run_eagerly = run_eagerly
    return _compile(model)


def _compile(model, wrap_optimizer=lambda optimizer: optimizer):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = wrap_optimizer(keras.optimizers.SGD(0.05))
    model.compile(
        optimizer, loss, metrics=["accuracy"], run_eagerly=model.run_eagerly
    )
    return model


def _data(units):
    y = np.arange(16) % sum(units)
    x = np.eye(4, dtype="float32")[y % 4] * (1 + y[:, None])
    return x, y


def _phase(model, callback, begin_phase, units, *others):
    if isinstance(callback, PhaseCallback):
        _compile(model, callback.wrap_optimizer)
    data = begin_phase(callback, *_data(units))
    fitted = model.fit(
        **data,
        epochs=2,
        verbose=0,
        shuffle=False,
        callbacks=[callback, *others],
    )
    return fitted.history["loss"]


def _standing(model):
    """Returns the state of a model except the values of its weights."""
    layers = [model, *model.layers]
    return {
        "overridden": [sorted(map(str, vars(x))) for x in layers],
        "trainable": [v.path for v in model.trainable_variables],
        "weights": [(v.path, tuple(v.shape)) for v in model.weights],
        "callbacks": len(getattr(model, "callbacks", ())),
    }


def _equal(result, expected):
    assert result == expected, f"{result} != {expected}"


def _equal_weights(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


CALLBACK_CHECKS = [
    check_config_round_trip,
    check_phase_hooks_are_balanced,
    check_reusable_across_phases,
    check_plain_fit_is_unharmed,
    check_callback_is_not_saved,
]
