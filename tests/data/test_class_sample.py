import numpy as np
import pytest

from keras_incremental.data.class_sample import ClassSample

X = np.arange(100, dtype="float32").reshape(50, 2)
# A class in every tenth sample, and one in each of the others.
Y = np.where(np.arange(50) % 10, "common", "rare")
ROW = X[:1].astype("uint8").nbytes


def kept_of(part, x=X, y=Y):
    for start in range(0, len(x), 7):
        rows = slice(start, start + 7)
        part.add(x[rows], None if y is None else y[rows])
    return part.array(X.dtype)


def test_all_samples_are_kept_while_they_fit():
    part = ClassSample(50 * ROW)
    np.testing.assert_array_equal(kept_of(part), X)
    np.testing.assert_array_equal(part.rows, np.arange(50))


@pytest.mark.parametrize("form", ["names", "column", "one_hot"])
def test_as_many_of_each_class_are_kept(form):
    y = {"names": Y, "column": (Y == "rare")[:, None]}.get(form)
    if form == "one_hot":
        y = np.eye(2)[(Y == "rare").astype(int)]
    part = ClassSample(12 * ROW, seed=1)
    x = kept_of(part, y=y)
    np.testing.assert_array_equal(x, X[part.rows])
    assert part.count == 50 and len(part.keys) == 50
    assert (np.diff(part.rows) > 0).all()
    _, counts = np.unique(Y[part.rows], return_counts=True)
    # All five of one, which has no more, and half of the others at most.
    assert counts.tolist() == [7, 5]


def test_no_more_than_twice_the_bound_is_held_meanwhile():
    part = ClassSample(5 * ROW)
    for row in range(50):
        part.add(X[row : row + 1], None)
        assert sum(map(len, part._x)) <= 10
    assert len(part.array(X.dtype)) == 5


def test_a_memory_may_keep_more_than_the_bound():
    assert len(kept_of(ClassSample(ROW, least=20), y=None)) == 20


def test_every_sample_has_the_same_chance():
    shown = np.zeros(50)
    for seed in range(400):
        part = ClassSample(10 * ROW, seed=seed)
        kept_of(part, y=None)
        shown[part.rows] += 1
    # A fifth of 400, give or take six standard deviations.
    assert shown.min() > 32 and shown.max() < 128
