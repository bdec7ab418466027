import keras
import numpy as np
import pytest

from keras_incremental.metrics.on_labels import OnLabels

Z = np.array([[3.0, 1, 0], [0, 1, 2], [0, 2, 1], [1, 0, 0]], "float32")
LABELS = np.array([0, 2, 0, 0])
TEACHER = np.full((4, 2), 9.0)


def joined(labels):
    labels = labels.reshape(4, -1)
    return np.concatenate([labels, TEACHER], -1).astype("float32")


def value_of(metric, labels, z=Z, **kwargs):
    metric.update_state(joined(labels), z, **kwargs)
    return float(metric.result())


def test_accuracy_is_that_of_the_labels():
    assert value_of(OnLabels("accuracy", num_old=2), LABELS) == 0.75


def test_accuracy_understands_one_hot_labels():
    one_hot = np.eye(3)[LABELS]
    assert value_of(OnLabels("accuracy", num_old=2), one_hot) == 0.75


def test_accuracy_of_one_output_is_binary():
    z = np.array([[0.9], [0.8], [0.7], [0.1]])
    labels = np.array([1, 1, 0, 0])
    assert value_of(OnLabels("acc", num_old=2), labels, z) == 0.75


def test_sample_weights_reach_the_metric():
    weights = np.array([1.0, 0, 1, 0])
    metric = OnLabels("accuracy", num_old=2)
    assert value_of(metric, LABELS, sample_weight=weights) == 0.5


def test_any_metric_and_any_name_of_one_can_be_wrapped():
    top = keras.metrics.SparseTopKCategoricalAccuracy(k=3, name="top")
    assert OnLabels(top, num_old=2).name == "top"
    assert value_of(OnLabels(top, num_old=2), LABELS) == 1.0
    name = "sparse_categorical_accuracy"
    assert value_of(OnLabels(name, num_old=2), LABELS) == 0.75


def test_reset_forgets_what_was_seen():
    metric = OnLabels("accuracy", num_old=2)
    value_of(metric, 2 - LABELS)
    metric.reset_state()
    assert value_of(metric, LABELS) == 0.75


def test_the_configuration_keeps_the_metric():
    top = keras.metrics.SparseTopKCategoricalAccuracy(k=3)
    for metric in (OnLabels(top, 2), OnLabels("accuracy", 2, name="a")):
        copy = keras.metrics.deserialize(keras.metrics.serialize(metric))
        assert copy.name == metric.name
        assert value_of(copy, LABELS) == value_of(metric, LABELS)


def test_labels_without_a_teacher_are_refused():
    with pytest.raises(ValueError, match="with_teacher"):
        OnLabels("accuracy", num_old=2).update_state(LABELS[:, None], Z)


def test_a_teacher_has_at_least_one_class():
    with pytest.raises(ValueError, match="num_old=0"):
        OnLabels("accuracy", num_old=0)
