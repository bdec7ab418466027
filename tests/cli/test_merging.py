"""What devices have learned comes back into the classifier."""

import numpy as np
import pytest
from toy_exports import writes_onnx
from toy_photos import run
from toy_photos import run_json
from toy_photos import write_pets
from toy_photos import write_photos

from keras_incremental import edge
from keras_incremental.cli.image_lists import labeled_images
from keras_incremental.cli.progress import Progress
from keras_incremental.cli.reading import PictureReader
from keras_incremental.models import read_class_names

pytestmark = writes_onnx


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def pets(photos):
    """A classifier whose head is solved, and the file of a device."""
    path = write_pets(photos)
    run("learn", path, photos / "train", "--force")
    folder = photos / "device"
    out = ("--out", folder, "--extendable")
    run("export", path, "--format", "onnx", *out)
    model = edge.load(folder)
    files = labeled_images(photos / "birds")
    reader = PictureReader((8, 8, 3), False, Progress(quiet=True))
    model.learn(reader.read(files).x, "bird")
    model.save(photos / "phone.npz")
    return path, photos / "phone.npz"


def test_merge_learns_what_a_device_has_learned(pets, photos, tmp_path):
    out = tmp_path / "out.keras"
    measured = ("--validation", photos / "test", "--max-drop", 0.1)
    values = run_json("merge", *pets, "--out", out, *measured)
    assert values["accepted"] and values["new_classes"] == ["bird"]
    assert values["score"] > 0.9 and values["out"] == str(out)
    assert read_class_names(out) == ["cat", "dog", "bird"]
    done = run("merge", *pets, "--out", tmp_path / "again.keras")
    assert "solved from statistics of devices" in done.stdout
    assert f"saved to '{tmp_path / 'again.keras'}'" in done.stdout


def test_merge_warns_of_features_that_hardly_tell(pets, photos, tmp_path):
    model = edge.load(photos / "device")
    noise = np.random.default_rng(0).uniform(0, 255, (2, 20, 8, 8, 3))
    model.learn(noise[0], "snow")
    model.learn(noise[1], "sand")
    model.save(tmp_path / "noise.npz")
    out = ("--out", tmp_path / "out.keras")
    done = run("merge", pets[0], tmp_path / "noise.npz", *out)
    assert "hardly tell" in done.stdout


def test_merge_refuses_what_it_cannot_merge(pets, tmp_path):
    model, head = pets
    out = ("--out", tmp_path / "out.keras")
    assert "device once" in run("merge", model, head, head, *out, code=2).stderr
    missing = run("merge", model, tmp_path / "no.npz", *out, code=2)
    assert "no.npz" in missing.stderr
    assert "only with --force" in run("merge", *pets, code=2).stderr
    assert not list(tmp_path.iterdir())
