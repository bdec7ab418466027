import keras
import numpy as np
import pytest

from keras_incremental.memory import MixedBatches
from keras_incremental.memory import policies

X = np.arange(10.0)[:, None]
Y = np.array([2] * 7 + [0, 1, 1])


def rows(batches):
    read = [batches[i][0].ravel().tolist() for i in range(len(batches))]
    batches.on_epoch_end()
    return read


def test_without_a_policy_batches_are_cut_from_permutations():
    batches = MixedBatches(X, Y, batch_size=4, seed=3)
    generator = np.random.default_rng(3)
    for _ in range(3):
        order = generator.permutation(10).tolist()
        assert rows(batches) == [order[:4], order[4:8], order[8:]]


def test_weighted_batches_are_those_without_a_policy():
    weighted = MixedBatches(X, Y, policies.Weighted(), 7, 4, seed=3)
    plain = MixedBatches(X, Y, batch_size=4, seed=3)
    assert [rows(weighted), rows(weighted)] == [rows(plain), rows(plain)]


def test_all_arrays_are_read_at_the_rows_of_the_policy():
    policy = policies.Interleave(replayed=2)
    weights = np.linspace(0, 1, 10)
    labels = {"labels": Y, "twice": 2 * Y}
    batches = MixedBatches(
        X, labels, policy, 7, 4, sample_weight=weights, labels=Y
    )
    assert len(batches) == 2
    for i, size in enumerate([6, 3 + 2]):
        x, y, w = batches[i]
        at = x.ravel().astype(int)
        assert len(at) == size and (at[-2:] >= 7).all()
        np.testing.assert_array_equal(y["labels"], Y[at])
        np.testing.assert_array_equal(y["twice"], 2 * Y[at])
        np.testing.assert_array_equal(w, weights[at])


def test_each_epoch_has_another_order_and_as_many_batches():
    batches = MixedBatches(X, Y, policies.ClassBalanced(), 7, 4)
    first, second = rows(batches), rows(batches)
    assert first != second
    assert [len(b) for b in first] == [len(b) for b in second] == [4, 3]


def test_an_epoch_may_end_within_a_pass():
    batches = MixedBatches(X, Y, batch_size=2)
    start = [batches[0][0].tolist(), batches[1][0].tolist()]
    batches.on_epoch_end()
    assert [batches[0][0].tolist(), batches[1][0].tolist()] == start


def test_exemplars_are_augmented_and_new_samples_are_not():
    batches = MixedBatches(
        X, Y, policies.Interleave(), 7, 5, augmentation=lambda x: -x
    )
    read = np.concatenate(rows(batches))
    assert sorted(read[read >= 0]) == list(range(7))
    assert set(read[read < 0]) == {-7, -8, -9}


def test_an_augmentation_that_changes_shapes_is_refused():
    batches = MixedBatches(X, Y, num_new=7, augmentation=lambda x: x[:, :0])
    with pytest.raises(ValueError, match="must keep the shape"):
        batches[0]


@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
def test_a_weight_makes_the_loss_a_sum_of_two_means(weight):
    policy = policies.Interleave(replayed=3, weight=weight)
    batches = MixedBatches(X, Y, policy, 7, 4)
    for i in range(len(batches)):
        x, y, weights = batches[i]
        losses = x.ravel() ** 2
        new = y == 2
        expected = losses[new].mean() + weight * losses[~new].mean()
        assert np.mean(weights * losses) == pytest.approx(expected)


def test_fit_takes_them():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3)])
    model.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    batches = MixedBatches(X / 10, Y, policies.Interleave(), 7, 4)
    history = model.fit(batches, epochs=2, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
