import numpy as np

from keras_incremental.memory import policies
from keras_incremental.models.phases.batches import Batches

X = np.arange(10.0)[:, None]
Y = np.array([2] * 7 + [0, 1, 1])


def rows(batches):
    read = [batches[i][0].ravel().tolist() for i in range(len(batches))]
    batches.on_epoch_end()
    return read


def test_without_a_policy_batches_are_cut_from_permutations():
    batches, generator = Batches([X, Y], 4, seed=3), np.random.default_rng(3)
    for _ in range(3):
        order = generator.permutation(10).tolist()
        assert rows(batches) == [order[:4], order[4:8], order[8:]]


def test_weighted_batches_are_those_without_a_policy():
    weighted = Batches([X, Y], 4, 3, policy=policies.Weighted(), num_new=7)
    plain = Batches([X, Y], 4, 3)
    assert [rows(weighted), rows(weighted)] == [rows(plain), rows(plain)]


def test_all_arrays_are_read_at_the_rows_of_the_policy():
    policy = policies.Interleave(replayed=2)
    weights = np.linspace(0, 1, 10)
    batches = Batches([X, Y, weights], 4, 0, policy=policy, num_new=7)
    assert len(batches) == 2
    for i, size in enumerate([6, 3 + 2]):
        x, y, w = batches[i]
        at = x.ravel().astype(int)
        assert len(at) == size and (at[-2:] >= 7).all()
        np.testing.assert_array_equal(y, Y[at])
        np.testing.assert_array_equal(w, weights[at])


def test_each_epoch_has_another_order_and_as_many_batches():
    policy = policies.ClassBalanced()
    batches = Batches([X, Y], 4, 0, policy=policy, num_new=7)
    first, second = rows(batches), rows(batches)
    assert first != second
    assert [len(b) for b in first] == [len(b) for b in second] == [4, 3]


def test_inputs_are_augmented_after_they_are_drawn():
    batches = Batches([X, Y], 5, augmentation=lambda x: -x)
    read = sum(rows(batches), [])
    assert sorted(read) == sorted((-X).ravel().tolist())
