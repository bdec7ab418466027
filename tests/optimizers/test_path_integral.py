import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.optimizers import LearningRateMultiplier
from keras_incremental.optimizers import PathIntegral
from keras_incremental.optimizers import RiemannianPathIntegral
from keras_incremental.optimizers import path_integrals
from keras_incremental.regularizers import QuadraticPenalty

X = np.random.RandomState(0).normal(size=(16, 4)).astype("float32")
Y = np.arange(16) % 3


def compiled(optimizer, **kwargs):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(5, activation="tanh", name="body")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, name="head")(hidden))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, **kwargs)
    return model


def fit(model, epochs=1):
    model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)
    return model.get_weights()


def slots(model, name="work"):
    found = {}
    for path in path_integrals(model.optimizer):
        found.update(path.slot_values(name))
    return found


def steps(optimizer, gradients, start=1.0, regularizer=None):
    """Moves one weight of two elements by hand; returns where it is."""
    weight = keras.Variable(np.full(2, start, "float32"), name="weight")
    weight.regularizer = regularizer
    optimizer.build([weight])
    for gradient in gradients:
        gradient = ops.full((2,), gradient)
        if keras.config.backend() == "jax":
            state = [v.value for v in optimizer.variables]
            new, state = optimizer.stateless_apply(
                state, [gradient], [weight.value]
            )
            weight.assign(new[0])
            for v, value in zip(optimizer.variables, state, strict=True):
                v.assign(value)
        else:
            optimizer.apply([gradient], [weight])
    return ops.convert_to_numpy(weight)


def work_of(optimizer, *args, **kwargs):
    steps(optimizer, *args, **kwargs)
    return optimizer.slot_values("work")["weight"]


def test_si_constant_gradient():
    optimizer = PathIntegral(keras.optimizers.SGD(0.1))
    # n e g^2 = 5 * 0.1 * 2^2
    np.testing.assert_allclose(work_of(optimizer, [2.0] * 5), 2.0, rtol=1e-5)


def test_the_change_of_momentum_counts():
    optimizer = PathIntegral(keras.optimizers.SGD(0.1, momentum=0.5))
    # Steps of 0.1 and 0.15 along gradients of 1 and 1.
    np.testing.assert_allclose(work_of(optimizer, [1.0, 1.0]), 0.25, rtol=1e-5)


def test_the_change_of_weight_decay_counts():
    optimizer = PathIntegral(keras.optimizers.SGD(0.1, weight_decay=0.5))
    # 1 -> 1 - 0.05 - 0.1 * 2
    np.testing.assert_allclose(work_of(optimizer, [2.0]), 0.5, rtol=1e-5)


def test_the_change_of_clipping_counts():
    optimizer = PathIntegral(keras.optimizers.SGD(0.1, clipvalue=1.0))
    np.testing.assert_allclose(work_of(optimizer, [4.0]), 0.4, rtol=1e-5)


def test_the_gradient_of_a_penalty_does_not_count():
    penalty = QuadraticPenalty([3.0, 0.0], [0.5, 0.5], strength=2.0)
    optimizer = PathIntegral(keras.optimizers.SGD(0.1))
    # The whole gradient is 5; the penalty's is 2 * 3 * 0.5 and 0.
    work = work_of(optimizer, [5.0], regularizer=penalty)
    np.testing.assert_allclose(work, [2 * 0.5, 5 * 0.5], rtol=1e-5)


def test_reset_forgets_the_way():
    optimizer = PathIntegral(keras.optimizers.SGD(0.1))
    work_of(optimizer, [2.0])
    optimizer.reset()
    assert not optimizer.slot_values("work")["weight"].any()


def test_it_unscales_a_scaled_loss_once():
    inner = keras.optimizers.SGD(0.1, loss_scale_factor=8.0)
    optimizer = PathIntegral(inner)
    assert float(optimizer.scale_loss(ops.ones(()))) == 8.0
    np.testing.assert_allclose(work_of(optimizer, [16.0]), 0.4, rtol=1e-5)


MAKERS = {
    "adamw": lambda: keras.optimizers.AdamW(0.05, weight_decay=0.3),
    "clipped": lambda: keras.optimizers.SGD(
        0.1, momentum=0.9, global_clipnorm=0.1
    ),
    "ema": lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
    "multiplied": lambda: LearningRateMultiplier(
        keras.optimizers.SGD(0.1), {"head": 1.0}, others=0.5
    ),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_weights_move_as_without_it(make):
    ours = fit(compiled(PathIntegral(make())))
    for one, plain in zip(ours, fit(compiled(make())), strict=True):
        np.testing.assert_allclose(one, plain, atol=1e-6)


def test_the_work_is_the_loss_that_is_lost():
    model = compiled(PathIntegral(keras.optimizers.SGD(0.01)))
    before = model.evaluate(X, Y, verbose=0)
    model.fit(X, Y, batch_size=16, epochs=20, verbose=0)
    lost = before - model.evaluate(X, Y, verbose=0)
    work = sum(w.sum() for w in slots(model).values())
    assert lost > 0.03
    assert work == pytest.approx(lost, rel=0.05)


def test_rows_of_an_embedding_are_followed():
    optimizer = RiemannianPathIntegral(keras.optimizers.SGD(0.5), alpha=1.0)
    embedding = keras.layers.Embedding(3, 1)
    model = keras.Sequential([keras.Input((2,), dtype="int32"), embedding])
    model.compile(optimizer, lambda y, p: keras.ops.sum(p, (1, 2)) + 0 * y)
    # Two examples, so each of two reads has a gradient of a half.
    model.fit(np.array([[1, 1], [2, 2]]), np.zeros(2), batch_size=2, verbose=0)
    (fisher,) = optimizer.slot_values("fisher").values()
    (work,) = optimizer.slot_values("work").values()
    np.testing.assert_allclose(fisher[:, 0], [0, 1, 1], rtol=1e-5)
    np.testing.assert_allclose(work[:, 0], [0, 0.5, 0.5], rtol=1e-5)


def test_it_nests_either_way_with_factors():
    factors = {"head": 1.0, "body": 0.25}
    outside = compiled(
        PathIntegral(LearningRateMultiplier(MAKERS["adamw"](), factors))
    )
    inside = compiled(
        LearningRateMultiplier(PathIntegral(MAKERS["adamw"]()), factors)
    )
    for a, b in zip(fit(outside), fit(inside), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    works = slots(outside), slots(inside)
    assert works[0].keys() == works[1].keys() and len(works[0]) == 4
    for path, value in works[0].items():
        np.testing.assert_allclose(works[1][path], value, atol=1e-6)


def test_exclusions_from_decay_survive_both_wrappers():
    inner = PathIntegral(MAKERS["adamw"]())
    inner.exclude_from_weight_decay(var_names=["weight"])
    optimizer = LearningRateMultiplier(inner, {"weight": 1.0})
    assert (steps(optimizer, [0.0]) == 1.0).all()


def test_it_works_under_loss_scaling_and_xla():
    plain = compiled(PathIntegral(keras.optimizers.SGD(0.1)))
    scaled = compiled(
        keras.optimizers.LossScaleOptimizer(
            PathIntegral(keras.optimizers.SGD(0.1))
        ),
        jit_compile=keras.config.backend() != "torch",
    )
    for a, b in zip(fit(plain), fit(scaled), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    for path, value in slots(plain).items():
        np.testing.assert_allclose(slots(scaled)[path], value, atol=1e-5)


def test_an_assigned_learning_rate_reaches_the_inner_optimizer():
    model = compiled(PathIntegral(keras.optimizers.SGD(0.1)))
    model.optimizer.learning_rate = 0.0
    before = model.get_weights()
    assert all((a == b).all() for a, b in zip(before, fit(model), strict=True))


def test_a_saved_model_continues_as_the_first_one(tmp_path):
    model = compiled(PathIntegral(keras.optimizers.Adam(0.05)))
    fit(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(fit(model), fit(loaded), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    for path, value in slots(model).items():
        np.testing.assert_allclose(slots(loaded)[path], value, atol=1e-6)


def test_the_configuration_keeps_all_arguments():
    optimizer = RiemannianPathIntegral(
        keras.optimizers.Adam(0.1, beta_1=0.7, loss_scale_factor=4.0),
        alpha=0.5,
        interval=3,
        damping=0.1,
    )
    optimizer.learning_rate = 0.025
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert (copy.alpha, copy.interval, copy.damping) == (0.5, 3, 0.1)
    assert float(copy.learning_rate) == pytest.approx(0.025)
    assert copy.inner_optimizer.beta_1 == 0.7
    assert copy.loss_scale_factor == 4.0


def test_a_running_fisher_and_a_score_every_interval():
    optimizer = RiemannianPathIntegral(
        keras.optimizers.SGD(0.1), alpha=0.5, interval=2, damping=0.01
    )
    steps(optimizer, [2.0, 2.0, 2.0])
    found = {
        name: optimizer.slot_values(name)["weight"]
        for name in optimizer.slot_names
    }
    np.testing.assert_allclose(found["fisher"], 4 * (1 - 0.5**3), rtol=1e-5)
    # After two steps: work 0.8, moved -0.4, running Fisher 3.
    expected = 0.8 / (0.5 * 3 * 0.4**2 + 0.01)
    np.testing.assert_allclose(found["score"], expected, rtol=1e-5)
    np.testing.assert_allclose(found["work"], 0.4, rtol=1e-5)
    np.testing.assert_allclose(found["moved"], -0.2, rtol=1e-5)


def test_without_fisher_the_score_is_the_work_over_the_damping():
    optimizer = RiemannianPathIntegral(
        keras.optimizers.SGD(0.1), alpha=1e-12, interval=1, damping=0.5
    )
    steps(optimizer, [2.0, 2.0])
    score = optimizer.slot_values("score")["weight"]
    np.testing.assert_allclose(score, 2 * 0.4 / 0.5, rtol=1e-5)


def test_a_weight_that_raises_the_loss_scores_nothing():
    optimizer = RiemannianPathIntegral(
        keras.optimizers.SGD(0.1, momentum=0.9), interval=1
    )
    steps(optimizer, [2.0, -0.5])
    scored = optimizer.slot_values("score")["weight"]
    first = 0.4 / (0.5 * 0.9 * 4 * 0.04 + 1e-3)
    np.testing.assert_allclose(scored, first, rtol=1e-4)


def test_an_optimizer_in_use_is_refused():
    inner = keras.optimizers.SGD(0.1)
    inner.build([keras.Variable([1.0], name="weight")])
    with pytest.raises(ValueError, match="must be new"):
        PathIntegral(inner)


def test_accumulated_gradients_are_refused():
    inner = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    with pytest.raises(ValueError, match="Use a larger batch"):
        PathIntegral(inner)


@pytest.mark.parametrize(
    "arguments",
    [{"alpha": 0.0}, {"interval": 0}, {"interval": 1.5}, {"damping": 0.0}],
)
def test_impossible_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"`{name}` of Riemannian"):
        RiemannianPathIntegral("sgd", **arguments)
