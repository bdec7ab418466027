"""Commands that keep, restore and export a classifier."""

import keras
import pytest
from toy_photos import copy
from toy_photos import run
from toy_photos import run_json
from toy_photos import write_pets
from toy_photos import write_photos

from keras_incremental.cli.commands import export
from keras_incremental.models import read_class_names
from keras_incremental.models.exporting import export as formats


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def pets(photos):
    return write_pets(photos)


def test_rollback_takes_back_what_was_learned(pets, photos, tmp_path):
    path = copy(pets, tmp_path)
    keep = ("--force", "--keep-snapshots", 2)
    run("learn", path, photos / "birds", *keep)
    assert read_class_names(path) == ["cat", "dog", "bird"]
    assert "only with --force" in run("rollback", path, code=2).stderr
    values = run_json("rollback", path, "--force")
    assert values == {"out": str(path), "phase": 0}
    assert path.read_bytes() == pets.read_bytes()
    assert "no snapshot" in run("rollback", path, "--force", code=2).stderr


def test_export_writes_for_another_runtime(pets, tmp_path):
    out = tmp_path / "plain.keras"
    arguments = ("export", pets, "--format", "keras", "--out", out)
    done = run(*arguments)
    assert done.stdout == f"'{out}' answers with cat, dog, as keras\n"
    assert keras.saving.load_model(out).output_shape == (None, 2)
    assert "only with --force" in run(*arguments, code=2).stderr
    first = run_json(*arguments, "--force", "--first", 1)
    assert first["classes"] == ["cat"]


def test_export_knows_all_formats():
    assert sorted(export.FORMATS) == sorted(formats.FORMATS)


def test_export_refuses_what_does_not_fit(pets, tmp_path):
    out = ("--out", tmp_path / "pets.onnx")
    done = run("export", pets, "--format", "onnx", "--int8", *out, code=2)
    assert "Only LiteRT is quantized" in done.stderr
    done = run("export", pets, "--format", "keras", *out, code=2)
    assert "does not fit the format" in done.stderr
    assert "Invalid value" in run("export", pets, "--format", "exe", *out,
                                  code=2).stderr  # fmt: skip
    one_file = ("--format", "keras", "--out", tmp_path / "pets.keras")
    run("export", pets, "--extendable", *one_file, code=2)
    assert list(tmp_path.iterdir()) == []
