"""What `compile` was given holds after growth, or growth is refused."""

import keras
import pytest
from toy_growth import SPARSE
from toy_growth import X
from toy_growth import Y
from toy_growth import assert_refused
from toy_growth import compiled
from toy_growth import fit

import keras_incremental as ki
from keras_incremental.layers import ExpandableDense

RUNS = keras.config.backend() != "torch"


@pytest.mark.parametrize(
    "options",
    [
        {"steps_per_execution": 2 if RUNS else 1, "run_eagerly": False},
        {"run_eagerly": True},
        {"jit_compile": RUNS, "run_eagerly": False},
        {"loss_weights": [0.5]},
        {"auto_scale_loss": False},
    ],
    ids=str,
)
def test_an_option_survives_growth(options):
    model = compiled(**options)
    before = model.get_compile_config()
    ki.expand(model, 1)
    assert model.get_compile_config() == before
    for name in ("steps_per_execution", "run_eagerly", "jit_compile"):
        assert getattr(model, name) == before[name]
    fit(model)


def test_the_loss_weight_is_used():
    keras.utils.set_random_seed(0)
    model = compiled(loss_weights=[0.5])
    ki.expand(model, 1)
    half = model.evaluate(X, Y % 3, verbose=0)
    model.compile("sgd", SPARSE)
    whole = model.evaluate(X, Y % 3, verbose=0)
    assert half == pytest.approx(whole / 2)


OPTIMIZERS = {
    "ema": {"use_ema": True, "ema_momentum": 0.5},
    "accumulation": {"gradient_accumulation_steps": 2},
    "clipnorm": {"clipnorm": 0.5},
    "global_clipnorm": {"global_clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.5},
    "decay": {"weight_decay": 0.25},
    "scale": {"loss_scale_factor": 8.0},
    "schedule": {
        "learning_rate": keras.optimizers.schedules.ExponentialDecay(
            0.1, 10, 0.5
        )
    },
}


@pytest.mark.parametrize("options", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_an_option_of_the_optimizer_survives_growth(options):
    optimizer = keras.optimizers.SGD(**{"learning_rate": 0.25, **options})
    model = compiled(optimizer=optimizer)
    fit(model)
    before = optimizer.get_config()
    ki.expand(model, 1)
    assert model.optimizer is not optimizer
    assert model.optimizer.get_config() == before
    fit(model)


def test_loss_scaling_survives_growth():
    inner = keras.optimizers.AdamW(0.25)
    inner.exclude_from_weight_decay(var_names=["bias"])
    optimizer = keras.optimizers.LossScaleOptimizer(inner, initial_scale=4.0)
    model = compiled(optimizer=optimizer)
    fit(model)
    ki.expand(model, 1)
    assert model.optimizer.get_config() == optimizer.get_config()
    kernel, bias = model.layers[-1].weights[-2:]
    assert decayed(model, kernel) and not decayed(model, bias)
    fit(model)


@pytest.mark.parametrize("scaled", [True, False])
def test_the_choice_to_scale_a_loss_survives_growth(scaled):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = compiled(auto_scale_loss=scaled)
        for _ in range(2):
            wrapper = keras.optimizers.LossScaleOptimizer
            assert isinstance(model.optimizer, wrapper) == scaled
            ki.expand(model, 1)
    finally:
        keras.config.set_dtype_policy("float32")


def decayed(model, variable):
    optimizer = model.optimizer
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return ki.utils.state.is_decayed(optimizer, variable)


@pytest.mark.parametrize("by_name", [True, False])
def test_what_is_kept_from_weight_decay_survives_growth(by_name):
    head = ExpandableDense(2, name="head")
    head.build((None, 4))
    optimizer = keras.optimizers.AdamW(0.25)
    kernel, bias = head.weights
    given = {"var_names": ["bias"]} if by_name else {"var_list": [bias]}
    optimizer.exclude_from_weight_decay(**given)
    model = compiled(optimizer=optimizer, head=head)
    fit(model)
    ki.expand(model, 1)
    assert [decayed(model, v) for v in head.weights] == [
        "kernel" in v.name for v in head.weights
    ]


class OwnStep(keras.Model):
    calls = 0

    def train_step(self, *args, **kwargs):
        type(self).calls += 1
        return super().train_step(*args, **kwargs)


def test_a_train_step_of_ones_own_is_called_after_growth():
    model = compiled(model=OwnStep)
    ki.expand(model, 1)
    OwnStep.calls = 0
    fit(model)
    assert OwnStep.calls


class OwnCompile(keras.Model):
    def compile(self, optimizer, factor=1.0, **kwargs):
        super().compile(optimizer, **kwargs)
        self.factor = factor


class WithConfig(OwnCompile):
    def get_compile_config(self):
        return {"factor": self.factor, "optimizer": "sgd"}

    def compile_from_config(self, config):
        self.compile(loss=SPARSE, **config)


def test_a_compile_of_ones_own_is_refused():
    model = compiled(model=OwnCompile, factor=2.0)
    assert_refused(model, "OwnCompile.compile.*compile_from_config.*`expand`")


def test_a_compile_of_ones_own_is_called_again():
    model = compiled(model=WithConfig, factor=2.0)
    ki.expand(model, 1)
    assert model.factor == 2.0
    fit(model)


# The learning rate.


def lowered(model):
    plateau = keras.callbacks.ReduceLROnPlateau(
        "loss", factor=0.1, patience=1, min_delta=100.0
    )
    fit(model, epochs=4, callbacks=[plateau])
    assert float(model.optimizer.learning_rate) < 0.05
    return model


def test_a_lowered_learning_rate_is_told():
    model = lowered(compiled(optimizer=keras.optimizers.SGD(0.25)))
    now = float(model.optimizer.learning_rate)
    with pytest.warns(UserWarning, match=r"from 0.25.*learning_rate = 0.25"):
        ki.expand(model, 1)
    assert float(model.optimizer.learning_rate) == pytest.approx(now)
    ki.expand(model, 1)  # It was told.


def test_a_rate_that_was_set_again_is_not_told():
    model = lowered(compiled(optimizer=keras.optimizers.SGD(0.25)))
    model.optimizer.learning_rate = 0.25
    ki.expand(model, 1)
    assert float(model.optimizer.learning_rate) == 0.25
