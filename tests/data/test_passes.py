"""Data sets that are read again, and give other samples each time."""

import keras
import numpy as np
import pytest
from kinds_of_random_data import KINDS
from kinds_of_random_data import SIZE
from kinds_of_random_data import RandomBatches
from kinds_of_random_data import X
from kinds_of_random_data import Y

from keras_incremental.data import as_source
from keras_incremental.data.passes import Passes


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_random_is_drawn_anew_in_each_pass(kind):
    make, how = KINDS[kind]
    source = as_source(make(), **how)
    first, _ = source.collect()
    passes = Passes(source)
    drawn = [passes.take(len(first)) for _ in range(3)]
    firsts = {float(x.min()) for x, _ in drawn}
    assert len(firsts) == 3
    for x, y in drawn:
        assert x.shape == first.shape
        np.testing.assert_array_equal(x[:, 0].astype(int) // 20 % 2, y)
    again = [x for x, _ in source.second_pass(32)]
    values = set(np.concatenate(again)[:, 0].tolist())
    assert not values <= set(first[:, 0].tolist())


@pytest.mark.parametrize("kind", ["PyDataset", "tf.data"])
def test_a_second_pass_of_shuffled_samples_has_those_of_the_first(kind):
    order = np.random.default_rng(0).permutation(len(X))
    batches = [(X[order][i : i + 4], Y[order][i : i + 4]) for i in (0, 4, 8)]
    data = _fixed(batches, kind)
    first, _ = as_source(data).collect()
    again = [x for x, _ in as_source(data).second_pass(32)]
    values = set(np.concatenate(again)[:, 0].tolist())
    assert values <= set(first[:, 0].tolist())


def _fixed(batches, kind):
    if kind == "tf.data":
        tf = pytest.importorskip("tensorflow")
        slices = tf.data.Dataset.from_tensor_slices((X, Y))
        return slices.shuffle(10, seed=3).batch(SIZE)

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return len(batches)

        def __getitem__(self, index):
            return batches[index]

    return Batches()


def test_a_pass_ends_where_all_was_taken():
    data = RandomBatches()
    passes = Passes(as_source(data))
    passes.take(6)
    assert (data.begun, data.ended) == (1, 0)
    passes.take(4)
    assert (data.begun, data.ended) == (1, 1)
    x, y = passes.take(13)
    assert (data.begun, data.ended) == (3, 2)
    np.testing.assert_array_equal(y, [*Y, *Y[:3]])


def test_data_that_is_empty_the_second_time_is_refused():
    batches = iter([(X, Y)])
    passes = Passes(as_source(lambda: (batch for batch in batches)))
    passes.take(10)
    with pytest.raises(ValueError, match="is empty"):
        passes.take(1)
