"""Classes are weighed by their labels, never by outputs of a teacher."""

import keras
import numpy as np
import pytest

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.data.teacher_outputs import with_teacher
from keras_incremental.losses import LossWithTeacher
from keras_incremental.metrics.on_labels import OnLabels

X = np.random.RandomState(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 3
CLASS_WEIGHT = {0: 2.0, 2: 0.5}


def a_teacher(inputs=(4,)):
    return keras.Sequential([keras.Input(inputs), keras.layers.Dense(2)])


def student(loss=None, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    if loss is None:
        loss = LossWithTeacher(crossentropy(), num_old=2)
    model.compile("sgd", loss, **options)
    return model


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return batches()[index]


def batches():
    return [(X[i : i + 4], Y[i : i + 4]) for i in (0, 4, 8)]


def dataset(*arrays):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(arrays).batch(4)


def loader():
    torch = pytest.importorskip("torch.utils.data")
    return torch.DataLoader(list(zip(X, Y, strict=True)), batch_size=4)


def grain_data():
    grain = pytest.importorskip("grain")
    return grain.MapDataset.source(list(zip(X, Y, strict=True))).batch(4)


KINDS = {
    "arrays": lambda: (X, Y),
    "weighted arrays": lambda: (X, Y, np.ones(12)),
    "tf.data": lambda: dataset(X, Y),
    "weighted tf.data": lambda: dataset(X, Y, np.ones(12)),
    "PyDataset": Batches,
    "list": batches,
    "DataLoader": loader,
    "Grain": grain_data,
    "generator": lambda: iter(batches()),
}


def arguments(taught):
    """Arguments of `fit` for what `with_teacher` returns."""
    names = ("x", "y", "sample_weight")
    parts = taught if isinstance(taught, tuple) else (taught,)
    return dict(zip(names, parts, strict=False))


@pytest.mark.parametrize("kind", KINDS)
def test_no_class_is_weighed_by_outputs_of_a_teacher(kind):
    taught = with_teacher(KINDS[kind](), a_teacher())
    given = arguments(taught)
    given.pop("sample_weight", None)
    weigh = {"class_weight": CLASS_WEIGHT}
    model = student()
    before = model.get_weights()
    with pytest.raises(ValueError, match="`class_weight`"):
        model.fit(**given, verbose=0, shuffle=False, **weigh)
    first = (X, given["y"]) if "y" in given else first_batch(taught)
    # torch makes an array of what is in the tuple.
    told = keras.config.backend() != "torch"
    message = "`class_weight` to `with_teacher`" if told else "arrays"
    with pytest.raises(ValueError if told else TypeError, match=message):
        model.train_on_batch(*first[:2], **weigh)
    for old, new in zip(before, model.get_weights(), strict=True):
        assert (old == new).all()


def first_batch(data):
    if isinstance(data, keras.utils.PyDataset):
        return data[0]
    return keras.tree.map_structure(np.asarray, next(iter(data)))


@pytest.mark.parametrize("kind", [k for k in KINDS if "weighted" not in k])
def test_fit_weighs_classes_as_it_would_without_a_teacher(kind):
    data, teacher = KINDS[kind](), a_teacher()
    taught = with_teacher(data, teacher, class_weight=CLASS_WEIGHT)
    model = student(run_eagerly=True)
    model.loss.weight = 0.0
    options = {"shuffle": False, "verbose": 0}
    size = {} if len(arguments(taught)) == 1 else {"batch_size": 4}
    if kind in ("Grain", "generator"):
        size = {"steps_per_epoch": 3}
    received = model.fit(**arguments(taught), **size, **options)
    plain = student(crossentropy(), run_eagerly=True)
    options = {"class_weight": CLASS_WEIGHT, "batch_size": 4, **options}
    expected = plain.fit(X, Y, **options)
    np.testing.assert_allclose(
        received.history["loss"], expected.history["loss"], rtol=1e-5
    )


ARGUMENTS = [
    {"batch_size": 5},
    {"batch_size": 5, "validation_split": 0.25},
    {"batch_size": 12, "shuffle": True, "sample_weight": np.arange(12.0)},
]


@pytest.mark.parametrize("given", ARGUMENTS, ids=range(len(ARGUMENTS)))
def test_arguments_of_fit_mean_what_they_mean_for_arrays(given):
    """As for one array of labels and outputs, which is what Keras reads."""
    x, y = with_teacher(X, a_teacher(), Y)
    metrics = [OnLabels("accuracy", num_old=2)]
    options = {"metrics": metrics, "run_eagerly": True}
    given = {"epochs": 2, "shuffle": False, "verbose": 0, **given}
    received = student(**options).fit(x, y, **given).history
    expected = student(**options).fit(x, *y, **given).history
    assert received.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(received[name], values, rtol=1e-5)


def test_the_loss_reads_its_parts_outside_of_fit():
    x, y, weights = with_teacher((X, Y, np.arange(12.0)), a_teacher())
    logits = keras.ops.convert_to_tensor(X @ np.ones((4, 3), "float32"))
    loss = LossWithTeacher(crossentropy(), num_old=2)
    for parts in ((y, logits), (y, logits, weights)):
        joined, outputs, *weight = parts
        expected = loss(joined[0], outputs, *(w[0] for w in weight))
        assert float(loss(*parts)) == pytest.approx(float(expected))
    metric = OnLabels("accuracy", num_old=2)
    metric.update_state(y, logits)
    assert float(metric.result()) == pytest.approx(1 / 3)


def weighted(y):
    return [CLASS_WEIGHT.get(label, 1.0) for label in np.array(y).tolist()]


def test_classes_are_weighed_by_their_label():
    options = {"class_weight": CLASS_WEIGHT}
    *_, (weights,) = with_teacher(X, a_teacher(), Y, **options)
    assert weights.tolist() == weighted(Y)
    for y in (Y[:, None], np.eye(3)[Y]):
        *_, (same,) = with_teacher(X, a_teacher(), y, **options)
        assert same.tolist() == weighted(Y)
    own = np.arange(12.0)
    *_, (both,) = with_teacher((X, Y, own), a_teacher(), **options)
    assert both.tolist() == (own * weighted(Y)).tolist()
    for data in (dataset(X, Y), dataset(X, Y, Y * 1.0)):
        for _, (y,), (weights,) in with_teacher(data, a_teacher(), **options):
            labels = np.array(y)[:, 0]
            own = labels if len(data.element_spec) == 3 else 1.0
            expected = own * np.array(weighted(labels))
            np.testing.assert_allclose(np.array(weights), expected)


def test_pixels_are_weighed_by_their_label():
    labels = np.arange(30).reshape(5, 2, 3) % 3
    x = np.zeros((5, 2, 3, 4))
    teacher = a_teacher(x.shape[1:])
    given = with_teacher(x, teacher, labels, class_weight=CLASS_WEIGHT)
    *_, (weights,) = given
    assert weights.shape == labels.shape
    assert weights.ravel().tolist() == weighted(labels.ravel())
    model = keras.Sequential([keras.Input((2, 3, 4)), keras.layers.Dense(3)])
    model.compile("sgd", LossWithTeacher(crossentropy(), num_old=2))
    history = model.fit(**arguments(given), verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_weights_of_classes_are_checked():
    for wrong in ({"cat": 1.0}, {0: -1.0}, {0: np.nan}):
        with pytest.raises(ValueError, match="`class_weight` must be a dict"):
            with_teacher(X, a_teacher(), Y, class_weight=wrong)


def mixed(data):
    memory = ExemplarMemory(4, selection="random")
    memory.update(X[:4], np.zeros(4, int))
    return memory.mix(*data if isinstance(data, tuple) else (data,))


@pytest.mark.parametrize(
    "kind", ["arrays", "tf.data", "PyDataset", "list", "generator"]
)
def test_mixed_classes_are_weighed_by_their_label(kind):
    only = {0: 0.0, 1: 0.0, 2: 1.0}
    model = student(crossentropy(), run_eagerly=True)
    model.optimizer.learning_rate = 0.0
    batches = list(mixed(KINDS[kind]()))
    x, y = (np.concatenate([b[i] for b in batches]) for i in (0, 1))
    assert len(y) > len(Y)
    options = {"class_weight": only, "shuffle": False, "verbose": 0}
    received = model.fit(mixed(KINDS[kind]()), **options).history["loss"]
    losses = crossentropy()
    losses.reduction = None
    rows = keras.ops.convert_to_numpy(losses(y, model(x)))
    np.testing.assert_allclose(received, rows[y == 2].sum() / len(y), rtol=1e-4)


@pytest.mark.parametrize("kind", ["DataLoader", "Grain"])
def test_mixed_batches_are_not_weighed_where_keras_weighs_none(kind):
    with pytest.raises(ValueError, match="`class_weight` is not supported"):
        student(crossentropy()).fit(
            mixed(KINDS[kind]()), class_weight=CLASS_WEIGHT, verbose=0
        )
