import gzip

import numpy as np
import pytest
from benchmarks import datasets
from PIL import Image


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits")


@pytest.fixture
def fashion_dir(tmp_path):
    for prefix, count in (("train", 4), ("t10k", 2)):
        images = np.arange(count, dtype="uint8").repeat(28 * 28)
        labels = np.arange(count, dtype="uint8")
        for part, header, values in (
            ("images-idx3", 16, images),
            ("labels-idx1", 8, labels),
        ):
            path = tmp_path / f"{prefix}-{part}-ubyte.gz"
            path.write_bytes(gzip.compress(bytes(header) + values.tobytes()))
    return tmp_path


@pytest.fixture
def photo_dir(tmp_path):
    for split in ("train", "test"):
        for label, name in enumerate(("cat", "dog")):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for index in range(3):
                shape = (20 + index, 30, 3)
                picture = np.full(shape, 100 * label + 50, "uint8")
                Image.fromarray(picture).save(folder / f"{name}.{index}.jpg")
    return tmp_path


def test_digits_are_rgb_bytes_split_1200_to_597(digits):
    assert digits.x_train.shape == (1200, 8, 8, 3)
    assert digits.x_test.shape == (597, 8, 8, 3)
    assert digits.x_train.dtype == np.uint8
    assert digits.x_train.max() == 255
    assert digits.class_names == tuple("0123456789")


def test_digits_are_split_evenly_over_the_classes(digits):
    share = np.bincount(digits.y_train) / np.bincount(
        np.concatenate([digits.y_train, digits.y_test])
    )
    np.testing.assert_allclose(share, 1200 / 1797, atol=0.01)


def test_digits_are_always_split_in_the_same_way(digits):
    again = datasets.load("digits")
    np.testing.assert_array_equal(again.x_test, digits.x_test)
    np.testing.assert_array_equal(again.y_test, digits.y_test)


def test_per_class_takes_the_first_of_each_class(digits):
    few = datasets.load("digits", train_per_class=2, test_per_class=1)
    assert np.bincount(few.y_train).tolist() == [2] * 10
    assert np.bincount(few.y_test).tolist() == [1] * 10
    first = np.flatnonzero(digits.y_train == 3)[:2]
    np.testing.assert_array_equal(
        few.x_train[few.y_train == 3], digits.x_train[first]
    )


def test_image_size_is_height_and_width():
    data = datasets.load(
        "digits", image_size=(6, 12), train_per_class=1, test_per_class=1
    )
    assert data.x_train.shape == (10, 6, 12, 3)


def test_fashion_mnist_is_read_from_debian_files(fashion_dir):
    data = datasets.load("fashion_mnist", data_dir=fashion_dir)
    assert data.x_train.shape == (4, 28, 28, 3)
    assert data.y_test.tolist() == [0, 1]
    assert data.x_train[:, 0, 0].tolist() == [[i] * 3 for i in range(4)]
    assert len(data.class_names) == 10


def test_missing_fashion_mnist_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte.gz"):
        datasets.load("fashion_mnist", data_dir=tmp_path)


def test_photos_are_read_from_folders(photo_dir):
    data = datasets.load("cats_vs_dogs", data_dir=photo_dir, image_size=16)
    assert data.x_train.shape == (6, 16, 16, 3)
    assert data.y_train.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.class_names == ("cat", "dog")
    np.testing.assert_allclose(data.x_test[0], 50, atol=2)
    np.testing.assert_allclose(data.x_test[-1], 150, atol=2)


def test_photos_are_160_pixels_unless_told(photo_dir):
    data = datasets.load("cats_vs_dogs", photo_dir, None, 1, 1)
    assert data.x_train.shape == (2, 160, 160, 3)


def test_an_empty_folder_of_photos_is_named(photo_dir):
    for path in (photo_dir / "test" / "dog").glob("*.jpg"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="dog"):
        datasets.load("cats_vs_dogs", data_dir=photo_dir)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", ["fashion_mnist", "cats_vs_dogs", "cifar10", "tfds:mnist"]
)
def test_tensorflow_datasets_are_read(name):
    import tensorflow_datasets as tfds

    with tfds.testing.mock_data(num_examples=6):
        data = datasets.load(name, image_size=8)
    assert data.x_train.shape[1:] == (8, 8, 3)
    assert data.x_train.dtype == np.uint8
    assert len(data.x_train) == len(data.y_train) > 0
    assert set(data.y_test.tolist()) <= set(range(len(data.class_names)))


@pytest.mark.filterwarnings("ignore")
def test_a_set_without_a_test_split_has_pictures_to_test_on():
    import tensorflow_datasets as tfds

    with tfds.testing.mock_data(num_examples=10):
        data = datasets.load("tfds:cats_vs_dogs", image_size=8)
    assert data.class_names == ("cat", "dog")
    assert len(data.x_train) > 0 and len(data.x_test) > 0


@pytest.mark.filterwarnings("ignore")
def test_data_without_pictures_and_labels_are_refused():
    with pytest.raises(ValueError, match="no `image` and `label`"):
        datasets.load("tfds:titanic")


def test_unknown_name_is_refused():
    with pytest.raises(ValueError, match="name='mnist'"):
        datasets.load("mnist")


def test_less_than_one_of_each_class_is_refused():
    with pytest.raises(ValueError, match="test_per_class=0"):
        datasets.load("digits", test_per_class=0)


def test_phases_end_with_what_is_left():
    names = list("abcdefg")
    assert datasets.phases(names, 3, 3) == [["a", "b", "c"], list("def"), ["g"]]


def test_phases_of_all_classes_is_one():
    assert datasets.phases(["a", "b"], 2, 1) == [["a", "b"]]


def test_phases_of_a_seed_are_those_of_the_field():
    # np.random.seed(1993); np.random.shuffle(list(range(10)))
    order = np.concatenate(datasets.phases(range(10), 5, 5, seed=1993))
    state = np.random.RandomState(1993)
    expected = np.arange(10)
    state.shuffle(expected)
    assert order.tolist() == expected.tolist()


@pytest.mark.parametrize("initial, increment", [(0, 1), (4, 1), (1, 0)])
def test_impossible_phases_are_refused(initial, increment):
    with pytest.raises(ValueError, match="Received: initial="):
        datasets.phases(["a", "b", "c"], initial, increment)
