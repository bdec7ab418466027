"""Pictures of TensorFlow Datasets."""

PREFIX = "tfds:"
PARTS = {"train": "train[:80%]", "test": "train[80%:]"}


def pairs(name, split, data_dir=None):
    """Pairs of picture and label, always in the same order.

    Args:
        name: Name of the data set.
        split: As TensorFlow Datasets take it.
        data_dir: Folder of prepared data sets, or `None` for theirs.
    """
    tfds = package(name)
    data = tfds.load(
        name,
        split=split,
        data_dir=data_dir,
        as_supervised=True,
        shuffle_files=False,
    )
    return tfds.as_numpy(data)


def reader_of(name):
    """What `datasets.load` knows of a data set that has pictures and labels.

    Where there is no split for tests, the last fifth of the training data
    is one.

    Args:
        name: Name of the data set.

    Returns:
        A function of a split and a folder, names of the classes, and `None`
        for the size of the pictures.
    """
    features = package(name).builder(name).info.features
    if not features or not {"image", "label"} <= set(features):
        raise ValueError(
            f"'{name}' of TensorFlow Datasets has no `image` and `label`. "
            f"Received: features={features}."
        )

    def read(split, data_dir):
        splits = package(name).load(name, data_dir=data_dir)
        part = split if "test" in splits else PARTS[split]
        return pairs(name, part, data_dir)

    return read, tuple(features["label"].names), None


def package(name):
    """TensorFlow Datasets, or an error with the line that installs it."""
    try:
        import importlib_resources  # noqa: F401
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            f"'{name}' comes from TensorFlow Datasets: `pip install "
            "tensorflow-datasets importlib_resources tensorflow`, or give "
            "the folder of its files as `data_dir`."
        ) from error
    return tfds
