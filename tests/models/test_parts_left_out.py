"""Parts of samples that a classifier does not read, of any name and form."""

import numpy as np
import pytest
from keras import Input
from keras import Model
from keras import Sequential
from keras import layers

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.models import IncrementalClassifier

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 2


def parts(x, y):
    """Returns what data sets of TensorFlow Datasets have beside a picture."""
    count = len(x)
    return {
        "image": x,
        "image/filename": np.array([f"{k}.png" for k in range(count)]),
        "[id]": np.arange(count),
        "objects": {"boxes": np.zeros((count, 4), "float32")},
        "label": y,
    }


def of_tf_data(x, y):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices(parts(x, y)).batch(5)


def in_a_list(x, y):
    given = parts(x, y)
    y = given.pop("label")
    return [(given, y)]


FORMS = {
    "tf.data": of_tf_data,
    "list": in_a_list,
    "arrays": parts,
    "function": lambda x, y: lambda: iter([parts(x, y)]),
}


def make():
    model = Sequential(
        [Input((4,)), layers.Dense(3, trainable=False), layers.Dense(2)]
    )
    model.compile("sgd", "mse", run_eagerly=True)
    memory = ExemplarMemory(8)
    return IncrementalClassifier(model, ["cat", "dog"], memory=memory)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("form", FORMS)
def test_parts_that_are_not_read_may_have_any_name(form):
    given, clf = FORMS[form], make()
    clf.remember(given(X, Y))
    assert clf.memory.sample_shape == (4,)
    clf.learn(given(X + 3, Y), classes=["bird", "fish"], verbose=0)
    accuracies = [clf.evaluate_classes(data) for data in (given(X, Y), (X, Y))]
    assert accuracies[0] == accuracies[1]
    names = [clf.predict_names(data) for data in (given(X, Y), X)]
    np.testing.assert_array_equal(*names)
    assert len(clf.review(given(X, Y))) == len(clf.review(X))
    mixed = clf.memory.mix(given(X, Y), num_classes=4)
    clf.fit(mixed, callbacks=[clf.memory], shuffle=False, verbose=0)
    assert clf.memory.sample_shape == (4,)


def test_the_parts_of_several_inputs_are_chosen():
    a, b = (Input((4,), name=name) for name in "ab")
    joined = layers.Concatenate()([a, b])
    outputs = layers.Dense(2)(layers.Dense(3, trainable=False)(joined))
    model = Model({"a": a, "b": b}, outputs)
    clf = IncrementalClassifier(model, ["cat", "dog"])
    given = {"a": X, "a/path": X, "b": X + 1, "label": Y}
    clf.remember(given)
    assert clf.evaluate_classes(given) == clf.evaluate_classes(
        {"a": X, "b": X + 1}, Y
    )
