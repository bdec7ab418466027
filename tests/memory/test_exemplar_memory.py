import keras
import numpy as np
import pytest
from memory_data import Batches
from memory_data import as_tf_data
from memory_data import content
from memory_data import filled
from memory_data import identity
from memory_data import new_data

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory


def test_features_may_be_given_as_an_array():
    points = np.array([[1, 0], [0, 1], [-1, 0], [0, -1], [0.6, 0.8]])
    memory = ExemplarMemory(5)
    memory.update(np.arange(5.0)[:, None], np.zeros(5, int), features=points)
    assert memory.arrays()[0].ravel().tolist() == [4, 3, 1, 2, 0]


def test_a_config_makes_an_equal_memory():
    memory = ExemplarMemory(
        7,
        per_class=True,
        selection="random",
        share=0.5,
        augmentation=keras.layers.GaussianNoise(0.5),
        seed=3,
    )
    other = ExemplarMemory.from_config(memory.get_config())
    config = other.get_config()
    assert config.pop("augmentation")["class_name"] == "GaussianNoise"
    expected = memory.get_config()
    expected.pop("augmentation")
    assert config == expected
    loaded = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(memory)
    )
    assert loaded.share == 0.5 and loaded.per_class


def test_repr_tells_budget_and_counts():
    assert repr(filled()) == (
        "<ExemplarMemory budget=12, 12 exemplars, counts={0: 6, 1: 6}, "
        f"{filled().nbytes} bytes>"
    )
    assert repr(ExemplarMemory(20, True)).startswith(
        "<ExemplarMemory budget=20 per class, 0 exemplars"
    )


def test_an_empty_memory_is_not_nothing():
    assert ExemplarMemory(3)


def test_a_file_continues_in_another_memory(tmp_path):
    memory = filled()
    memory.save(tmp_path / "memory.npz")
    other = ExemplarMemory(12, features=identity)
    other.load(tmp_path / "memory.npz")
    for each in (memory, other):
        each.update(*new_data())
    assert content(memory) == content(other)


def test_a_snapshot_undoes_an_update():
    memory = filled()
    before, snapshot = content(memory), memory.snapshot()
    memory.update(*new_data())
    assert content(memory) != before
    memory.restore(snapshot)
    assert content(memory) == before


def endless(x, y):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(8).repeat()


def nan_data():
    x, y = new_data()
    x[3] = np.nan
    return x, y


X, Y = new_data()

HOSTILE = [
    (lambda m: m.update(X, Y[:-1]), ValueError, "60 samples and 59 labels"),
    (lambda m: m.update(X), ValueError, "Exemplars need labels"),
    (lambda m: m.update(X, Y - 3), ValueError, r"\[-1\]"),
    (lambda m: m.update(X, Y + 0.5), ValueError, r"\[2.5\]"),
    (lambda m: m.update(X, Y.astype(str)), TypeError, "to_indices"),
    (lambda m: m.update(X, np.full(60, np.nan)), ValueError, r"\[nan\]"),
    (lambda m: m.update(X, np.zeros((60, 4))), ValueError, "one label for"),
    (lambda m: m.update(X[:0], Y[:0]), ValueError, "is empty"),
    (lambda m: m.update(*nan_data()), ValueError, r"x\[3\]"),
    (lambda m: m.update(X[..., None], Y), ValueError, "the same axes"),
    (lambda m: m.update([[1], 2], [0, 1]), TypeError, "differ in shape"),
    (lambda m: m.update({"a": X, "b": X}, Y), TypeError, "a dict"),
    (
        lambda m: m.update(X, np.arange(60)),
        ValueError,
        "12 exemplars is too small for 60 classes",
    ),
    (
        lambda m: m.update(X, Y, features=np.zeros((3, 2))),
        ValueError,
        "3 rows for 60 samples",
    ),
    (
        lambda m: m.update(X, Y, features=lambda x: x[:2]),
        ValueError,
        "2 rows for 60 samples",
    ),
    (
        lambda m: m.update(X, Y, features=np.full((60, 2), np.inf)),
        ValueError,
        "must be finite",
    ),
    (lambda m: m.mix(X), ValueError, "Labels are needed"),
    (lambda m: m.mix(X, Y[:-1]), ValueError, "60 samples and 59 labels"),
    (lambda m: m.mix(X, Y - 3), ValueError, r"\[-1\]"),
    (lambda m: m.mix(X, Y, num_classes=2), ValueError, r"\[2\].*\[0, 2\)"),
    (lambda m: m.mix(X, Y.astype(str)), TypeError, "to_indices"),
    (lambda m: m.mix(*nan_data()), ValueError, r"data\[3\]"),
    (lambda m: m.mix(X[:, :2], Y), ValueError, "must have one shape"),
    (lambda m: m.mix(X[:, :, None], Y), ValueError, "must have one shape"),
    (lambda m: m.mix(X, Y, batch_size=0), ValueError, "`batch_size`"),
    (lambda m: m.mix((X, Y, Y)), ValueError, "Sample weights"),
    (lambda m: m.mix(endless(X, Y)), ValueError, "has no end"),
    (lambda m: m.mix(as_tf_data(X, Y), Y), ValueError, "Drop `y`"),
    (lambda m: m.mix(as_tf_data(X, Y).unbatch()), ValueError, "batch"),
    (lambda m: m.mix(as_tf_data(X[:, :2], Y)), ValueError, "one shape"),
    (
        lambda m: m.mix(Batches(X, Y, use_multiprocessing=True, workers=2)),
        ValueError,
        "use_multiprocessing=True",
    ),
    (lambda m: m.mix(iter([])), ValueError, "is empty"),
    (lambda m: m.mix(iter([X])), ValueError, "Labels are needed"),
    (lambda m: m.mix(None), TypeError, "Received: None"),
    (lambda m: m.load("/dev/null"), ValueError, "damaged"),
    (lambda m: m.restore(None), TypeError, "what `snapshot` returned"),
]


@pytest.mark.parametrize("act, error, message", HOSTILE)
def test_hostile_input_is_refused_and_changes_nothing(act, error, message):
    memory = filled()
    before = content(memory)
    with pytest.raises(error, match=message):
        act(memory)
    assert content(memory) == before
    with pytest.raises(ValueError, match="without `mix`"):
        memory.on_train_begin()


def test_selecting_without_a_model_says_what_is_missing():
    with pytest.raises(ValueError, match="Pass `model=`"):
        ExemplarMemory(5).update(X, Y)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"share": 1.0}, ValueError, "share=1.0"),
        ({"share": -0.1}, ValueError, "share=-0.1"),
        ({"share": "half"}, ValueError, "share='half'"),
        ({"seed": -1}, ValueError, "seed=-1"),
        ({"seed": None}, ValueError, "seed=None"),
        ({"selection": "best"}, ValueError, "must be one of"),
        ({"augmentation": "flip"}, TypeError, "augmentation='flip'"),
        ({"features": "conv5"}, TypeError, "features='conv5'"),
        ({"budget": 0}, ValueError, "budget=0"),
        ({"per_class": 20}, TypeError, "per_class=True"),
    ],
)
def test_useless_arguments_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        ExemplarMemory(**options)
