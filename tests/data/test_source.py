import threading

import keras
import numpy as np
import pytest
from kinds_of_data import KINDS
from kinds_of_data import Batches
from kinds_of_data import as_grain_map
from kinds_of_data import as_loader
from kinds_of_data import as_tf_data
from kinds_of_data import every_kind

from keras_incremental.data import as_source

X = np.arange(40, dtype="float32").reshape(10, 4)
Y = np.arange(10) % 3
UNSIZED = "DataLoader of a stream", "Grain IterDataset", "Grain DataLoader"


@every_kind
def test_all_kinds_of_data_read_the_same(kind):
    source = as_source(KINDS[kind](X, Y), batch_size=4)
    assert source.kind == kind.split()[0]
    sizes = []
    for x, y in source.batches():
        assert isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
        sizes.append(len(x))
        first = sum(sizes[:-1])
        np.testing.assert_array_equal(x, X[first : first + len(x)])
        np.testing.assert_array_equal(y, Y[first : first + len(x)])
    assert sizes == [4, 4, 2]
    assert source.dtype == np.float32
    assert source.has_labels


@every_kind
def test_only_iterators_are_read_once(kind):
    source = as_source(KINDS[kind](X, Y), batch_size=4)
    list(source.batches())
    assert source.reiterable == (kind != "generator")
    if source.reiterable:
        num_batches = len(list(source.batches()))
        assert num_batches == source.num_batches or kind in UNSIZED
    else:
        with pytest.raises(ValueError, match="cannot be read twice"):
            source.batches()


def test_workers_read_at_the_same_time():
    class Meeting(Batches):
        barrier = threading.Barrier(2)

        def __getitem__(self, index):
            # Raises where no other thread comes here in time.
            self.barrier.wait(timeout=20)
            return super().__getitem__(index)

    source = as_source(Meeting((X[:8], Y[:8]), workers=2))
    np.testing.assert_array_equal(source.collect()[0], X[:8])


def test_sizes_are_known_without_reading():
    assert as_source(X, Y, batch_size=4).num_batches == 3
    assert as_source(as_tf_data(X, Y)).num_batches == 3
    assert as_source(as_loader(X, Y)).num_batches == 3
    assert as_source(iter([])).num_batches is None


def test_class_names_of_a_folder_are_kept(tmp_path):
    for name in ("bird", "cat"):
        (tmp_path / name).mkdir()
        keras.utils.save_img(
            tmp_path / name / "0.png",
            np.full((4, 4, 3), 7, "uint8"),
            scale=False,
        )
    data = keras.utils.image_dataset_from_directory(
        str(tmp_path), image_size=(4, 4), verbose=False
    )
    source = as_source(data)
    assert source.class_names == ["bird", "cat"]
    x, y = source.collect()
    assert x.dtype == np.uint8 and np.all(x == 7)
    assert source.dtype == np.float32
    assert sorted(y.tolist()) == [0, 1]


def test_pictures_are_kept_as_bytes_only_if_nothing_is_lost():
    pictures = np.array([[0.0, 255.0], [3.0, 4.0]], "float32")
    x, _ = as_source(pictures).collect()
    assert x.dtype == np.uint8
    for odd in (0.5, -1.0, 256.0, 1e9):
        other = np.array([[odd, 1.0]], "float32")
        source = as_source(np.concatenate([pictures, other]), batch_size=2)
        x, _ = source.collect()
        assert x.dtype == np.float32
        np.testing.assert_array_equal(x[:2], pictures)
        np.testing.assert_array_equal(x[2:], other)


def test_strings_are_pictures_too():
    x, y = as_source(np.array(["one", "three"]), [0, 1]).collect()
    assert x.tolist() == ["one", "three"]
    x, y = as_source(as_tf_data(np.array(["one", "three"]), [0, 1])).collect()
    assert x.tolist() == ["one", "three"]


def test_data_without_labels_has_none():
    for data in (X, as_tf_data(X), iter([X[:4], X[4:]])):
        x, y = as_source(data).collect()
        np.testing.assert_array_equal(x, X)
        assert y is None


def test_steps_bound_what_is_read():
    endless = as_tf_data(X, Y).repeat()
    assert len(list(as_source(endless, steps=5).batches())) == 5
    arrays = as_source(X, Y, batch_size=4, steps=2)
    assert len(arrays.collect()[0]) == 8
    assert len(arrays.whole[1]) == 8
    endless = Batches((X, Y), endless=True)
    assert len(list(as_source(endless, steps=5).batches())) == 5


def test_a_bound_on_bytes_stops_an_endless_iterator():
    def forever():
        while True:
            yield X + 0.5, Y

    with pytest.raises(ValueError, match="does not fit into 1000 bytes"):
        as_source(forever()).collect(max_bytes=1000)


def test_backend_tensors_are_arrays():
    source = as_source(keras.ops.convert_to_tensor(X), Y)
    np.testing.assert_array_equal(source.collect()[0], X)


def with_nan():
    x = X.copy()
    x[7, 1] = np.nan
    return x


def sparse():
    tf = pytest.importorskip("tensorflow")
    return tf.sparse.from_dense(X)


def ragged():
    tf = pytest.importorskip("tensorflow")
    rows = tf.ragged.constant([[1, 2], [3]])
    return tf.data.Dataset.from_tensor_slices((rows, [0, 1])).batch(2)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: as_source(X, Y[:9]), ValueError, "10 samples and 9 labels"),
        (lambda: as_source(X[:0], Y[:0]), ValueError, "`x` is empty"),
        (lambda: as_source(as_tf_data(X, Y).take(0)), ValueError, "is empty"),
        (lambda: as_source(Batches((X[:0], Y[:0]))), ValueError, "is empty"),
        (lambda: as_source(with_nan(), Y), ValueError, r"x\[7\]"),
        (lambda: as_source([[1], [1, 2]]), TypeError, "differ in shape"),
        (lambda: as_source([object()]), TypeError, "object items"),
        (lambda: as_source({"a": X, "b": X[:3]}), ValueError, "'b': 3"),
        (lambda: as_source(X, {"a": Y}), TypeError, "dict with keys"),
        (lambda: as_source(None), TypeError, "Received: None"),
        (lambda: as_source(3.0), ValueError, "must come in batches"),
        (lambda: as_source(sparse()), TypeError, "must be dense"),
        (lambda: as_source(ragged()), TypeError, "must be dense tensors"),
        (lambda: as_source(as_tf_data(X, Y), Y), ValueError, "Drop `y`"),
        (lambda: as_source((X, Y, Y)), ValueError, "Sample weights"),
        (lambda: as_source(as_tf_data(X, Y, Y)), ValueError, "Sample weights"),
        (
            lambda: as_source(as_tf_data(X, Y).unbatch()),
            ValueError,
            r"Pass `x.batch\(32\)`",
        ),
        (
            lambda: as_source(as_tf_data(X, Y).repeat()),
            ValueError,
            "has no end. Received: steps=None",
        ),
        (
            lambda: as_source(Batches((X, Y), endless=True)),
            ValueError,
            "has no end",
        ),
        (
            lambda: as_source(as_grain_map(X, Y).repeat()),
            ValueError,
            "has no end. Received: steps=None",
        ),
        (lambda: as_source(X, Y, batch_size=0), ValueError, "`batch_size`"),
        (lambda: as_source(X, Y, steps=0), ValueError, "`steps`"),
        (
            lambda: as_source(as_tf_data(X, Y), steps=9),
            ValueError,
            "ends after 3 batches",
        ),
    ],
)
def test_bad_data_is_refused_before_it_is_read(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    "batches, message",
    [
        ([], "is empty"),
        ([(X, Y), (X[:, :2], Y)], r"with \(2,\) after \(4,\)"),
        ([(X, Y), (with_nan(), Y)], r"x\[17\]"),
        ([(X, Y[:3])], "10 samples and 3 labels"),
        ([(X[0], Y[0])], "single examples"),
        ([(X, Y), X], "without labels"),
        ([(X, Y, Y)], "Sample weights"),
        ([(X, Y, Y, Y)], "with 4 parts"),
    ],
)
def test_bad_batches_are_refused_as_they_are_read(batches, message):
    with pytest.raises(ValueError, match=message):
        as_source(iter(batches)).collect()


def test_an_iterator_that_ends_early_is_an_error():
    with pytest.raises(ValueError, match="ends after 2 batches.*steps=3"):
        as_source(iter([(X, Y)] * 2), steps=3).collect()
