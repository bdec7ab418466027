import numpy as np

from keras_incremental.metrics import confusion_matrix


def test_rows_are_true_classes_and_columns_predicted_ones():
    found = confusion_matrix([0, 0, 1, 2], [0, 2, 1, 1], num_classes=3)
    assert found.tolist() == [[1, 0, 1], [0, 1, 0], [0, 1, 0]]


def test_a_model_may_know_fewer_classes():
    found = confusion_matrix([0, 1, 2], [0, 1, 1], 3, num_predicted=2)
    assert found.tolist() == [[1, 0], [0, 1], [0, 1]]


def test_no_samples_give_zeros():
    found = confusion_matrix([], [], num_classes=2)
    np.testing.assert_array_equal(found, np.zeros((2, 2), int))


def test_labels_of_any_shape_are_counted():
    labels = np.array([[0, 1], [1, 1]])
    assert confusion_matrix(labels, labels, 2).tolist() == [[1, 0], [0, 3]]
