import keras
import numpy as np
import pytest

from keras_incremental.data import checked

X = np.arange(24, dtype="float32").reshape(8, 3) / 24
GOOD = np.array([0, 1, 0, 1, 1, 0, 1, 0])
BAD = np.array([0, 1, 0, 1, 1, 0, 1, 5])


class Batches(keras.utils.PyDataset):
    def __init__(self, y):
        super().__init__()
        self.y = y

    @property
    def num_batches(self):
        return 4

    def __getitem__(self, index):
        part = slice(2 * index, 2 * index + 2)
        return X[part], self.y[part]


def as_tf_data(y):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((X, y)).batch(2)


def as_loader(y):
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(
        torch.from_numpy(X), torch.from_numpy(y)
    )
    return torch.utils.data.DataLoader(data, batch_size=2)


def as_generator(y):
    return ((X[i : i + 2], y[i : i + 2]) for i in range(0, 8, 2))


ROUTES = [as_tf_data, Batches, as_generator]
if keras.config.backend() == "torch":
    ROUTES.append(as_loader)


def make_model(**options):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, **options)
    return model


@pytest.mark.parametrize("route", ROUTES)
def test_a_label_outside_the_head_stops_fit(route):
    model = make_model()
    with pytest.raises(Exception, match=r"\[5\](.|\n)*\[0, 2\)"):
        model.fit(checked(route(BAD), 2), verbose=0, shuffle=False)


@pytest.mark.skipif(
    keras.config.backend() == "torch", reason="torch has no XLA here"
)
@pytest.mark.parametrize("route", ROUTES)
def test_a_label_outside_the_head_stops_a_jit_compiled_fit(route):
    model = make_model(jit_compile=True)
    data = checked(route(BAD), 2, names=["cat", "dog"])
    with pytest.raises(Exception, match=r"\[5\](.|\n)*1 = 'dog'"):
        model.fit(data, verbose=0, shuffle=False)
    assert np.all(np.isfinite(model.get_weights()[0]))


@pytest.mark.parametrize("route", ROUTES)
def test_right_labels_train_as_without_the_check(route):
    model, plain = make_model(), make_model()
    plain.set_weights(model.get_weights())
    options = {"steps_per_epoch": 4, "verbose": 0, "shuffle": False}
    model.fit(checked(route(GOOD), 2), **options)
    plain.fit(route(GOOD), **options)
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
    data = as_tf_data(GOOD)
    data.class_names = ["cat", "dog"]
    assert checked(data, 2).class_names == ["cat", "dog"]


def test_names_as_labels_are_refused_before_training():
    with pytest.raises(TypeError, match="Turn names into numbers"):
        checked(as_tf_data(np.array(["cat"] * 8)), 2)
