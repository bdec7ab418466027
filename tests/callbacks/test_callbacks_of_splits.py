import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental import callbacks
from keras_incremental.layers import ExpandableDense
from keras_incremental.layers import splits
from keras_incremental.regularizers.fisher import fisher_importance
from keras_incremental.testing.gradients import gradient

X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
Y = np.array([0, 1, 2, 0, 1, 2])


def model_with(parents):
    head = ExpandableDense(2)
    model = keras.Sequential([keras.Input((4,)), head])
    head.expand(len(parents), seed=0, parents=parents)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss)
    return model, head


@pytest.mark.parametrize(
    "callback", [callbacks.BiasCorrection, callbacks.MarginCalibration]
)
def test_a_correction_of_logits_is_refused_where_a_new_class_is_a_share(
    callback,
):
    model, _ = model_with([1])
    callback = callback(data=(X, Y))
    with pytest.raises(ValueError, match=f"{type(callback).__name__} out"):
        model.fit(X, Y, verbose=0, callbacks=[callback])


@pytest.mark.parametrize(
    "callback", [callbacks.BiasCorrection, callbacks.MarginCalibration]
)
def test_an_ordinary_class_is_corrected_after_a_split(callback):
    model, head = model_with([1])
    head.expand(1, seed=0)
    model.compile(keras.optimizers.SGD(0.0), model.loss)
    before = head.columns("bias")
    callback = callback(data=(X, Y + 1))
    model.fit(X, Y + 1, verbose=0, callbacks=[callback])
    after = head.columns("bias")
    np.testing.assert_array_equal(after[:3], before[:3])
    assert after[3] != before[3]


def test_alignment_measures_and_moves_logits_only():
    model, head = model_with([1, None])
    head.assign_columns("kernel", np.diag([3.0, 5.0, 100.0, 1.0]))
    fit = {"verbose": 0, "callbacks": [callbacks.WeightAlignment()]}
    model.fit(X, Y, **fit)
    expected = np.diag([3.0, 5.0, 100.0, 4.0])
    np.testing.assert_allclose(head.columns("kernel"), expected, rtol=1e-6)


def test_alignment_leaves_a_phase_of_shares_alone():
    model, head = model_with([1])
    before = head.columns("kernel")
    model.fit(X, Y, verbose=0, callbacks=[callbacks.WeightAlignment()])
    np.testing.assert_array_equal(head.columns("kernel"), before)


def test_the_fisher_of_shares_is_that_of_single_gradients():
    model, head = model_with([1])
    kernel, bias = head.columns("kernel"), head.columns("bias")
    found = fisher_importance(model, (X, Y), "empirical", from_logits=True)
    found = [v for path, v in found.items() if "kernel" in path]

    def loss(kernel, x, y):
        raw = ops.add(ops.matmul(x[None], kernel), bias)
        logits = splits.leaf_logits(raw, head.parents, [2, 1])
        return -ops.log_softmax(logits)[0, int(y)]

    slopes = [
        gradient(lambda w, x=x, y=y: loss(w, x, y), kernel)
        for x, y in zip(X, Y, strict=True)
    ]
    expected = np.mean(np.square(slopes), 0)
    np.testing.assert_allclose(np.concatenate(found, 1), expected, rtol=1e-4)
