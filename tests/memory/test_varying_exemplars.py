"""Exemplars that differ in shape are kept as they are."""

import copy
import csv

import keras
import numpy as np
import pytest

from keras_incremental import ExemplarMemory
from keras_incremental.errors import DamagedFileError
from keras_incremental.memory import Reservoir
from keras_incremental.memory import exemplar_files

# Steps of two numbers, of two classes.
Y = np.arange(24) % 2


def sequences(count=24, seed=0):
    draw = np.random.default_rng(seed)
    lengths = draw.integers(1, 6, count)
    return [draw.normal(size=(n, 2)).astype("float32") for n in lengths]


def pictures(count=24, seed=0):
    draw = np.random.default_rng(seed)
    sizes = draw.integers(1, 4, (count, 2))
    return [
        draw.integers(0, 256, (*size, 3)).astype("float32") for size in sizes
    ]


def mean(x):
    return np.mean(x, axis=tuple(range(1, x.ndim - 1)))


X = sequences()


@pytest.fixture(params=["in memory", "in a file"])
def path(request, tmp_path):
    return None if request.param == "in memory" else tmp_path / "x.sqlite"


def herded(path=None, budget=6):
    return ExemplarMemory(budget, features=mean, path=path)


def same(received, expected):
    assert [x.shape for x in received] == [x.shape for x in expected]
    assert all(
        np.array_equal(*pair) and pair[0].dtype == pair[1].dtype
        for pair in zip(received, expected, strict=True)
    )


def kept(memory):
    """The exemplars by their identity, which counts samples as they came."""
    x, y = memory.arrays()
    return {k: (y[n], x[n]) for n, k in enumerate(memory.ids.tolist())}


@pytest.mark.parametrize("make", [sequences, pictures])
def test_the_same_are_selected_as_by_features_alone(path, make):
    x, later = make(), make(10, seed=1)
    memory, by_features = herded(path), ExemplarMemory(6, features=lambda x: x)
    for given, y in ((x, Y), (later, np.full(10, 2)), (later, Y[:10])):
        memory.update(given, y)
        by_features.update(np.stack([mean(s[None])[0] for s in given]), y)
        assert memory.ids.tolist() == by_features.ids.tolist()
        assert memory.counts == by_features.counts
        found = memory.arrays()[0]
        expected = by_features.arrays()[0]
        np.testing.assert_allclose([mean(s[None])[0] for s in found], expected)
    assert memory.sample_shape == ((None,) * (x[0].ndim - 1)) + (
        x[0].shape[-1],
    )


def test_they_come_back_as_they_were_after_all_that_moves_them(path, tmp_path):
    memory = herded(path)
    memory.update(X, Y)
    first = kept(memory)
    in_classes = [*X[::2], *X[1::2]]
    same([x for _, x in first.values()], [in_classes[k] for k in first])
    memory.update(sequences(5, seed=1), np.full(5, 2))
    memory.forget(memory.ids[:1])
    left = {k: first[k] for k in kept(memory) if k in first}
    assert 0 < len(left) < len(first) and memory.counts[2] == 2
    memory.save(tmp_path / "memory.npz")
    loaded, moved = herded(path), herded(tmp_path / "other.sqlite")
    loaded.load(tmp_path / "memory.npz")
    moved.take_over(memory)
    copied = copy.deepcopy(memory)
    for each in (memory, loaded, moved, copied):
        for k, (label, x) in left.items():
            assert kept(each)[k][0] == label
            same([kept(each)[k][1]], [x])
        assert each.sample_shape == (None, 2)
        assert each.nbytes == memory.nbytes
    for each in (memory, loaded, moved, copied):
        each.update(X, Y)
        assert each.ids.tolist() == memory.ids.tolist()


def test_what_the_user_changes_later_is_not_what_is_kept():
    given = sequences()
    memory = herded()
    memory.update(given, Y)
    before = kept(memory)
    for x in given:
        x += 1
    memory.arrays()[0][0][:] = 7
    same([x for _, x in kept(memory).values()], [x for _, x in before.values()])


def test_an_export_has_each_in_its_shape(path, tmp_path):
    memory = herded(path)
    memory.update(pictures(), Y)
    memory.update([x / 2 + 0.25 for x in pictures(4, seed=1)], Y[:4] + 2)
    memory.export(tmp_path / "out")
    with open(tmp_path / "out" / "exemplars.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row, x in zip(rows, memory.arrays()[0], strict=True):
        name = tmp_path / "out" / row["file"]
        if name.suffix == ".npy":
            same([np.load(name)], [x])
        else:
            picture = keras.utils.img_to_array(keras.utils.load_img(name))
            np.testing.assert_array_equal(picture, x)
    assert {row["file"][-4:] for row in rows} == {".npy", ".png"}


def test_a_sample_is_kept_once_before_and_after_others_differ(path):
    memory = herded(path, budget=40)
    equal = [x for x in X if len(x) == 3]
    memory.update(np.stack(equal), np.zeros(len(equal), int))
    assert memory.sample_shape == (3, 2)
    memory.update(X, np.zeros(24, int))
    assert memory.counts == {0: 24} and memory.sample_shape == (None, 2)
    memory.update(np.stack(equal), np.zeros(len(equal), int))
    assert memory.counts == {0: 24}


def test_samples_of_the_same_bytes_and_other_shapes_are_two(path):
    memory = ExemplarMemory(9, selection="random", path=path)
    black = [np.zeros((2, 3, 1)), np.zeros((3, 2, 1)), np.zeros((2, 3, 1))]
    memory.update(black, [0, 0, 0])
    assert sorted(x.shape for x in memory.arrays()[0]) == [(2, 3, 1), (3, 2, 1)]


def test_batches_that_differ_are_read_as_a_list_of_samples():
    memory, of_batches = herded(), herded()
    memory.update(X, Y)
    of_batches.update(((x[None], y[None]) for x, y in zip(X, Y, strict=True)))
    same(of_batches.arrays()[0], memory.arrays()[0])
    assert of_batches.labels.tolist() == memory.labels.tolist()


def test_a_stream_is_kept_as_it_is(path, tmp_path):
    memory, by_number = Reservoir(7, path=path), Reservoir(7)
    for start in range(0, 24, 5):
        part = slice(start, start + 5)
        memory.add(X[part], Y[part])
        by_number.add(np.arange(24)[part, None], Y[part])
    rows = by_number.arrays()[0][:, 0]
    same(memory.arrays()[0], [X[k] for k in rows])
    memory.save(tmp_path / "memory.npz")
    loaded = Reservoir(7, path=path)
    loaded.load(tmp_path / "memory.npz")
    drawn = by_number.draw(4)[0][:, 0]
    for each in (memory, loaded):
        same(each.draw(4)[0], [X[k] for k in drawn])


def test_text_and_samples_of_other_axes_do_not_fit(path):
    memory = herded(path)
    memory.update(X, Y)
    before = kept(memory)
    for given in ([["a", "b"], ["c"]], [X[0], X[1][0]]):
        with pytest.raises(TypeError, match="differ in shape"):
            memory.update(given, [0, 1])
    for given in (X[0], np.full((2, 3, 4, 2), 0.5)):
        with pytest.raises(ValueError, match="the same axes"):
            memory.update(given, np.zeros(len(given), int))
    with pytest.raises(ValueError, match=r"x\[1\]"):
        memory.update([X[0], X[1] * np.nan], [0, 1])
    assert kept(memory).keys() == before.keys()


def test_mix_refuses_them_and_what_it_says_works():
    memory = herded()
    new = np.zeros((4, 5, 2), "float32")
    with pytest.raises(ValueError, match=r"\(None, 2\) in `data`"):
        memory.mix(X, Y)
    memory.update(X, Y)
    batches = ((new, np.full(4, 2)) for _ in range(2))
    for data in ((new, np.full(4, 2)), batches):
        with pytest.raises(ValueError, match=r"\(None, 2\) in the memory"):
            memory.mix(data)
    # What the message says: one shape, before `update`.
    padded = keras.utils.pad_sequences(X, padding="post", dtype="float32")
    memory = herded()
    memory.update(padded, Y)
    x, y = memory.mix(new, np.full(4, 2))[0]
    assert x.shape[1:] == (5, 2) and len(y) > 4


DAMAGE = {
    "a shape of other values": ("shapes", lambda s: s + 1),
    "a negative size": ("shapes", lambda s: -s),
    "no table": ("shapes", lambda s: s[:, 0]),
    "floats": ("shapes", lambda s: s.astype("float32")),
    "fewer samples": ("shapes", lambda s: s[1:]),
    "fewer values": ("x", lambda x: x[1:]),
    "text": ("x", lambda x: x.astype(str)),
    "other axes": ("shapes", lambda s: s[:, ::-1]),
}


@pytest.mark.parametrize("part, change", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_of_them_is_refused(part, change, tmp_path):
    memory = herded()
    memory.update(X, Y)
    memory.save(tmp_path / "memory.npz")
    with np.load(tmp_path / "memory.npz") as saved:
        changed = {**saved, part: change(saved[part])}
    np.savez(tmp_path / "memory.npz", **changed)
    with pytest.raises(DamagedFileError):
        exemplar_files.read(tmp_path / "memory.npz")
