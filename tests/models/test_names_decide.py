"""`fit` and `evaluate` match labels of data sets by the names of folders."""

import keras
import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import samples

from keras_incremental.data.by_name import by_name
from keras_incremental.data.labels import to_indices

# As folders are sorted, and as the classes arrived.
FOLDERS = ("bird", "cat", "dog")
CLASSES = ("cat", "dog", "bird")


@pytest.fixture(scope="module")
def clf():
    result = classifier()
    learn(result, [2])
    assert result.classes == CLASSES
    return result


class Folders(keras.utils.PyDataset):
    def __init__(self, x, y, class_names):
        super().__init__()
        self.arrays = x, y
        self.class_names = class_names

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.arrays


def tf_data(x, y, class_names):
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)
    data.class_names = class_names
    return data


def loader(x, y, class_names):
    from torch.utils.data import DataLoader
    from torch.utils.data import StackDataset

    data = StackDataset(x, y)
    data.classes = class_names
    return DataLoader(data, batch_size=32)


KINDS = {"tf.data": tf_data, "PyDataset": Folders, "DataLoader": loader}


def in_folders(count=30, folders=FOLDERS):
    """Samples of classes, and labels that number folders."""
    x, y = samples([NAMES.index(name) for name in folders], count, seed=5)
    return x, np.array([folders.index(NAMES[label]) for label in y])


def labels_of(data):
    if isinstance(data, keras.utils.PyDataset):
        return np.concatenate([data[i][1] for i in range(len(data))])
    return np.concatenate([np.asarray(y) for _, y in data])


@pytest.mark.parametrize("kind", KINDS)
def test_labels_become_indices_of_the_model(kind):
    x, y = in_folders()
    data = by_name(KINDS[kind](x, y, list(FOLDERS)), CLASSES, to_indices)
    expected = [CLASSES.index(FOLDERS[label]) for label in y]
    assert labels_of(data).tolist() == expected
    # What was matched is not matched again.
    assert by_name(data, CLASSES, to_indices) is data


@pytest.mark.parametrize("kind", KINDS)
def test_evaluate_matches_by_name(kind, clf):
    x, y = in_folders()
    result = clf.evaluate(
        KINDS[kind](x, y, list(FOLDERS)), verbose=0, return_dict=True
    )
    assert result["accuracy"] > 0.9


@pytest.mark.parametrize("folders", [("bird",), ("bird", "dog")])
def test_fewer_folders_are_matched_too(folders, clf):
    x, y = in_folders(folders=folders)
    data = tf_data(x, y, list(folders))
    result = clf.evaluate(data, verbose=0, return_dict=True)
    assert result["accuracy"] > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_fit_and_its_validation_match_by_name(kind):
    result = classifier()
    learn(result, [2])
    x, y = in_folders()
    data = KINDS[kind](x, y, list(FOLDERS))
    history = result.fit(
        data, validation_data=data, epochs=2, shuffle=False, verbose=0
    ).history
    assert history["val_accuracy"][0] > 0.9
    assert history["accuracy"][0] > 0.9
    scores = result.evaluate_classes(x, [FOLDERS[label] for label in y])
    assert min(scores.values()) > 0.8


def test_rows_become_rows_of_the_model():
    x, y = in_folders(4)
    rows = np.eye(3, dtype="float32")[y]
    data = by_name(tf_data(x, rows, FOLDERS), (*CLASSES, "fish"), to_indices)
    assert data.element_spec[1].shape.as_list() == [None, 4]
    labels = labels_of(data)
    assert labels.dtype == "float32" and labels.shape == (12, 4)
    expected = [CLASSES.index(FOLDERS[label]) for label in y]
    assert labels.argmax(1).tolist() == expected


def test_a_folder_of_no_class_is_named(clf):
    x, y = in_folders()
    data = tf_data(x, y, ["bird", "cat", "wolf"])
    for use in (clf.fit, clf.evaluate):
        with pytest.raises(ValueError, match=r"\['wolf'\].*Teach them"):
            use(data, verbose=0)
    with pytest.raises(ValueError, match="wolf.*`validation_data`"):
        clf.fit(x, y, validation_data=data, verbose=0)


def test_data_without_names_is_left_as_it_is():
    data = Folders(*in_folders(2), None)
    assert by_name(data, CLASSES, to_indices) is data
