"""The data sets of the benchmarks, as arrays of RGB bytes."""

import collections
import dataclasses
import gzip
import pathlib

import numpy as np

from . import from_tfds

FASHION_NAMES = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
CAT_AND_DOG = ("cat", "dog")
TFDS = ("cifar10", "cifar100")


@dataclasses.dataclass(frozen=True)
class Data:
    """Pictures to learn from and to test on.

    Attributes:
        x_train: Bytes of shape `(num_samples, height, width, 3)`.
        y_train: Ints of shape `(num_samples,)`, indices of `class_names`.
        x_test: As `x_train`.
        y_test: As `y_train`.
        class_names: Tuple of strings.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple


def load(
    name: str,
    data_dir: str | None = None,
    image_size: int | tuple | None = None,
    train_per_class: int | None = None,
    test_per_class: int | None = None,
) -> Data:
    """Loads a data set of the benchmarks.

    Args:
        name: `"digits"`: 8 x 8 pixels, from scikit-learn, split 1,200 and
            597; `"fashion_mnist"`: 28 x 28; `"cats_vs_dogs"`; `"cifar10"`
            or `"cifar100"`: 32 x 32; or `"tfds:"` and the name of another
            set of TensorFlow Datasets with pictures and labels.
        data_dir: Folder of the data. For `"fashion_mnist"` it holds the four
            `*-ubyte.gz` files, as Debian's `dataset-fashion-mnist` does; for
            `"cats_vs_dogs"` the folders `train/cat`, `train/dog`, `test/cat`
            and `test/dog` of `.jpg` files; for others, where TensorFlow
            Datasets keep theirs. Defaults to `None`: from TensorFlow
            Datasets, the photos split 80 to 20.
        image_size: Int or `(height, width)`: what the pictures are resized
            to. Defaults to `None`: as they are, but photos to 160. Sets with
            pictures of many sizes need one.
        train_per_class: Int: only so many of each class, the first ones.
            Defaults to `None`, all.
        test_per_class: As `train_per_class`.

    Returns:
        A `Data`.

    Raises:
        FileNotFoundError: if `data_dir` does not hold the data.
        ImportError: if the package that reads the data is not installed.
        ValueError: if there is no data set of the name.

    Example:

    >>> from benchmarks import datasets
    >>> data = datasets.load("digits", image_size=16, train_per_class=5)
    >>> data.x_train.shape
    (50, 16, 16, 3)
    """
    limits = {"train": train_per_class, "test": test_per_class}
    for split, limit in limits.items():
        if limit is not None and limit < 1:
            raise ValueError(
                f"`{split}_per_class` must be 1 or more, or None. Received: "
                f"{split}_per_class={limit}."
            )
    reader, class_names, default_size = _reader(name)
    size = _pair(image_size or default_size)
    arrays = []
    for split, limit in limits.items():
        pairs = reader(split, data_dir)
        arrays.extend(_collect(pairs, len(class_names), size, limit))
    return Data(*arrays, class_names)


def phases(
    class_names, initial: int, increment: int, seed: int | None = None
) -> list[list[str]]:
    """Which classes arrive in which phase.

    Args:
        class_names: Names, in the order of their indices.
        initial: Int, 1 or more: how many classes the first phase has.
        increment: Int, 1 or more: how many each later one adds. The last
            one adds what is left.
        seed: Int or `None`. The seed of the order of classes, 1993 in the
            field. Defaults to `None`: the order of `class_names`.

    Returns:
        A list of names for each phase.

    Example:

    >>> from benchmarks import datasets
    >>> datasets.phases(["cat", "dog", "bird", "cow"], 2, 1)
    [['cat', 'dog'], ['bird'], ['cow']]
    """
    names = list(class_names)
    if not 1 <= initial <= len(names) or increment < 1:
        raise ValueError(
            f"`initial` must be from 1 to {len(names)}, the number of "
            "classes, and `increment` 1 or more. Received: "
            f"initial={initial}, increment={increment}."
        )
    if seed is not None:
        order = np.random.RandomState(seed).permutation(len(names))
        names = [names[index] for index in order]
    starts = range(initial, len(names), increment)
    return [names[:initial]] + [names[i : i + increment] for i in starts]


def _reader(name):
    if name in READERS:
        return READERS[name]
    if name in TFDS:
        return from_tfds.reader_of(name)
    if name.startswith(from_tfds.PREFIX):
        return from_tfds.reader_of(name.removeprefix(from_tfds.PREFIX))
    raise ValueError(
        f"`name` must be one of {sorted([*READERS, *TFDS])}, or begin with "
        f"'{from_tfds.PREFIX}'. Received: name={name!r}."
    )


def _digits(split, data_dir):
    try:
        from sklearn import datasets
        from sklearn import model_selection
    except ImportError as error:
        raise ImportError(
            "The digits come from scikit-learn: `pip install scikit-learn`."
        ) from error
    digits = datasets.load_digits()
    parts = model_selection.train_test_split(
        digits.images,
        digits.target,
        train_size=1200,
        stratify=digits.target,
        random_state=0,
    )
    first = 0 if split == "train" else 1
    images = np.round(parts[first] * (255 / 16)).astype("uint8")
    return zip(images, parts[first + 2], strict=True)


def _fashion_mnist(split, data_dir):
    if data_dir is None:
        return from_tfds.pairs("fashion_mnist", split)
    prefix = pathlib.Path(data_dir) / {"train": "train", "test": "t10k"}[split]
    images = _idx(f"{prefix}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    return zip(images, _idx(f"{prefix}-labels-idx1-ubyte.gz", 8), strict=True)


def _idx(path, header):
    if not pathlib.Path(path).exists():
        raise FileNotFoundError(
            f"There is no file {path}. `data_dir` must hold the four "
            "`*-ubyte.gz` files of Fashion-MNIST."
        )
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), "uint8", offset=header)


def _cats_vs_dogs(split, data_dir):
    if data_dir is None:
        return from_tfds.pairs("cats_vs_dogs", from_tfds.PARTS[split])
    return _folders(pathlib.Path(data_dir) / split, CAT_AND_DOG)


def _folders(folder, class_names):
    paths = [sorted((folder / name).glob("*.jpg")) for name in class_names]
    for name, found in zip(class_names, paths, strict=True):
        if not found:
            raise FileNotFoundError(
                f"There are no `.jpg` files in {folder / name}."
            )
    for label, found in enumerate(paths):
        for path in found:
            yield path, label


def _collect(pairs, num_classes, size, limit):
    """The first `limit` pictures of each class, in the order they come."""
    images, labels, counts = [], [], collections.Counter()
    for image, label in pairs:
        label = int(label)
        if counts[label] == limit:
            continue
        counts[label] += 1
        images.append(_picture(image, size))
        labels.append(label)
        if limit and sum(counts.values()) == limit * num_classes:
            break
    return np.stack(images), np.asarray(labels, "int64")


def _picture(image, size):
    """RGB bytes of a picture, which is an array or a path."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Pictures are read and resized by Pillow: `pip install pillow`."
        ) from error
    if isinstance(image, pathlib.Path):
        with Image.open(image) as file:
            picture = file.convert("RGB")
    else:
        if image.ndim == 3 and image.shape[-1] == 1:
            image = image[..., 0]
        picture = Image.fromarray(image).convert("RGB")
    if size:
        height, width = size
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture)


def _pair(size):
    return (size, size) if isinstance(size, int) else size


READERS = {
    "digits": (_digits, tuple(str(digit) for digit in range(10)), None),
    "fashion_mnist": (_fashion_mnist, FASHION_NAMES, None),
    "cats_vs_dogs": (_cats_vs_dogs, CAT_AND_DOG, 160),
}
