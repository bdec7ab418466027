import keras
import numpy as np
import pytest
from kinds_of_data import KINDS
from kinds_of_data import as_tf_data

from keras_incremental.data import checked

X = np.arange(24, dtype="float32").reshape(8, 3) / 24
GOOD = np.array([0, 1, 0, 1, 1, 0, 1, 0])
BAD = np.array([0, 1, 0, 1, 1, 0, 1, 5])


KINDS = {name: kind for name, kind in KINDS.items() if name != "arrays"}
every_kind = pytest.mark.parametrize("kind", KINDS)


def make_model(**options):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, **options)
    return model


@every_kind
def test_a_label_outside_the_head_stops_fit(kind):
    model = make_model()
    with pytest.raises(Exception, match=r"\[5\](.|\n)*\[0, 2\)"):
        model.fit(checked(KINDS[kind](X, BAD), 2), verbose=0, shuffle=False)


@pytest.mark.skipif(
    keras.config.backend() == "torch", reason="torch has no XLA here"
)
@every_kind
def test_a_label_outside_the_head_stops_a_jit_compiled_fit(kind):
    model = make_model(jit_compile=True)
    data = checked(KINDS[kind](X, BAD), 2, names=["cat", "dog"])
    with pytest.raises(Exception, match=r"\[5\](.|\n)*1 = 'dog'"):
        model.fit(data, verbose=0, shuffle=False)
    assert np.all(np.isfinite(model.get_weights()[0]))


@every_kind
def test_right_labels_train_as_without_the_check(kind):
    model, plain = make_model(), make_model()
    plain.set_weights(model.get_weights())
    options = {"steps_per_epoch": 2, "verbose": 0, "shuffle": False}
    model.fit(checked(KINDS[kind](X, GOOD), 2), **options)
    plain.fit(KINDS[kind](X, GOOD), **options)
    np.testing.assert_array_equal(
        model.get_weights()[0], plain.get_weights()[0]
    )


def test_arrays_are_checked_at_once():
    with pytest.raises(ValueError, match=r"\[5\]"):
        checked((X, BAD), 2)
    x, y = checked((X, GOOD), 2)
    assert x is X and y is GOOD


def test_data_without_labels_is_refused():
    with pytest.raises(ValueError, match="Add the labels"):
        checked((X,), 2)


def test_class_names_survive_the_check():
    data = as_tf_data(X, GOOD)
    data.class_names = ["cat", "dog"]
    assert checked(data, 2).class_names == ["cat", "dog"]


def test_names_as_labels_are_refused_before_training():
    with pytest.raises(TypeError, match="Turn names into numbers"):
        checked(as_tf_data(X, np.array(["cat"] * 8)), 2)
