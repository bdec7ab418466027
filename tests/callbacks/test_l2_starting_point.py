import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.callbacks import L2StartingPoint

X = np.random.RandomState(0).normal(size=(8, 3)).astype("float32")
Y = np.arange(8) % 2


def small_model(rate=0.1):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, name="body"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2, name="head"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss)
    return model


def fit(model, callback, **kwargs):
    return model.fit(X, Y, verbose=0, callbacks=[callback], **kwargs)


def kernel(model, name):
    return model.get_layer(name).kernel


def test_only_kernels_are_pulled():
    model = small_model()
    fit(model, L2StartingPoint())
    pulled = [v for v in model.variables if v.regularizer is not None]
    assert [v.path.split("/")[-2:] for v in pulled] == [
        ["body", "kernel"],
        ["head", "kernel"],
    ]


def test_penalties_zero_at_anchor():
    model = small_model(rate=0.0)
    fit(model, L2StartingPoint(alpha=0.3, beta=0.0))
    body = kernel(model, "body")
    assert ops.convert_to_numpy(body.regularizer(body)) == 0.0
    moved = ops.convert_to_numpy(body) + 0.5
    np.testing.assert_allclose(
        ops.convert_to_numpy(body.regularizer.gradient(moved)),
        0.3 * 0.5,
        rtol=1e-5,
    )


def quadratic(callback):
    """Fits one weight from 1 to the minimizer of (w - 3)**2 and a penalty."""
    body = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="ones", name="body"
    )
    head = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="ones", name="head"
    )
    model = keras.Sequential([keras.Input((1,)), body, head])
    head.trainable = False
    model.compile(keras.optimizers.SGD(0.2), "mse")
    one = np.ones((1, 1), "float32")
    model.fit(one, 3 * one, epochs=8, verbose=0, callbacks=[callback])
    return float(ops.convert_to_numpy(body.kernel)[0, 0])


def test_the_first_fit_ends_at_the_minimizer():
    # h = 2, b = 3, start = 1: (h b + alpha start) / (h + alpha)
    found = quadratic(L2StartingPoint(alpha=2.0))
    assert found == pytest.approx(2.0, abs=1e-3)


@pytest.mark.parametrize("anchor", ["start", "previous"])
def test_the_anchor_of_the_second_fit(anchor):
    model, callback = small_model(), L2StartingPoint(anchor=anchor)
    start = ops.convert_to_numpy(kernel(model, "body")).copy()
    fit(model, callback)
    between = ops.convert_to_numpy(kernel(model, "body")).copy()
    fit(model, callback)
    np.testing.assert_array_equal(
        kernel(model, "body").regularizer.reference,
        {"start": start, "previous": between}[anchor],
    )
    assert not kernel(model, "head").regularizer.reference.any()


def test_the_loss_of_a_fit_holds_the_penalty_of_its_head():
    losses = []
    for beta in (0.0, 0.5):
        model = small_model(rate=0.0)
        size = np.sum(ops.convert_to_numpy(kernel(model, "head")) ** 2)
        callback = L2StartingPoint(alpha=0.0, beta=beta)
        losses.append(fit(model, callback).history["loss"][0])
    assert losses[1] - losses[0] == pytest.approx(0.25 * size, rel=1e-4)


def test_a_regularizer_of_another_kind_is_kept():
    model = small_model(rate=0.0)
    body = kernel(model, "body")
    body.regularizer = keras.regularizers.L2(0.1)
    fit(model, L2StartingPoint())
    fit(model, L2StartingPoint(anchor="previous"))
    assert isinstance(body.regularizer.also, keras.regularizers.L2)


def test_sgd_that_would_diverge_is_refused_before_anything_is_set():
    model = small_model()
    with pytest.raises(ValueError, match="diverge to NaN"):
        fit(model, L2StartingPoint(alpha=20.0))
    assert kernel(model, "body").regularizer is None


@pytest.mark.parametrize(
    "arguments", [{"alpha": -1}, {"beta": float("nan")}, {"anchor": "end"}]
)
def test_refusals_come_at_construction(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"`{name}` of L2StartingPoint"):
        L2StartingPoint(**arguments)
