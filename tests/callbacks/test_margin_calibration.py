import keras
import numpy as np
import pytest

from keras_incremental.callbacks import MarginCalibration
from keras_incremental.callbacks.margin_calibration import spare_margin
from keras_incremental.layers import ExpandableDense

LOGITS = np.array([[0.0, 1, 5], [2, 0, 3], [0, 0, 4], [1, 3, 4]])
LABELS = np.array([2, 2, 2, 2])


def test_all_pictures_keep_the_smallest_margin():
    assert spare_margin(LOGITS, LABELS, 2, recall=1.0) == 1.0


def test_a_lower_recall_gives_more_to_old_classes():
    assert spare_margin(LOGITS, LABELS, 2, recall=0.5) == 2.5


def test_a_losing_class_gets_what_it_lacks():
    assert spare_margin(LOGITS - [0, 0, 9], LABELS, 2, recall=1.0) == -8.0


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((2,)), ExpandableDense([1, 1])])
    model.layers[-1].assign_columns("kernel", np.array([[0.0, 1], [0, 0]]))
    model.layers[-1].assign_columns("bias", np.array([0.0, 10]))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss)
    return model


def test_only_biases_of_the_newest_group_move(model):
    x = np.array([[2.0, 0], [3, 0], [1, 0]], "float32")
    y = np.array([1, 1, 0])
    callback = MarginCalibration(recall=1.0, data=(x, y))
    model.fit(x, y, callbacks=[callback], verbose=0)
    head = model.layers[-1]
    np.testing.assert_allclose(head.columns("bias"), [0, -2])
    np.testing.assert_array_equal(head.columns("kernel"), [[0, 1], [0, 0]])


def test_a_head_with_one_group_is_left_alone():
    model = keras.Sequential([keras.Input((2,)), ExpandableDense(2)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    before = model.get_weights()
    x, y = np.ones((2, 2), "float32"), np.array([0, 1])
    callback = MarginCalibration(data=(x, y))
    model.fit(x, np.eye(2), callbacks=[callback], verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_data_must_be_given(model):
    with pytest.raises(ValueError, match="data=None.*callback.data"):
        model.fit(
            np.ones((2, 2)),
            np.ones(2),
            callbacks=[MarginCalibration()],
            verbose=0,
        )


@pytest.mark.parametrize("recall", [0, 1.1, -1])
def test_recall_is_a_share(recall):
    with pytest.raises(ValueError, match="recall=.*"):
        MarginCalibration(recall)
