import keras
import memory_data as data
import numpy as np
import pytest

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory


@pytest.mark.parametrize("route", data.ROUTES)
def test_a_quarter_of_each_batch_is_replayed(route):
    mixed = data.filled().mix(route(*data.new_data(), 24), batch_size=24)
    batches = data.numpy_batches(mixed)
    # 24 + 8, 24 + 8 and the rest of 12 + 4.
    assert [len(x) for x, _ in batches] == [32, 32, 16]
    for x, y in batches:
        new = 3 * len(x) // 4
        assert np.all(x[:new, 0] >= 1000) and np.all(x[new:, 0] < 1000)
        assert np.all(y[:new] == 2) and np.all(y[new:] < 2)
        assert x.dtype == np.float32
    seen = np.concatenate([x[:, 0] for x, _ in batches])
    assert sorted(seen[seen >= 1000]) == list(range(1000, 1060))


@pytest.mark.parametrize("route", data.ROUTES)
def test_replayed_labels_belong_to_replayed_samples(route):
    x, y = data.old_data()
    truth = dict(zip(x[:, 0], y, strict=True))
    for xs, ys in data.numpy_batches(
        data.filled().mix(route(*data.new_data()))
    ):
        old = xs[:, 0] < 1000
        assert [truth[v] for v in xs[old, 0]] == ys[old].tolist()


@pytest.mark.parametrize("route", data.ROUTES[:4])
def test_every_exemplar_is_seen_equally_often(route):
    memory = data.filled(7)
    mixed = memory.mix(route(*data.new_data(), 24), batch_size=24)
    seen = []
    for _ in range(4):
        for x, _ in data.numpy_batches(mixed):
            seen.extend(x[x[:, 0] < 1000, 0])
    assert len(seen) == 4 * 20
    _, counts = np.unique(seen, return_counts=True)
    assert len(counts) == 7
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("share, expected", [(0.5, 24), (0.01, 1), (0.0, 0)])
def test_the_share_decides_how_much_is_replayed(share, expected):
    x, _ = data.numpy_batches(
        data.filled(share=share).mix(*data.new_data(), batch_size=24)
    )[0]
    assert len(x) == 24 + expected


def test_arrays_come_in_a_new_order_each_epoch():
    mixed = data.filled().mix(*data.new_data(), batch_size=60)
    one, two = (data.numpy_batches(mixed)[0][0][:60, 0] for _ in range(2))
    assert one.tolist() != two.tolist()
    assert sorted(one) == sorted(two)


def test_a_seed_repeats_the_batches():
    def run(seed):
        mixed = data.filled(seed=seed).mix(*data.new_data())
        return [x.tolist() for x, _ in data.numpy_batches(mixed)]

    assert run(3) == run(3)
    assert run(3) != run(4)


@pytest.mark.parametrize("route", data.ROUTES)
def test_an_empty_memory_leaves_the_data_as_it_is(route):
    memory = ExemplarMemory(12)
    batches = data.numpy_batches(
        memory.mix(route(*data.new_data(), 24), batch_size=24)
    )
    assert [len(x) for x, _ in batches] == [24, 24, 12]
    x = np.concatenate([x for x, _ in batches])
    assert sorted(x[:, 0]) == list(range(1000, 1060))


@pytest.mark.parametrize("route", data.ROUTES[:4])
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
    x, y = data.new_data()
    encoded = encode(y)
    mixed = data.filled().mix(route(x, encoded, 24), batch_size=24)
    _, labels = data.numpy_batches(mixed)[0]
    assert labels.shape == shape
    assert labels.dtype == encoded.dtype
    plain = labels.argmax(-1) if shape[-1] == 5 else labels.ravel()
    assert np.all(plain[:24] == 2) and set(plain[24:]) <= {0, 1}


@pytest.mark.parametrize("route", data.ROUTES[:4])
def test_replayed_samples_are_augmented_but_never_stored(route):
    memory = data.filled(augmentation=lambda x: -x)
    before = data.content(memory)
    for x, _ in data.numpy_batches(memory.mix(route(*data.new_data()))):
        assert np.all(x[x[:, 0] < 1000, 0] <= 0)
        assert np.sum(x[:, 0] >= 1000) > 0
    assert data.content(memory) == before


def test_a_layer_augments_in_training_mode():
    memory = data.filled(augmentation=keras.layers.GaussianNoise(1.0, seed=1))
    x, _ = data.numpy_batches(memory.mix(*data.new_data()))[0]
    old = x[x[:, 0] < 900]
    assert np.all(old[:, 1:] != 0)


def test_pictures_stay_bytes():
    pictures = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 3))
    memory = ExemplarMemory(6, selection="random")
    memory.update(pictures.astype("float32"), np.repeat([0, 1], 6))
    assert memory.snapshot().x.dtype == np.uint8
    assert memory.arrays()[0].dtype == np.float32
    new = pictures.astype("float32") / 255
    x, _ = data.numpy_batches(memory.mix(new, np.full(12, 2)))[0]
    assert x.dtype == np.float32
    x, _ = data.numpy_batches(memory.mix(pictures.astype("uint8"), [2] * 12))[0]
    assert x.dtype == np.uint8


def test_floats_are_not_cut_to_bytes():
    memory = ExemplarMemory(4, features=data.identity)
    memory.update(np.full((4, 3), 0.5, "float32"), np.zeros(4, int))
    with pytest.raises(ValueError, match="prepared in the same way"):
        memory.mix(np.ones((4, 3), "uint8"), np.ones(4, int))


def test_one_hot_labels_that_are_too_narrow_name_the_width():
    memory = ExemplarMemory(9, features=data.identity)
    memory.update(*data.old_data((3, 3, 3)))
    y = keras.utils.to_categorical([0, 1] * 30, 2)
    x, _ = data.new_data()
    for labeled in ((x, y), data.as_tf_data(x, y)):
        with pytest.raises(ValueError, match="num_classes=3"):
            memory.mix(labeled)


def test_labels_that_do_not_fit_the_dtype_are_refused():
    memory = ExemplarMemory(4, features=data.identity)
    memory.update(np.zeros((4, 3), "float32"), np.full(4, 300))
    x, y = data.new_data()
    with pytest.raises(ValueError, match="classes up to 300"):
        memory.mix(x, y.astype("uint8"))


def test_an_augmentation_must_keep_the_shape():
    memory = data.filled(augmentation=lambda x: x[:, :1])
    with pytest.raises(ValueError, match="keep the shape"):
        memory.mix(*data.new_data())[0]
