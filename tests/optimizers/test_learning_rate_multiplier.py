import keras
import numpy as np
import pytest

from keras_incremental.optimizers import LearningRateMultiplier
from keras_incremental.optimizers import paths_of

X = np.random.RandomState(0).normal(size=(16, 4)).astype("float32")
Y = np.arange(16) % 3
FACTORS = {"head/": 1.0}


def small_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(5, activation="tanh", name="body")(inputs)
    return keras.Model(inputs, keras.layers.Dense(3, name="head")(hidden))


def compiled(optimizer, **kwargs):
    model = small_model()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, **kwargs)
    return model


def fit(model, epochs=1, callbacks=()):
    model.fit(
        X,
        Y,
        batch_size=8,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
    )
    return model.get_weights()


def fitted(optimizer, epochs=1, **kwargs):
    return fit(compiled(optimizer, **kwargs), epochs)


def a_variable(name, value=1.0):
    return keras.Variable(np.full(3, value, "float32"), name=name)


def one_step(optimizer, gradient=2.0):
    """How far one step moves a body and a head with equal gradients."""
    body, head = a_variable("body"), a_variable("head")
    optimizer.build([body, head])
    grads = [keras.ops.full((3,), gradient)] * 2
    if keras.config.backend() == "jax":
        values = [v.value for v in optimizer.variables]
        (body, head), _ = optimizer.stateless_apply(
            values, grads, [body.value, head.value]
        )
    else:
        optimizer.apply(grads, [body, head])
    body, head = (keras.ops.convert_to_numpy(v) for v in (body, head))
    return body - 1, head - 1


MAKERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(0.1),
    "adamw": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.3),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.1),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_first_step_has_the_ratio_of_the_factors(make):
    optimizer = LearningRateMultiplier(make(), {"body": 0.25, "head": 2.0})
    body, head = one_step(optimizer)
    np.testing.assert_allclose(8 * body, head, rtol=1e-5)
    plain, _ = one_step(LearningRateMultiplier(make(), {"body|head": 1.0}))
    np.testing.assert_allclose(head, 2 * plain, rtol=1e-5)


def test_scaled_gradients_would_not_slow_adam_down():
    full, _ = one_step(LearningRateMultiplier(MAKERS["adam"](), {".": 1.0}))
    slow, _ = one_step(
        LearningRateMultiplier(MAKERS["adam"](), {".": 1.0}), gradient=0.02
    )
    np.testing.assert_allclose(slow, full, rtol=1e-3)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_factors_of_one_train_as_the_optimizer_does(make):
    wrapped = LearningRateMultiplier(make(), {"head/": 1.0})
    for ours, plain in zip(fitted(wrapped), fitted(make()), strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-6)


def test_update_norms_of_sgd_have_the_ratio_of_the_factors():
    start = small_model().get_weights()
    rates = keras.optimizers.SGD(0.01)
    plain = fitted(keras.optimizers.SGD(0.01))
    wrapped = LearningRateMultiplier(rates, {"head/": 1.0}, others=1e-3)
    slow = fitted(wrapped)
    moved, moved_plain = slow[0] - start[0], plain[0] - start[0]
    ratio = np.linalg.norm(moved) / np.linalg.norm(moved_plain)
    assert ratio == pytest.approx(1e-3, rel=0.02)


def test_a_factor_of_zero_leaves_weights_as_they_are_to_the_bit():
    start = small_model().get_weights()
    inner = keras.optimizers.AdamW(0.1, weight_decay=0.3, use_ema=True)
    end = fitted(LearningRateMultiplier(inner, FACTORS, others=0.0))
    assert (end[0] == start[0]).all() and (end[1] == start[1]).all()
    assert (end[2] != start[2]).any()


def test_a_zero_factor_needs_no_memory():
    wrapped = LearningRateMultiplier("adam", FACTORS, others=0.0)
    model = compiled(wrapped)
    model.optimizer.build(model.trainable_variables)
    shapes = [tuple(v.shape) for v in wrapped.variables]
    assert (4, 5) not in shapes and (5, 3) in shapes


def test_decoupled_decay_uses_the_rate_of_the_group():
    inner = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer = LearningRateMultiplier(inner, {"body": 0.1, "head": 1.0})
    body, head = one_step(optimizer, gradient=0.0)
    np.testing.assert_allclose(body, -0.1 * 0.1 * 0.5, rtol=1e-5)
    np.testing.assert_allclose(head, -0.1 * 0.5, rtol=1e-5)


def test_exclusion_from_decay_reaches_every_group():
    inner = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer = LearningRateMultiplier(inner, {"body": 0.1})
    optimizer.exclude_from_weight_decay(var_names=["body"])
    body, head = one_step(optimizer, gradient=0.0)
    assert not body.any() and head.any()


def test_global_clipping_sees_the_gradients_of_all_groups():
    inner = keras.optimizers.SGD(1.0, global_clipnorm=1.0)
    body, head = one_step(LearningRateMultiplier(inner, {"body": 0.5}))
    share = 1 / np.sqrt(6)
    np.testing.assert_allclose(head, -share, rtol=1e-5)
    np.testing.assert_allclose(body, -share / 2, rtol=1e-5)


def test_a_schedule_moves_every_group():
    def schedule():
        return keras.optimizers.schedules.PiecewiseConstantDecay(
            [0], [0.1, 0.0]
        )

    optimizer = keras.optimizers.SGD(schedule())
    wrapped = LearningRateMultiplier(optimizer, FACTORS, others=0.5)
    model = compiled(wrapped)
    weights = [model.get_weights()]
    for _ in range(2):
        model.train_on_batch(X[:8], Y[:8])
        weights.append(model.get_weights())
    start, moved, still = weights
    assert all((a != b).any() for a, b in zip(start, moved, strict=True))
    assert all((a == b).all() for a, b in zip(moved, still, strict=True))


def test_an_assigned_learning_rate_reaches_every_group():
    model = compiled(LearningRateMultiplier(MAKERS["sgd"](), {"body": 0.5}))
    fit(model)
    model.optimizer.learning_rate = 0.0
    before = model.get_weights()
    after = fit(model)
    assert all((a == b).all() for a, b in zip(before, after, strict=True))


def test_gradients_are_accumulated_within_each_group():
    def make():
        return keras.optimizers.Adam(0.1, gradient_accumulation_steps=2)

    wrapped = LearningRateMultiplier(make(), FACTORS, others=1.0)
    for ours, plain in zip(fitted(wrapped), fitted(make()), strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-6)


def test_averages_are_written_back_at_the_end_of_fit():
    def make():
        return keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)

    wrapped = LearningRateMultiplier(make(), {"body/": 1.0, "head/": 1.0})
    for ours, plain in zip(fitted(wrapped), fitted(make()), strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-6)


def test_averages_are_swapped_and_the_rate_is_set_once_in_an_epoch():
    def make():
        return keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)

    def of(optimizer):
        rates = keras.callbacks.LearningRateScheduler(lambda _, rate: rate / 2)
        swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
        return fit(compiled(optimizer), 3, [rates, swap])

    # Two copies of one rate.
    wrapped = LearningRateMultiplier(
        make(), {"body/": 1.0, "head/": np.nextafter(1.0, 2.0)}
    )
    for ours, plain in zip(of(wrapped), of(make()), strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-6)


def test_it_works_under_loss_scaling_and_xla():
    def make():
        return keras.optimizers.SGD(0.1)

    wrapped = keras.optimizers.LossScaleOptimizer(
        LearningRateMultiplier(make(), FACTORS, others=1.0)
    )
    xla = keras.config.backend() != "torch"
    ours = fitted(wrapped, jit_compile=xla)
    for one, plain in zip(ours, fitted(make()), strict=True):
        np.testing.assert_allclose(one, plain, atol=1e-5)


def test_the_configuration_keeps_the_current_learning_rate():
    optimizer = LearningRateMultiplier(
        keras.optimizers.Adam(0.1, beta_1=0.7), {"a": 0.5, "b": 2.0}, 0.1
    )
    optimizer.learning_rate = 0.025
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert list(copy.multipliers.items()) == [("a", 0.5), ("b", 2.0)]
    assert copy.others == 0.1
    assert float(copy.learning_rate) == pytest.approx(0.025)
    assert copy.base_optimizer.beta_1 == 0.7


def test_a_saved_model_continues_as_the_first_one(tmp_path):
    optimizer = LearningRateMultiplier(
        keras.optimizers.Adam(0.05), FACTORS, others=0.1
    )
    model = compiled(optimizer)
    fit(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(fit(model), fit(loaded), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_the_first_pattern_that_is_found_counts():
    optimizer = LearningRateMultiplier("sgd", {"hea": 2.0, "head": 3.0}, 0.5)
    assert optimizer.multiplier_of(a_variable("head")) == 2.0
    assert optimizer.multiplier_of(a_variable("body")) == 0.5


def test_a_nested_model_is_selected_by_the_paths_of_its_variables():
    inputs = keras.Input((4,))
    inner = keras.Model(inputs, keras.layers.Dense(2)(inputs), name="backbone")
    model = keras.Sequential([inner, keras.layers.Dense(2)])
    model.build((None, 4))
    optimizer = LearningRateMultiplier("sgd", {paths_of(inner): 0.1})
    factors = [optimizer.multiplier_of(v) for v in model.variables]
    assert factors == [0.1, 0.1, 1.0, 1.0]


def test_a_pattern_without_a_variable_is_reported():
    optimizer = LearningRateMultiplier("sgd", {"bckbone": 0.1})
    with pytest.warns(UserWarning, match="bckbone"):
        optimizer.build([a_variable("body")])


def test_variables_that_came_later_are_refused():
    optimizer = LearningRateMultiplier("sgd", {"body": 0.1})
    optimizer.build([a_variable("body")])
    with pytest.raises(ValueError, match="Compile the model again"):
        optimizer.apply([keras.ops.ones(3)], [a_variable("new")])


def test_a_step_without_any_gradient_is_refused():
    body = a_variable("body")
    optimizer = LearningRateMultiplier("sgd", {"body": 0.1})
    optimizer.build([body])
    with pytest.raises(ValueError, match="No gradients"):
        optimizer.apply([None], [body])


def test_an_optimizer_in_use_is_refused():
    inner = keras.optimizers.SGD(0.1)
    inner.build([a_variable("body")])
    with pytest.raises(ValueError, match="must be new"):
        LearningRateMultiplier(inner, {"body": 0.1})


@pytest.mark.parametrize("factor", [-1.0, float("nan"), float("inf")])
def test_an_impossible_factor_is_refused(factor):
    with pytest.raises(ValueError, match="finite and not negative"):
        LearningRateMultiplier("sgd", {"body": factor})


def test_a_broken_pattern_is_refused():
    with pytest.raises(ValueError, match="regular expressions"):
        LearningRateMultiplier("sgd", {"(": 0.1})


def test_global_clipping_of_accumulated_gradients_is_refused():
    inner = keras.optimizers.SGD(
        0.1, global_clipnorm=1.0, gradient_accumulation_steps=2
    )
    with pytest.raises(ValueError, match="Use `clipnorm`"):
        LearningRateMultiplier(inner, {"body": 0.1})
