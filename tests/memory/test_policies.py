import keras
import numpy as np
import pytest

from keras_incremental.memory import policies

POLICIES = [
    policies.Concatenate(),
    policies.Weighted(),
    policies.Interleave(),
    policies.Interleave(replayed=3),
    policies.ClassBalanced(),
]
# 20 new samples of two classes, 7 exemplars of three.
LABELS = np.array([3] * 15 + [4] * 5 + [0, 0, 1, 1, 1, 1, 2])
NEW, SIZE = 20, 8


def epochs(policy, count=1, seed=0, labels=LABELS, num_new=NEW, size=SIZE):
    generator = np.random.default_rng(seed)
    return [
        [rows.tolist() for rows in policy.indices(labels, num_new, size, g)]
        for g in [generator] * count
    ]


def flat(batches):
    return [row for batch in batches for row in batch]


def old_rows(batch):
    return [row for row in batch if row >= NEW]


@pytest.mark.parametrize("policy", [POLICIES[0], POLICIES[1]])
def test_a_union_shows_every_row_once(policy):
    (batches,) = epochs(policy)
    assert sorted(flat(batches)) == list(range(27))
    assert [len(batch) for batch in batches] == [8, 8, 8, 3]


def test_a_union_is_a_permutation_cut_into_batches():
    expected = np.random.default_rng(5).permutation(27)
    assert flat(epochs(policies.Weighted(), seed=5)[0]) == expected.tolist()


@pytest.mark.parametrize(
    "policy, sizes",
    [
        (policies.Interleave(), [8, 8, 4]),
        (policies.Interleave(0.25), [3, 3, 1]),
        (policies.Interleave(0.01), [1, 1, 1]),
        (policies.Interleave(replayed=2), [2, 2, 1]),
        (policies.Interleave(replayed=30), [30, 30, 15]),
    ],
)
def test_interleaved_batches_have_exact_counts(policy, sizes):
    (batches,) = epochs(policy)
    assert [len(old_rows(batch)) for batch in batches] == sizes
    assert [len(b) - len(old_rows(b)) for b in batches] == [8, 8, 4]


def test_interleaved_batches_lie_new_samples_first():
    for batch in epochs(policies.Interleave(replayed=3))[0]:
        is_old = [row >= NEW for row in batch]
        assert is_old == sorted(is_old) and len(set(is_old)) == 2


def test_interleaving_shows_each_new_sample_once():
    (batches,) = epochs(policies.Interleave(replayed=3))
    new = [row for row in flat(batches) if row < NEW]
    assert sorted(new) == list(range(NEW))


def test_interleaving_shows_each_exemplar_equally_often():
    runs = epochs(policies.Interleave(), 30)
    for batches in runs:
        seen = np.bincount(flat(batches), minlength=27)[NEW:]
        assert seen.sum() == 20 and set(seen) == {2, 3}
    seen = np.bincount(sum(map(flat, runs), []), minlength=27)[NEW:]
    # 30 epochs of 20 exemplars in 3 steps, of 7 in all.
    np.testing.assert_allclose(seen, 30 * 20 / 7, atol=10)


def test_class_balanced_epochs_show_each_class_equally_often():
    for batches in epochs(policies.ClassBalanced(), 5):
        assert [len(batch) for batch in batches] == [8, 8, 4]
        assert np.bincount(LABELS[flat(batches)]).tolist() == [4] * 5


def test_class_balanced_batches_are_balanced():
    (batches,) = epochs(policies.ClassBalanced(), size=10)
    for batch in batches:
        assert np.bincount(LABELS[batch]).tolist() == [2] * 5


def test_class_balanced_epochs_repeat_a_row_only_when_they_must():
    (batches,) = epochs(policies.ClassBalanced())
    seen = np.bincount(flat(batches), minlength=27)
    assert seen[:15].max() == 1
    assert seen[20:].tolist() == [2, 2, 1, 1, 1, 1, 4]


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_a_seed_repeats_the_batches_in_new_orders(policy):
    first, second = epochs(policy, 2, seed=3)
    assert [first, second] == epochs(policy, 2, seed=3)
    assert first != second and first != epochs(policy, seed=4)[0]
    assert [len(b) for b in first] == [len(b) for b in second]


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
@pytest.mark.parametrize("num_new", [0, 27])
def test_with_one_kind_of_samples_batches_are_shuffled(policy, num_new):
    plain = epochs(policies.Concatenate(), seed=2)
    assert epochs(policy, seed=2, num_new=num_new) == plain
    counts = policy.counts(LABELS, num_new, SIZE, 5)
    if policy.weights(LABELS) is None:
        assert counts.tolist() == [2, 4, 1, 15, 5]


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_counts_are_those_of_the_epochs(policy):
    weights = policy.weights(LABELS)
    weights = np.ones(27) if weights is None else weights
    shown = np.array(sum(map(flat, epochs(policy, 200)), []))
    seen = np.bincount(LABELS[shown], weights[shown], minlength=6) / 200
    expected = policy.counts(LABELS, NEW, SIZE, 6)
    np.testing.assert_allclose(seen, expected, atol=0.25)
    assert expected[5] == 0


def test_counts_by_hand():
    def counts(policy):
        return policy.counts(LABELS, NEW, SIZE, 5).tolist()

    assert counts(policies.Concatenate()) == [2, 4, 1, 15, 5]
    np.testing.assert_allclose(counts(policies.Weighted()), [5.4] * 5, 1e-6)
    # 3 + 3 + 2 exemplars for batches of 8, 8 and 4 new samples.
    np.testing.assert_allclose(
        counts(policies.Interleave(replayed=3)),
        [2 * 8 / 7, 4 * 8 / 7, 8 / 7, 15, 5],
    )
    np.testing.assert_allclose(counts(policies.ClassBalanced()), [4.0] * 5)


def test_only_weighted_gives_weights():
    weights = policies.Weighted().weights(np.array([1, 1, 1, 3]))
    np.testing.assert_allclose(weights, [2 / 3, 2 / 3, 2 / 3, 2], 1e-6)
    assert weights.dtype == "float32"
    for policy in (POLICIES[0], *POLICIES[2:]):
        assert policy.weights(LABELS) is None


def test_policies_that_balance_classes_say_so():
    balancing = [p for p in POLICIES if p.corrects_bias]
    assert balancing == [policies.Weighted(), policies.ClassBalanced()]


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_a_config_makes_an_equal_policy(policy):
    serialized = keras.saving.serialize_keras_object(policy)
    assert keras.saving.deserialize_keras_object(serialized) == policy


@pytest.mark.parametrize(
    "options",
    [
        {"share": 0},
        {"share": 1.0},
        {"share": "half"},
        {"share": float("nan")},
        {"replayed": 0},
        {"replayed": 2.0},
        {"replayed": True},
    ],
)
def test_useless_shares_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"Received: {name}="):
        policies.Interleave(**options)
