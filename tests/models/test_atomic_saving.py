import contextlib
import errno
import os
import pathlib
import re
import resource
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from hostile import X
from hostile import Y
from hostile import make_classifier
from hostile import refused
from toy_exports import writes_onnx
from toy_exports import writes_saved_models
from whole_state import differences
from whole_state import whole_state

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.memory import Reservoir
from keras_incremental.models import read_class_names
from keras_incremental.models.exporting.extendable import head_of
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


def learn_and_save(clf, path):
    options = {"epochs": 1, "verbose": 0}
    callbacks = [keras.callbacks.ModelCheckpoint(path)]
    clf.learn(X[:4], classes=["bird"], callbacks=callbacks, **options)


def export(format):
    return lambda clf, report, path: clf.export(path, format, verbose=0)


# All that the package writes: a name, and a function that writes it.
WRITERS = {
    "save": ("a.keras", lambda clf, report, path: clf.save(path)),
    "checkpoint": ("a.keras", lambda clf, _, path: learn_and_save(clf, path)),
    "weights": ("a.weights.h5", lambda clf, _, path: clf.save_weights(path)),
    "to_keras": ("a.keras", lambda clf, _, path: clf.to_keras(path)),
    "exemplars": ("a.npz", lambda clf, _, path: memory().save(path)),
    "reservoir": ("a.npz", lambda clf, _, path: reservoir().save(path)),
    "head": ("a.npz", lambda clf, _, path: head_of(clf).save(path)),
    "report": ("a.json", lambda clf, report, path: report.to_json(path)),
    "page": ("a.html", lambda clf, report, path: report.to_html(path)),
    "card": (
        "a.md",
        lambda clf, report, path: model_card(clf, [report], path=path),
    ),
    "onnx": ("a.onnx", export("onnx")),
    "saved model": ("a", export("tf_saved_model")),
}
FORMATS = {"onnx": writes_onnx, "saved model": writes_saved_models}


@contextlib.contextmanager
def full_disk(path, patched):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    patched.setattr(np, "savez", full)
    patched.setattr(zipfile.ZipFile, "open", full)
    patched.setattr(pathlib.Path, "write_bytes", full)
    patched.setattr(pathlib.Path, "write_text", full)
    patched.setattr("onnx.save", full)
    with pytest.raises(OSError, match="No space left.*Delete files") as caught:
        yield path
    assert caught.value.filename == os.fspath(path)


@contextlib.contextmanager
def file_size_limit(path, patched):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700, before[1]))
    try:
        with pytest.raises(OSError, match="too large.*ulimit -f") as caught:
            yield path
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == os.fspath(path)


@contextlib.contextmanager
def read_only_folder(path, patched):
    """Forbids new files; root may write where nobody may."""
    mkdir = os.mkdir

    def forbidding(made, *args, **kwargs):
        if pathlib.Path(made).parent == path.parent:
            raise PermissionError(errno.EACCES, "Permission denied", made)
        mkdir(made, *args, **kwargs)

    patched.setattr(os, "mkdir", forbidding)
    with pytest.raises(PermissionError) as caught:
        yield path
    assert caught.value.filename == os.fspath(path)


@contextlib.contextmanager
def long_name(path, patched):
    path = path.with_name("a" * 300 + path.name)
    with pytest.raises(OSError, match="name too long.*aaa"):
        yield path


FAULTS = (full_disk, file_size_limit, read_only_folder, long_name)


@pytest.mark.parametrize(
    "writer",
    [pytest.param(name, marks=FORMATS.get(name, ())) for name in WRITERS],
)
def test_what_cannot_be_written_leaves_the_old_file(
    writer, clf, report, tmp_path, monkeypatch
):
    name, write = WRITERS[writer]
    path, before = tmp_path / name, whole_state(clf)
    # A folder is never replaced, so there is no old one.
    old = [] if writer == "saved model" else [name]
    for file in old:
        (tmp_path / file).write_bytes(b"old")
    for fault in FAULTS:
        if fault is full_disk and writer == "saved model":
            # TensorFlow writes it, by calls that no test can replace.
            continue
        with monkeypatch.context() as patched, fault(path, patched) as tried:
            write(clf, report, tried)
        assert os.listdir(tmp_path) == old, fault.__name__
        assert not old or path.read_bytes() == b"old"
    assert not differences(before, whole_state(clf))
    write(clf, report, path)
    assert os.listdir(tmp_path) == [name]
    assert path.is_dir() or path.read_bytes() != b"old"


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


def test_a_run_goes_on_from_its_file_after_a_kill():
    root = pathlib.Path(__file__).parents[2]
    command = "-m examples.benchmarks.kill_points --points 2 --exemplars 500"
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = dict(re.findall(r"(\w+)=(\d+)", done.stdout.splitlines()[-1]))
    assert (found["phase"], found["save"]) == ("1", "1")
    assert int(found["old"]) + int(found["new"]) == 2
