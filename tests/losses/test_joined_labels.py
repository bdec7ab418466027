import numpy as np
import pytest

from keras_incremental.losses.joined_labels import join
from keras_incremental.losses.joined_labels import joined_shape
from keras_incremental.losses.joined_labels import split

LOGITS = np.array([[0.5, -1.0], [2.0, 3.0]], "float32")


@pytest.mark.parametrize(
    "labels", [np.array([2, 0]), np.array([[2], [0]]), np.eye(3)[[2, 0]]]
)
def test_what_is_joined_can_be_split(labels):
    joined = join(labels, LOGITS)
    assert joined.shape == joined_shape(labels.shape, LOGITS.shape)
    assert joined.dtype == np.float32
    same, logits = split(joined, num_old=2)
    np.testing.assert_array_equal(same.ravel(), labels.ravel())
    np.testing.assert_array_equal(logits, LOGITS)


def test_the_largest_exact_label_survives():
    logits = np.zeros((1, 2))
    assert join([2**24 - 1], logits)[0, 0] == 2**24 - 1
    with pytest.raises(ValueError, match="exact"):
        join([2**24], logits)


def test_batches_of_any_size_have_a_shape():
    assert joined_shape((None,), (None, 2)) == (None, 3)
    assert joined_shape((None, 8, 8), (None, 8, 8, 2)) == (None, 8, 8, 3)


@pytest.mark.parametrize(
    "labels, logits",
    [((3,), (4, 2)), ((), (2,)), ((4, None), (4, 2)), ((4, 3, 1), (4, 2))],
)
def test_shapes_that_do_not_fit_are_refused(labels, logits):
    with pytest.raises(ValueError, match="y.shape"):
        joined_shape(labels, logits)
