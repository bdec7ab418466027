import keras
import numpy as np
import pytest
from kinds_of_data import KINDS
from kinds_of_data import Batches
from kinds_of_data import as_tf_data
from kinds_of_data import every_kind
from kinds_of_data import read

from keras_incremental import ExemplarMemory
from keras_incremental.data import checked
from keras_incremental.data import map_batches
from keras_incremental.data import with_teacher
from keras_incremental.losses import LossWithTeacher

X = np.arange(24, dtype="float32").reshape(8, 3) / 24
Y = np.full(8, 2)
WEIGHTS = np.arange(8, dtype="float32")
KERNEL = np.arange(6, dtype="float32").reshape(3, 2)


def negate(x, y, sample_weight):
    assert all(isinstance(array, np.ndarray) for array in (x, y))
    return -x, y, sample_weight


def a_teacher():
    head = keras.layers.Dense(2, use_bias=False)
    teacher = keras.Sequential([keras.Input((3,)), head])
    teacher.set_weights([KERNEL])
    return teacher


def a_memory(**options):
    memory = ExemplarMemory(4, features=lambda x: x, **options)
    memory.update(X - 2, np.repeat([0, 1], 4))
    return memory


COMPOSITIONS = {
    "map": lambda data, memory: map_batches(data, negate),
    "teacher of checked": lambda data, memory: with_teacher(
        checked(data, 3), a_teacher()
    ),
    "mix of checked": lambda data, memory: memory.mix(checked(data, 3)),
    "mix of map": lambda data, memory: memory.mix(map_batches(data, negate)),
    "map of mix": lambda data, memory: map_batches(memory.mix(data), negate),
    "teacher of mix": lambda data, memory: with_teacher(
        memory.mix(data, num_classes=3), a_teacher()
    ),
    "teacher of checked of mix": lambda data, memory: with_teacher(
        checked(memory.mix(data, num_classes=3), 3), a_teacher()
    ),
}


@every_kind
@pytest.mark.parametrize("composition", COMPOSITIONS)
def test_compositions_train(kind, composition):
    memory = a_memory()
    data = COMPOSITIONS[composition](KINDS[kind](X, Y), memory)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if "teacher" in composition:
        loss = LossWithTeacher(loss, num_old=2)
    model.compile("sgd", loss, run_eagerly=True)
    arrays = data if isinstance(data, tuple) else (data,)
    mixed = [memory] if "mix" in composition else []
    history = model.fit(
        *arrays, callbacks=mixed, verbose=0, shuffle=False, steps_per_epoch=1
    )
    assert np.isfinite(history.history["loss"]).all()
    assert (2 in memory.counts) == bool(mixed)


@every_kind
def test_each_batch_goes_through_the_function(kind):
    batches = read(map_batches(KINDS[kind](X, Y, WEIGHTS), negate))
    x, y, weights = map(np.concatenate, zip(*batches, strict=True))
    np.testing.assert_array_equal(x, -X)
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(weights, WEIGHTS)


@every_kind
def test_inputs_may_be_a_structure(kind):
    def swap(x, y, sample_weight):
        return {"a": x["b"], "b": x["a"]}, y, sample_weight

    data = KINDS[kind]({"a": X, "b": -X}, Y)
    inputs = [keras.Input((3,), name=name) for name in "ab"]
    outputs = keras.layers.Dense(2)(keras.layers.concatenate(inputs))
    teacher = keras.Model(dict(zip("ab", inputs, strict=True)), outputs)
    taught = with_teacher(checked(map_batches(data, swap), 3), teacher)
    batches = read(taught)
    x = np.concatenate([batch[0]["a"] for batch in batches])
    np.testing.assert_array_equal(x, -X)
    expected = teacher.predict({"a": -X, "b": X}, verbose=0)
    y = np.concatenate([batch[1][0] for batch in batches])
    np.testing.assert_allclose(y, np.c_[Y, expected], atol=1e-5)


@every_kind
def test_the_teacher_sees_the_exemplars(kind):
    mixed = a_memory(share=0.5).mix(KINDS[kind](X, Y), batch_size=4)
    batches = read(with_teacher(mixed, a_teacher()))
    assert [len(batch[0]) for batch in batches] == [8, 8]
    for x, (y,), *_ in batches:
        assert np.all(y[:4, 0] == 2) and np.all(y[4:, 0] < 2)
        np.testing.assert_allclose(y[:, 1:], x @ KERNEL, atol=1e-5)


@every_kind
def test_a_teacher_passes_weights_on(kind):
    batches = read(with_teacher(KINDS[kind](X, Y, WEIGHTS), a_teacher()))
    weights = [w for *_, (w,) in batches]
    assert np.concatenate(weights).tolist() == list(range(8))


@every_kind
def test_exemplars_cannot_be_mixed_into_what_has_a_teacher(kind):
    data = with_teacher(KINDS[kind](X, Y), a_teacher())
    with pytest.raises(Exception, match="Mix first"):
        read(a_memory().mix(data))


@every_kind
def test_a_memory_refuses_weights_and_structures(kind):
    with pytest.raises(Exception, match="Sample weights"):
        read(a_memory().mix(KINDS[kind](X, Y, WEIGHTS)))
    with pytest.raises(Exception, match="must have the same parts"):
        read(a_memory().mix(KINDS[kind]({"a": X, "b": X}, Y)))


@every_kind
def test_data_without_labels_stays_without(kind):
    def double(x, y, sample_weight):
        assert y is None and sample_weight is None
        return 2 * x, y, sample_weight

    (x,) = zip(*read(map_batches(KINDS[kind](X), double)), strict=True)
    np.testing.assert_array_equal(np.concatenate(x), 2 * X)


def test_a_data_set_keeps_its_specs_and_its_names():
    data = as_tf_data(X, Y, WEIGHTS)
    data.class_names = ["cat", "dog", "bird"]
    mapped = map_batches(data, negate)
    assert mapped.element_spec == data.element_spec
    assert mapped.class_names == data.class_names


def test_a_data_set_takes_the_specs_that_it_is_given():
    tf = pytest.importorskip("tensorflow")

    def spec(x, y, sample_weight):
        return tf.TensorSpec((None, 1), "float64"), y, sample_weight

    def last(x, y, sample_weight):
        return x[:, -1:].astype("float64"), y, sample_weight

    mapped = map_batches(as_tf_data(X, Y), last, spec)
    assert mapped.element_spec[0] == tf.TensorSpec((None, 1), "float64")
    np.testing.assert_array_equal(read(mapped)[0][0], X[:4, -1:])


def test_a_dtype_that_does_not_fit_the_spec_is_an_error():
    def as_float(x, y, sample_weight):
        return x / 2.0, y, sample_weight

    mapped = map_batches(as_tf_data(X.astype("uint8"), Y), as_float)
    with pytest.raises(Exception, match="same_kind"):
        read(mapped)


def test_a_data_set_may_hold_text_and_ragged_inputs():
    tf = pytest.importorskip("tensorflow")
    rows = tf.ragged.constant([[1, 2], [3], []])
    words = np.array(["Löwe", "cat", ""])
    data = tf.data.Dataset.from_tensor_slices(((rows, words), [0, 1, 2]))
    (x, y), *rest = checked(data.batch(3), 3)
    assert x[0].to_list() == [[1, 2], [3], []] and not rest
    assert [word.decode() for word in x[1].numpy()] == words.tolist()
    with pytest.raises(Exception, match="outside the classes"):
        list(checked(data.batch(3), 2))


def test_text_that_a_function_makes_is_unicode():
    def shout(x, y, sample_weight):
        return np.array([word.decode().upper() for word in x]), y, sample_weight

    mapped = map_batches(as_tf_data(np.array(["löwe"]), Y[:1]), shout)
    assert next(iter(mapped))[0].numpy()[0].decode() == "LÖWE"


@pytest.mark.parametrize("kind", ["tf.data", "PyDataset", "DataLoader"])
def test_data_that_is_random_in_each_epoch_stays_so(kind):
    class Random(Batches):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x + np.random.rand(*x.shape), y

    if kind == "tf.data":
        data = as_tf_data(X, Y).unbatch().shuffle(8).batch(4)
    elif kind == "PyDataset":
        data = Random((X, Y))
    else:
        torch = pytest.importorskip("torch")
        torch.manual_seed(0)
        data = torch.utils.data.DataLoader(X, batch_size=4, shuffle=True)
    keras.utils.set_random_seed(0)
    same = map_batches(data, lambda *parts: parts)
    one, two = (
        np.concatenate([keras.tree.flatten(batch)[0] for batch in read(same)])
        for _ in range(2)
    )
    assert not np.array_equal(one, two)


def test_a_py_data_set_keeps_its_workers_and_its_hooks():
    calls = []

    class Hooked(Batches):
        def on_epoch_begin(self):
            calls.append("begin")

        def on_epoch_end(self):
            calls.append("end")

    data = Hooked((X, Y), workers=3, max_queue_size=5)
    mapped = map_batches(map_batches(data, negate), negate)
    assert (mapped.workers, mapped.max_queue_size) == (3, 5)
    assert len(mapped) == mapped.num_batches == 2
    mapped.on_epoch_begin()
    mapped.on_epoch_end()
    assert calls == ["begin", "end"]


def test_batches_of_four_parts_are_refused():
    with pytest.raises(ValueError, match="with 4 parts"):
        map_batches((X, Y, Y, Y), negate)
