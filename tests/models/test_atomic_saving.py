import errno
import os
import pathlib
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest
from hostile import X
from hostile import Y
from hostile import make_classifier
from hostile import refused

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.memory import Reservoir
from keras_incremental.models import read_class_names
from keras_incremental.reporting import model_card


@pytest.fixture(scope="module")
def clf():
    return make_classifier()


@pytest.fixture(scope="module")
def report(clf):
    return make_classifier().learn(X[:4], classes=["fish"], epochs=1, verbose=0)


def memory():
    result = ExemplarMemory(20)
    result.update(X, Y, features=X)
    return result


def reservoir():
    result = Reservoir(20)
    result.add(X, Y)
    return result


# All that the package writes.
WRITERS = {
    "save": ("a.keras", lambda clf, report: clf.save),
    "save_weights": ("a.weights.h5", lambda clf, report: clf.save_weights),
    "to_keras": ("a.keras", lambda clf, report: clf.to_keras),
    "exemplars": ("a.npz", lambda clf, report: memory().save),
    "reservoir": ("a.npz", lambda clf, report: reservoir().save),
    "report": ("a.json", lambda clf, report: report.to_json),
    "page": ("a.html", lambda clf, report: report.to_html),
    "card": (
        "a.md",
        lambda clf, report: lambda path: model_card(clf, [report], path=path),
    ),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_leaves_the_old_file(
    writer, clf, report, tmp_path, monkeypatch
):
    name, method = WRITERS[writer]
    write, path = method(clf, report), tmp_path / name
    path.write_bytes(b"old")

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(np, "savez", full)
        patched.setattr(zipfile.ZipFile, "open", full)
        patched.setattr(h5py.Group, "create_group", full)
        patched.setattr("pathlib.Path.write_text", full)
        with pytest.raises(OSError, match="No space left"):
            write(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [name]
    write(path)
    assert path.read_bytes() != b"old"
    assert os.listdir(tmp_path) == [name]


def test_a_checkpoint_replaces_the_old_file_at_the_end(clf, tmp_path):
    path = tmp_path / "best.keras"
    clf.save(path)
    old = path.read_bytes()
    seen = []

    class Watch(keras.callbacks.ModelCheckpoint):
        def on_epoch_end(self, epoch, logs=None):
            save = clf.memory.save

            def watched(inner):
                seen.append(path.read_bytes() == old)
                save(inner)

            clf.memory.save = watched
            super().on_epoch_end(epoch, logs)
            clf.memory.save = save

    clf.fit(X, Y, verbose=0, callbacks=[Watch(path)])
    assert seen == [True]
    assert path.read_bytes() != old
    assert keras.models.load_model(path).classes == clf.classes
    assert os.listdir(tmp_path) == ["best.keras"]


def test_an_old_file_is_replaced_only_if_the_user_agrees(
    clf, tmp_path, monkeypatch
):
    path = tmp_path / "a.keras"
    clf.save(path, overwrite=False)
    path.write_bytes(b"old")
    monkeypatch.setattr("builtins.input", lambda *args: "n")
    clf.save(path, overwrite=False)
    assert path.read_bytes() == b"old"
    monkeypatch.setattr("builtins.input", lambda *args: "y")
    clf.save(path, overwrite=False)
    assert read_class_names(path) == list(clf.classes)


def test_a_new_folder_is_written_too(clf, tmp_path):
    path = tmp_path / "folder"
    clf.save(path, zipped=False)
    loaded = keras.models.load_model(path)
    assert loaded.classes == clf.classes
    with pytest.raises(FileExistsError, match="folder.*Choose a new name"):
        clf.save(path, zipped=False)


def test_weights_are_divided_among_files_by_keras(clf, tmp_path):
    clf.save_weights(tmp_path / "a.weights.json", max_shard_size=1)
    clf.load_weights(tmp_path / "a.weights.json")
    assert (tmp_path / "a.weights.json").exists()


@pytest.mark.parametrize("name", ["a.h5", "a", "a.keras.zip"])
def test_a_file_without_room_for_the_memory_is_refused(name, tmp_path):
    with refused(ValueError, "must end in `.keras`", name, "to_keras") as clf:
        clf.save(tmp_path / name)
    with refused(ValueError, "must end in `.weights.h5`", name) as clf:
        clf.save_weights(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_file_outlives_a_kill_at_any_point_of_a_save():
    root = pathlib.Path(__file__).parents[2]
    command = "-m examples.benchmarks.kill_points --points 8"
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    counted = dict(part.split("=") for part in done.stdout.split())
    assert int(counted["old"]) and int(counted["new"])
    assert int(counted["old"]) + int(counted["new"]) == 8
    assert int(counted["leftovers"])
