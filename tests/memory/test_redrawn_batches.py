import numpy as np
import pytest

from keras_incremental.memory import policies
from keras_incremental.memory.mixed_batches import MixedBatches
from keras_incremental.memory.redrawn_batches import RedrawnBatches

NUM_NEW, COUNT = 9, 7
X = np.arange(14, dtype="float32")[:, None]
# Two further samples have no label, and five are replayed.
LABELS = np.array([2, 2, 3, 3, 2, 3, 3, -1, -1, 0, 1, 0, 1, 0])


def rows_of(draw=None, window=100, policy=None, **options):
    """Mixed batches of all samples, or such that draw the first seven."""
    policy = policy or policies.Concatenate()
    y = {"labels": LABELS, "stored": -X}
    options = {
        "policy": policy,
        "num_new": NUM_NEW,
        "batch_size": 3,
        "seed": 5,
        "labels": LABELS,
        **options,
    }
    if draw is None:
        return MixedBatches(X, y, **options)
    return RedrawnBatches(X[COUNT:], y, draw, COUNT, window, **options)


class InOrder:
    """Draws the same samples in each pass, and notes how many at a time."""

    def __init__(self):
        self.position, self.sizes = 0, []

    def __call__(self, count):
        rows = (self.position + np.arange(count)) % COUNT
        self.position += count
        self.sizes.append(count)
        return X[rows], LABELS[rows]


def epochs_of(batches, count=3):
    for _ in range(count):
        batches.on_epoch_begin()
        yield [batches[index] for index in range(len(batches))]
        batches.on_epoch_end()


@pytest.mark.parametrize(
    "policy",
    [
        policies.Concatenate(),
        policies.Interleave(0.4),
        policies.Interleave(replayed=1, weight=0.5),
    ],
    ids=["all", "share", "weighted_replay"],
)
def test_the_same_draws_give_the_batches_of_arrays(policy):
    draw = InOrder()
    redrawn = rows_of(draw, policy=policy)
    expected = rows_of(policy=policy)
    ones = redrawn.one_sample()[:2], expected.one_sample()[:2]
    for given, wanted in zip(*ones, strict=True):
        np.testing.assert_equal(given, wanted)
    pairs = zip(epochs_of(redrawn), epochs_of(expected), strict=True)
    for epoch, wanted in pairs:
        np.testing.assert_equal(epoch, wanted)
    assert draw.sizes == [COUNT] * 3


def test_a_drawn_sample_weighs_as_its_label_does():
    weights = np.array([0.5, 2.0, 1.0, 4.0, 3.0])[LABELS]
    draw = InOrder()
    draw.position = 3
    redrawn = rows_of(draw, sample_weight=weights)
    for epoch in epochs_of(redrawn):
        for x, y, weight in epoch:
            np.testing.assert_array_equal(
                y["labels"], LABELS[x[:, 0].astype(int)]
            )
            np.testing.assert_array_equal(weight, weights[x[:, 0].astype(int)])


def test_long_passes_are_held_in_parts():
    draw = InOrder()
    redrawn = rows_of(draw, window=4)
    # Keras reads two batches before it begins.
    redrawn.one_sample(), redrawn[0], redrawn[1]
    epochs = [
        np.concatenate([x[:, 0] for x, _ in epoch])
        for epoch in epochs_of(redrawn)
    ]
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), X[:, 0])
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert max(draw.sizes) < COUNT
    assert sum(draw.sizes) == 3 * COUNT


def test_exemplars_are_augmented_and_draws_are_not():
    redrawn = rows_of(InOrder(), augmentation=lambda x: x + 100)
    for x, _ in next(epochs_of(redrawn)):
        replayed = (x[:, 0] >= 100) == (x[:, 0] % 100 >= NUM_NEW)
        assert replayed.all()
