import keras
import numpy as np
import pytest

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory

BACKEND = keras.config.backend()


def identity(x):
    return x


def new_data(label=2, size=60):
    """Samples that tell their number; new ones are 1000 and more."""
    x = np.zeros((size, 3), "float32")
    x[:, 0] = 1000 + np.arange(size)
    return x, np.full(size, label)


def old_data(sizes=(8, 8)):
    x = np.zeros((sum(sizes), 3), "float32")
    x[:, 0] = np.arange(sum(sizes))
    return x, np.repeat(np.arange(len(sizes)), sizes)


def filled(budget=12, **options):
    memory = ExemplarMemory(budget, features=identity, **options)
    memory.update(*old_data())
    return memory


def content(memory):
    return [part.tolist() for part in (*memory.arrays(), memory.ids)]


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y, size=24, **options):
        super().__init__(**options)
        self.x, self.y, self.size = x, y, size

    @property
    def num_batches(self):
        return -(-len(self.x) // self.size)

    def __getitem__(self, index):
        part = slice(index * self.size, (index + 1) * self.size)
        return self.x[part], self.y[part]


def as_py_dataset(x, y, size=24):
    return Batches(x, y, size)


def as_tf_data(x, y, size=24):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(size)


def as_loader(x, y, size=24):
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(
        torch.from_numpy(x), torch.from_numpy(y)
    )
    return torch.utils.data.DataLoader(data, batch_size=size)


def as_generator(x, y, size=24):
    return ((x[i : i + size], y[i : i + size]) for i in range(0, len(x), size))


def as_arrays(x, y, size=24):
    return x, y


ROUTES = [as_arrays, as_py_dataset, as_tf_data, as_loader, as_generator]
FIT_ROUTES = [r for r in ROUTES if r is not as_loader or BACKEND == "torch"]


def numpy_batches(mixed):
    """One epoch, read in the way that `fit` reads it."""
    if hasattr(mixed, "on_epoch_begin"):
        mixed.on_epoch_begin()
        batches = [mixed[i] for i in range(mixed.num_batches)]
        mixed.on_epoch_end()
    else:
        batches = list(mixed)
    return [(np.asarray(x), np.asarray(y)) for x, y in batches]


@pytest.mark.parametrize("route", ROUTES)
def test_a_quarter_of_each_batch_is_replayed(route):
    mixed = filled().mix(route(*new_data(), 24), batch_size=24)
    batches = numpy_batches(mixed)
    # 24 + 8, 24 + 8 and the rest of 12 + 4.
    assert [len(x) for x, _ in batches] == [32, 32, 16]
    for x, y in batches:
        new = 3 * len(x) // 4
        assert np.all(x[:new, 0] >= 1000) and np.all(x[new:, 0] < 1000)
        assert np.all(y[:new] == 2) and np.all(y[new:] < 2)
        assert x.dtype == np.float32
    seen = np.concatenate([x[:, 0] for x, _ in batches])
    assert sorted(seen[seen >= 1000]) == list(range(1000, 1060))


@pytest.mark.parametrize("route", ROUTES)
def test_replayed_labels_belong_to_replayed_samples(route):
    x, y = old_data()
    truth = dict(zip(x[:, 0], y, strict=True))
    for xs, ys in numpy_batches(filled().mix(route(*new_data()))):
        old = xs[:, 0] < 1000
        assert [truth[v] for v in xs[old, 0]] == ys[old].tolist()


@pytest.mark.parametrize("route", ROUTES[:4])
def test_every_exemplar_is_seen_equally_often(route):
    memory = filled(7)
    mixed = memory.mix(route(*new_data(), 24), batch_size=24)
    seen = []
    for _ in range(4):
        for x, _ in numpy_batches(mixed):
            seen.extend(x[x[:, 0] < 1000, 0])
    assert len(seen) == 4 * 20
    _, counts = np.unique(seen, return_counts=True)
    assert len(counts) == 7
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("share, expected", [(0.5, 24), (0.01, 1), (0.0, 0)])
def test_the_share_decides_how_much_is_replayed(share, expected):
    x, _ = numpy_batches(filled(share=share).mix(*new_data(), batch_size=24))[0]
    assert len(x) == 24 + expected


def test_arrays_come_in_a_new_order_each_epoch():
    mixed = filled().mix(*new_data(), batch_size=60)
    one, two = (numpy_batches(mixed)[0][0][:60, 0] for _ in range(2))
    assert one.tolist() != two.tolist()
    assert sorted(one) == sorted(two)


def test_a_seed_repeats_the_batches():
    def run(seed):
        mixed = filled(seed=seed).mix(*new_data())
        return [x.tolist() for x, _ in numpy_batches(mixed)]

    assert run(3) == run(3)
    assert run(3) != run(4)


@pytest.mark.parametrize("route", ROUTES)
def test_an_empty_memory_leaves_the_data_as_it_is(route):
    memory = ExemplarMemory(12)
    batches = numpy_batches(memory.mix(route(*new_data(), 24), batch_size=24))
    assert [len(x) for x, _ in batches] == [24, 24, 12]
    x = np.concatenate([x for x, _ in batches])
    assert sorted(x[:, 0]) == list(range(1000, 1060))


@pytest.mark.parametrize("route", ROUTES[:4])
@pytest.mark.parametrize(
    "encode, shape",
    [
        (lambda y: y.astype("uint8"), (32,)),
        (lambda y: y[:, None].astype("float32"), (32, 1)),
        (lambda y: keras.utils.to_categorical(y, 5), (32, 5)),
    ],
)
def test_labels_of_the_memory_come_in_the_form_of_the_data(
    route, encode, shape
):
    x, y = new_data()
    encoded = encode(y)
    mixed = filled().mix(route(x, encoded, 24), batch_size=24)
    _, labels = numpy_batches(mixed)[0]
    assert labels.shape == shape
    assert labels.dtype == encoded.dtype
    plain = labels.argmax(-1) if shape[-1] == 5 else labels.ravel()
    assert np.all(plain[:24] == 2) and set(plain[24:]) <= {0, 1}


@pytest.mark.parametrize("route", ROUTES[:4])
def test_replayed_samples_are_augmented_but_never_stored(route):
    memory = filled(augmentation=lambda x: -x)
    before = content(memory)
    for x, _ in numpy_batches(memory.mix(route(*new_data()))):
        assert np.all(x[x[:, 0] < 1000, 0] <= 0)
        assert np.sum(x[:, 0] >= 1000) > 0
    assert content(memory) == before


def test_a_layer_augments_in_training_mode():
    memory = filled(augmentation=keras.layers.GaussianNoise(1.0, seed=1))
    x, _ = numpy_batches(memory.mix(*new_data()))[0]
    old = x[x[:, 0] < 900]
    assert np.all(old[:, 1:] != 0)


def test_pictures_stay_bytes():
    pictures = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 3))
    memory = ExemplarMemory(6, selection="random")
    memory.update(pictures.astype("float32"), np.repeat([0, 1], 6))
    assert memory.snapshot().x.dtype == np.uint8
    assert memory.arrays()[0].dtype == np.float32
    new = pictures.astype("float32") / 255
    x, _ = numpy_batches(memory.mix(new, np.full(12, 2)))[0]
    assert x.dtype == np.float32
    x, _ = numpy_batches(memory.mix(pictures.astype("uint8"), [2] * 12))[0]
    assert x.dtype == np.uint8


def test_features_may_be_given_as_an_array():
    points = np.array([[1, 0], [0, 1], [-1, 0], [0, -1], [0.6, 0.8]])
    memory = ExemplarMemory(5)
    memory.update(np.arange(5.0)[:, None], np.zeros(5, int), features=points)
    assert memory.arrays()[0].ravel().tolist() == [4, 3, 1, 2, 0]


def make_model(outputs=3, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(outputs, name="head"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1e-4), loss, **options)
    return model


def train(model, memory, mixed, **options):
    others = options.pop("callbacks", [])
    options = {"verbose": 0, "shuffle": False, **options}
    return model.fit(mixed, callbacks=[memory, *others], **options)


@pytest.mark.backend
@pytest.mark.parametrize("route", FIT_ROUTES)
def test_fit_selects_new_exemplars_and_shortens_the_old(route):
    memory = filled()
    old = {c: memory.arrays()[0][memory.arrays()[1] == c] for c in (0, 1)}
    train(make_model(), memory, memory.mix(route(*new_data())), epochs=2)
    assert memory.counts == {0: 4, 1: 4, 2: 4}
    x, y = memory.arrays()
    assert np.all(x[y == 2, 0] >= 1000)
    for label, rows in old.items():
        np.testing.assert_array_equal(x[y == label], rows[:4])
    assert memory.phases.tolist() == [0] * 8 + [1] * 4


@pytest.mark.backend
def test_selection_uses_the_final_features_in_inference_mode():
    x, y = new_data(0, 30)
    x[:, 1] = np.random.default_rng(0).normal(size=30)
    model, memory = make_model(), ExemplarMemory(5)
    train(model, memory, memory.mix(x / 1000, y))
    hidden = keras.Model(model.inputs, model.layers[0].output)
    features = hidden.predict(x / 1000, verbose=0)
    expected = ExemplarMemory(5)
    expected.update(x / 1000, y, features=features)
    assert content(memory) == content(expected)


@pytest.mark.backend
def test_equal_runs_give_equal_memories():
    def run():
        memory, model = ExemplarMemory(8, seed=5), make_model()
        for label in range(2):
            train(model, memory, memory.mix(*new_data(label, 40)))
        return content(memory)

    assert run() == run()


@pytest.mark.backend
@pytest.mark.parametrize("route", [as_arrays, as_tf_data, as_py_dataset])
def test_exemplars_reach_the_loss(route):
    # The bias of class 0 moves up only if class 0 is among the targets.
    def bias_of_class_0(memory):
        model = make_model()
        train(model, memory, memory.mix(route(*new_data())), epochs=3)
        return model.get_layer("head").get_weights()[1][0]

    only_0 = ExemplarMemory(8, features=identity, share=0.75)
    only_0.update(np.zeros((8, 3), "float32"), np.zeros(8, int))
    assert bias_of_class_0(only_0) > 0
    assert bias_of_class_0(ExemplarMemory(8, features=identity)) < 0


@pytest.mark.backend
@pytest.mark.skipif(BACKEND == "jax", reason="JAX traces even when eager")
@pytest.mark.parametrize("route", [as_arrays, as_tf_data, as_py_dataset])
def test_fit_sees_every_exemplar_equally_often(route):
    seen, memory = [], filled(7)

    class Recorder(keras.Sequential):
        def compute_loss(self, x=None, *args, **kwargs):
            seen.extend(keras.ops.convert_to_numpy(x)[:, 0])
            return super().compute_loss(x, *args, **kwargs)

    model = Recorder([keras.Input((3,)), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=True)
    mixed = memory.mix(route(*new_data(), 24), batch_size=24)
    # Building the model on torch runs it on zeros first.
    clear = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: seen.clear()
    )
    train(model, memory, mixed, epochs=3, callbacks=[clear])
    counts = np.unique([v for v in seen if v < 1000], return_counts=True)[1]
    assert counts.sum() == 3 * 20 and len(counts) == 7
    assert counts.max() - counts.min() <= 1


@pytest.mark.backend
def test_steps_per_epoch_may_cut_a_pass():
    memory = filled()
    mixed = memory.mix(*new_data(), batch_size=12)
    train(make_model(), memory, mixed, epochs=2, steps_per_epoch=2)
    assert memory.counts == {0: 4, 1: 4, 2: 4}


@pytest.mark.backend
def test_a_fit_that_fails_leaves_the_memory_as_it_was():
    class Fail(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("stop")

    memory, model = filled(), make_model()
    before = content(memory)
    mixed = memory.mix(*new_data())
    with pytest.raises(RuntimeError, match="stop"):
        train(model, memory, mixed, callbacks=[Fail()])
    assert content(memory) == before
    with pytest.raises(ValueError, match="call `mix` for each `fit`"):
        train(model, memory, mixed)
    train(model, memory, memory.mix(*new_data()))
    assert memory.counts == {0: 4, 1: 4, 2: 4}


@pytest.mark.backend
def test_fit_without_mix_is_refused_before_training():
    model, memory = make_model(), ExemplarMemory(5)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"model.fit\(memory.mix\(data\)"):
        model.fit(*new_data(), callbacks=[memory], verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.backend
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("route", [as_arrays, as_tf_data, as_py_dataset])
def test_a_label_without_an_output_stops_fit(route, jit_compile):
    if BACKEND == "torch" and jit_compile:
        pytest.skip("torch has no XLA here")
    x, y = new_data()
    y[-1] = 7
    memory = filled()
    before = content(memory)
    model = make_model(jit_compile=jit_compile)
    with pytest.raises(Exception, match=r"\[7\](.|\n)*\[0, 3\)"):
        train(model, memory, memory.mix(route(x, y)))
    assert content(memory) == before
    assert np.all(np.isfinite(model.get_weights()[0]))


def test_a_model_without_outputs_for_the_memory_is_refused():
    memory = filled()
    mixed = memory.mix(new_data()[0], np.zeros(60, int))
    with pytest.raises(
        ValueError, match="holds class 5, but the model has 2 out"
    ):
        memory.update(*new_data(5))
        train(make_model(2), memory, mixed)


@pytest.mark.backend
def test_a_model_without_features_is_refused_before_training():
    class Opaque(keras.Model):
        def __init__(self):
            super().__init__()
            self.head = keras.layers.Dense(3)

        def call(self, x):
            return self.head(x)

    model, memory = Opaque(), ExemplarMemory(5)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model(X[:1])
    with pytest.raises(ValueError, match="Or give `features`"):
        train(model, memory, memory.mix(*new_data()))


def test_two_exemplar_outputs_of_a_sigmoid_are_allowed():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")]
    )
    model.compile("sgd", "binary_crossentropy")
    memory = filled()
    mixed = memory.mix(new_data()[0], np.zeros(60, int), batch_size=60)
    train(model, memory, mixed)
    assert memory.counts == {0: 6, 1: 6}


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
    (lambda m: m.update(X, Y[:-1]), ValueError, "60 pictures and 59 labels"),
    (lambda m: m.update(X), ValueError, "Exemplars need labels"),
    (lambda m: m.update(X, Y - 3), ValueError, r"\[-1\]"),
    (lambda m: m.update(X, Y + 0.5), ValueError, r"\[2.5\]"),
    (lambda m: m.update(X, Y.astype(str)), TypeError, "to_indices"),
    (lambda m: m.update(X, np.full(60, np.nan)), ValueError, r"\[nan\]"),
    (lambda m: m.update(X, np.zeros((60, 4))), ValueError, "one label for"),
    (lambda m: m.update(X[:0], Y[:0]), ValueError, "is empty"),
    (lambda m: m.update(*nan_data()), ValueError, r"x\[3\]"),
    (lambda m: m.update(X[:, :2], Y), ValueError, "must have one shape"),
    (lambda m: m.update([[1], [1, 2]], [0, 1]), TypeError, "differ in shape"),
    (lambda m: m.update({"a": X}, Y), TypeError, "a dict"),
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
    (lambda m: m.mix(X, Y[:-1]), ValueError, "60 pictures and 59 labels"),
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


def test_floats_are_not_cut_to_bytes():
    memory = ExemplarMemory(4, features=identity)
    memory.update(np.full((4, 3), 0.5, "float32"), np.zeros(4, int))
    with pytest.raises(ValueError, match="prepared in the same way"):
        memory.mix(np.ones((4, 3), "uint8"), np.ones(4, int))


def test_one_hot_labels_that_are_too_narrow_name_the_width():
    memory = ExemplarMemory(9, features=identity)
    memory.update(*old_data((3, 3, 3)))
    y = keras.utils.to_categorical([0, 1] * 30, 2)
    for data in ((X, y), as_tf_data(X, y)):
        with pytest.raises(ValueError, match="num_classes=3"):
            memory.mix(data)


def test_labels_that_do_not_fit_the_dtype_are_refused():
    memory = ExemplarMemory(4, features=identity)
    memory.update(np.zeros((4, 3), "float32"), np.full(4, 300))
    mixed = memory.mix(X, Y.astype("uint8"))
    with pytest.raises(ValueError, match="classes up to 300"):
        mixed[0]


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


def test_an_augmentation_must_keep_the_shape():
    memory = filled(augmentation=lambda x: x[:, :1])
    with pytest.raises(ValueError, match="keep the shape"):
        memory.mix(*new_data())[0]
