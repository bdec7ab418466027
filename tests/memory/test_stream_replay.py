import keras
import numpy as np
import pytest

from keras_incremental.memory import StreamReplay


def test_as_many_are_drawn_as_the_batch_has():
    assert StreamReplay().count(7) == 7
    assert StreamReplay(replayed=3).count(7) == 3


def test_without_a_weight_all_rows_count_the_same():
    assert StreamReplay().weights(2, 3) is None


def test_weights_make_one_mean_the_sum_of_two():
    losses = np.array([1.0, 3.0, 5.0, 7.0, 9.0])
    weights = StreamReplay(weight=0.5).weights(2, 3)
    expected = losses[:2].mean() + 0.5 * losses[2:].mean()
    np.testing.assert_allclose((weights * losses).mean(), expected, rtol=1e-6)


def test_a_batch_alone_has_its_own_mean():
    weights = StreamReplay(weight=0.5).weights(2, 0)
    np.testing.assert_array_equal(weights, [1.0, 1.0])


def test_it_is_saved():
    replay = StreamReplay(replayed=3, weight=0.0)
    config = keras.saving.serialize_keras_object(replay)
    assert keras.saving.deserialize_keras_object(config) == replay


@pytest.mark.parametrize("replayed", [0, -1, 1.5, True])
def test_a_wrong_number_is_refused(replayed):
    with pytest.raises(ValueError, match="`replayed` of StreamReplay"):
        StreamReplay(replayed=replayed)


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf, "half"])
def test_a_wrong_weight_is_refused(weight):
    with pytest.raises(ValueError, match="`weight` of StreamReplay"):
        StreamReplay(weight=weight)
