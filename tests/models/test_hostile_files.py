import zipfile

import keras
import pytest
from hostile import X
from hostile import Y
from hostile import refused
from hostile import says
from hostile import shared_classifier

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.models import read_class_names

EXEMPLARS = "assets/exemplars.npz"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "clf.keras"
    shared_classifier().save(path)
    return path


def half(data):
    return data[: len(data) // 2]


def rewritten(path, target, name, change):
    """A copy of a `.keras` file, one file inside it changed."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.namelist():
            data = old.read(item)
            new.writestr(item, change(data) if item == name else data)
    return target


def exemplars_of(x, y, path):
    memory = ExemplarMemory(20)
    memory.update(x, y, features=x)
    memory.save(path)
    return path


def test_half_a_file_is_refused(saved, tmp_path):
    path = tmp_path / "half.keras"
    path.write_bytes(half(saved.read_bytes()))
    with pytest.raises(ValueError, match="half.keras.*accessible `.keras`"):
        keras.models.load_model(path)
    with pytest.raises(ValueError, match="damaged.*half.keras.*another copy"):
        read_class_names(path)


DAMAGE = "exemplars is damaged.*exemplars.npz.*Use another copy"
FILE_CASES = {
    "half of the exemplars": (EXEMPLARS, half, DAMAGE),
    "none of the exemplars": (EXEMPLARS, lambda data: b"", DAMAGE),
    "half of the weights": ("model.weights.h5", half, "truncated"),
    "half of the configuration": ("config.json", half, "char"),
    "a class less": (
        "config.json",
        lambda data: data.replace(b', "bird"]', b"]"),
        r"name the 3 classes of the model.*\['caf\u00e9', 'dog'\]",
    ),
}


@pytest.mark.parametrize("case", FILE_CASES)
def test_a_damaged_file_gives_no_classifier(case, saved, tmp_path):
    name, change, message = FILE_CASES[case]
    path = rewritten(saved, tmp_path / "clf.keras", name, change)
    with pytest.raises((ValueError, OSError), match=f"(?s){message}"):
        keras.models.load_model(path)


OTHERS = {
    "of other classes": (
        lambda path: exemplars_of(X, Y + 7, path),
        "another classifier",
        "exemplars of classes [7, 8]; there are 3 classes",
        "Load the file that was saved with this",
    ),
    "of other pictures": (
        lambda path: exemplars_of(X[:, :2], Y, path),
        "reads samples of shape (4,)",
        "`memory` with samples of shape (2,)",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_exemplars_of_another_classifier_are_not_loaded(case, saved, tmp_path):
    make, *parts = OTHERS[case]
    other = make(tmp_path / "other.npz").read_bytes()
    path = rewritten(saved, tmp_path / "c.keras", EXEMPLARS, lambda _: other)
    with pytest.raises(ValueError, match=says(*parts)):
        keras.models.load_model(path)


@pytest.mark.parametrize("case", OTHERS)
@pytest.mark.parametrize("method", ["learn", "remember"])
def test_exemplars_of_another_classifier_are_not_used(case, method, tmp_path):
    make, *parts = OTHERS[case]
    clf = shared_classifier()
    kept = clf.memory.snapshot()
    clf.memory.load(make(tmp_path / "other.npz"))
    try:
        with refused(ValueError, *parts):
            getattr(clf, method)(X, classes=["dog"])
    finally:
        clf.memory.restore(kept)


def test_half_a_file_of_exemplars_leaves_the_memory(tmp_path):
    clf = shared_classifier()
    clf.memory.save(tmp_path / "memory.npz")
    path = tmp_path / "half.npz"
    path.write_bytes(half((tmp_path / "memory.npz").read_bytes()))
    parts = ("is damaged", "half.npz", "Use another copy")
    with refused(ValueError, *parts):
        clf.memory.load(path)


@pytest.mark.parametrize("method", ["save", "to_keras"])
def test_a_folder_that_does_not_exist_is_named(method, tmp_path):
    path = tmp_path / "nowhere" / "clf.keras"
    with refused(FileNotFoundError, "No such file", "nowhere") as clf:
        getattr(clf, method)(path)
    assert not path.parent.exists()


@pytest.mark.parametrize("name", ["clf.h5", "clf", "clf.keras.zip"])
def test_names_are_kept_in_keras_files_only(name, tmp_path):
    parts = ("`filepath` must end in `.keras`", name)
    with refused(ValueError, *parts) as clf:
        clf.to_keras(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["clf.h5", "clf.hdf5"])
def test_no_function_of_keras_writes_hdf5(name, tmp_path):
    with refused(ValueError, "An HDF5 file", "`clf.save`") as clf:
        keras.saving.save_model(clf, tmp_path / name)
    keras.saving.save_model(clf.to_keras(), tmp_path / name)


def test_a_file_without_names_is_named(tmp_path):
    path = tmp_path / "plain.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(path)
    with pytest.raises(ValueError, match="no classes.*plain.keras.*Write it"):
        read_class_names(path)
