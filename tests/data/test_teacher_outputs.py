import keras
import numpy as np
import pytest

from keras_incremental.data.teacher_outputs import with_teacher
from keras_incremental.losses import LossWithTeacher
from keras_incremental.metrics.on_labels import OnLabels

X = np.random.RandomState(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 3
KERNEL = np.random.RandomState(1).normal(size=(4, 2)).astype("float32")


def a_teacher(activation=None, kernel=KERNEL):
    head = keras.layers.Dense(2, activation=activation, use_bias=False)
    teacher = keras.Sequential([keras.Input((4,)), head])
    teacher.set_weights([kernel])
    return teacher


def dataset(*arrays):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(arrays)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        part = slice(4 * index, 4 * index + 4)
        return X[part], Y[part]


def check(x, y):
    """The label of each row is that of its input, and so is the teacher."""
    [y] = y
    rows = [np.flatnonzero((X == row).all(-1)).item() for row in np.array(x)]
    assert (np.array(y)[:, 0] == Y[rows]).all()
    np.testing.assert_allclose(np.array(y)[:, 1:], X[rows] @ KERNEL, atol=1e-5)


def test_arrays_get_the_logits_behind_their_labels():
    x, y = with_teacher(X, a_teacher(), Y)
    assert x is X and y[0].shape == (12, 3) and y[0].dtype == "float32"
    check(x, y)


def test_a_tuple_of_arrays_keeps_its_weights():
    weights = np.arange(12.0)
    x, y, (same,) = with_teacher((X, Y, weights), a_teacher())
    assert same is weights
    check(x, y)


def test_one_hot_labels_stay_one_hot():
    _, (y,) = with_teacher(X, a_teacher(), np.eye(3)[Y])
    assert (y[:, :3] == np.eye(3)[Y]).all() and y.shape == (12, 5)


def test_a_teacher_of_probabilities_gives_logits():
    _, (y,) = with_teacher(X, a_teacher("softmax"), Y)
    logits = X @ KERNEL
    expected = logits[:, 0] - logits[:, 1]
    np.testing.assert_allclose(y[:, 1] - y[:, 2], expected, rtol=1e-3)


def test_the_teacher_is_in_inference_mode():
    dropped = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.9)])
    teacher = keras.Sequential([dropped, a_teacher()])
    check(*with_teacher(X, teacher, Y))


def test_outputs_travel_with_a_data_set_that_shuffles_each_epoch():
    shuffled = dataset(X, Y).shuffle(12, seed=1).batch(4)
    taught = with_teacher(shuffled, a_teacher())
    first = [np.array(x) for x, *_ in taught]
    second = [np.array(x) for x, *_ in taught]
    for x, y, (weights,) in taught:
        check(x, y)
        assert np.array(weights).tolist() == [1, 1, 1, 1]
    assert not np.array_equal(first, second)


def test_a_data_set_keeps_its_weights_and_its_shape():
    taught = with_teacher(dataset(X, Y, Y * 2.0).batch(4), a_teacher())
    assert tuple(taught.element_spec[1][0].shape) == (None, 3)
    for x, y, (weights,) in taught:
        check(x, y)
        assert (np.array(weights) == 2 * np.array(y[0])[:, 0]).all()


def test_a_py_data_set_is_taught_batch_by_batch():
    taught = with_teacher(Batches(workers=2), a_teacher())
    assert len(taught) == 3 and taught.workers == 2
    x, y, (weights,) = taught[1]
    check(x, y)
    assert weights.tolist() == [1] * len(x)


def test_pixels_are_taught_as_examples_are():
    inputs = keras.Input((2, 3, 4))
    teacher = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    labels = np.zeros((5, 2, 3), int)
    _, (y,) = with_teacher(np.zeros((5, 2, 3, 4)), teacher, labels)
    assert y.shape == (5, 2, 3, 3)


def student():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    metric = OnLabels("accuracy", num_old=2)
    model.compile("sgd", LossWithTeacher(loss, num_old=2), metrics=[metric])
    return model


def test_fit_takes_what_comes_out_whatever_went_in():
    arrays = with_teacher(X, a_teacher(), Y)
    losses = []
    for data in (
        {"x": arrays[0], "y": arrays[1], "batch_size": 4},
        {"x": with_teacher(dataset(X, Y).batch(4), a_teacher())},
        {"x": with_teacher(Batches(), a_teacher())},
    ):
        fitted = student().fit(**data, epochs=2, verbose=0, shuffle=False)
        history = fitted.history
        losses.append(history["loss"])
        assert set(history) == {"loss", "accuracy"}
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    np.testing.assert_allclose(losses[2], losses[0], rtol=1e-5)


def test_data_without_labels_is_refused():
    with pytest.raises(ValueError, match="needs labels"):
        with_teacher(X, a_teacher())
    with pytest.raises(ValueError, match="needs labels"):
        with_teacher(dataset(X).batch(4).map(lambda x: x), a_teacher())


def test_a_teacher_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        with_teacher(X, a_teacher(kernel=KERNEL * np.nan), Y)


def test_labels_that_are_names_are_refused():
    with pytest.raises(ValueError, match="index of each class"):
        with_teacher(X, a_teacher(), np.array(["cat"] * 12))


def test_labels_of_another_length_are_refused():
    with pytest.raises(ValueError, match="y.shape"):
        with_teacher(X, a_teacher(), Y[:5])


def test_a_data_set_without_batches_is_refused():
    with pytest.raises(ValueError, match="batch a data set first"):
        with_teacher(dataset(X, Y), a_teacher())


def test_a_teacher_with_sigmoids_is_refused():
    with pytest.raises(ValueError, match="do not compete"):
        with_teacher(X, a_teacher("sigmoid"), Y)


def test_a_teacher_without_a_graph_must_say_what_it_gives():
    class Teacher(keras.Model):
        def call(self, x):
            return x[:, :2]

    with pytest.raises(ValueError, match="from_logits=True"):
        with_teacher(X, Teacher(), Y)
    _, (y,) = with_teacher(X, Teacher(), Y, from_logits=True)
    assert (y[:, 1:] == X[:, :2]).all()


def test_processes_without_a_teacher_are_refused():
    with pytest.raises(ValueError, match="Use threads"):
        with_teacher(Batches(use_multiprocessing=True), a_teacher())
