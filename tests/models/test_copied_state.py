"""What leaves a classifier, and its teacher, computes what it computes."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_incremental.layers import ExpandableDense
from keras_incremental.models import IncrementalClassifier
from keras_incremental.models.student import Student
from keras_incremental.models.student import teacher_of

X = np.random.default_rng(0).normal(40.0, 9.0, (40, 4)).astype("float32")


def normalized(**last):
    """A classifier with an adapted `Normalization` inside a nested model."""
    keras.utils.set_random_seed(0)
    layer = layers.Normalization()
    layer.adapt(X)
    base = keras.Sequential(
        [keras.Input((4,)), layer, layers.Dense(6, activation="relu")]
    )
    return keras.Sequential([keras.Input((4,)), base, layers.Dense(2, **last)])


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_the_plain_form_normalizes_as_the_classifier_does(activation, tmp_path):
    model = normalized(activation=activation)
    expected = model.predict(X, verbose=0)
    clf = IncrementalClassifier(model, ["cat", "dog"])
    plain = clf.to_keras(tmp_path / "plain.keras")
    again = keras.models.load_model(tmp_path / "plain.keras")
    for each in (clf, plain, again):
        np.testing.assert_allclose(
            each.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-6
        )


def test_the_teacher_normalizes_as_the_student_does():
    clf = IncrementalClassifier(
        normalized(), ["cat", "dog"], cache_features=False
    )
    student = Student(clf.backbone.upper, clf.head)
    teacher = teacher_of(student)
    assert teacher.upper is not student.upper
    expected = ops.convert_to_numpy(student(X, training=False))
    received = ops.convert_to_numpy(teacher(X, training=False))
    np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        expected, clf.predict(X, verbose=0), rtol=1e-5, atol=1e-6
    )


class Careless(ExpandableDense):
    """A head whose plain form forgets the bias."""

    def plain(self, inputs):
        outputs = super().plain(inputs)
        layer = outputs._keras_history.operation
        layer.bias.assign(layer.bias + 1.0)
        return outputs


def test_a_plain_form_that_computes_something_else_is_refused(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, Careless(2)(layers.Dense(3)(inputs)))
    clf = IncrementalClassifier(model, ["cat", "dog"])
    with pytest.raises(ValueError, match="plain form.*Careless.*by `save`"):
        clf.to_keras(tmp_path / "plain.keras")
    assert not list(tmp_path.iterdir())
