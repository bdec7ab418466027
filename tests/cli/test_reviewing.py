"""What is unknown is found, sorted by a person, and learned."""

import csv
import shutil

import pytest
from toy_photos import copy
from toy_photos import run
from toy_photos import run_json
from toy_photos import write_folder
from toy_photos import write_pets
from toy_photos import write_photos

from keras_incremental.models import read_class_names


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = write_photos(tmp_path_factory.mktemp("photos"))
    write_folder(folder / "known", 40, seed=5, names=("cat", "dog"))
    return folder


@pytest.fixture(scope="module")
def pets(photos):
    path = write_pets(photos)
    done = run("calibrate", path, photos / "known", "--force")
    assert "false alarms 5.0 %" in done.stdout and f"'{path}'" in done.stdout
    return path


@pytest.fixture(scope="module")
def sorted_by(photos, pets):
    """A folder that `review` has written, and what it printed."""
    out = photos / "sort"
    values = run_json("review", pets, photos / "test", "--out", out)
    return out, values


def test_predict_answers_unknown(pets, photos):
    values = run_json("predict", pets, photos / "birds", "--unknown")
    names = [row["class"] for row in values["predictions"]]
    assert names == ["unknown"] * 12


def test_predict_and_review_without_calibration(photos, tmp_path):
    path = tmp_path / "pets.keras"
    model = photos / "cats_dogs.keras"
    run("adopt", model, "--classes", "cat,dog", "--out", path)
    done = run("predict", path, photos / "birds", "--unknown", code=2)
    assert f"calibrate {path} DATA" in done.stderr
    out = tmp_path / "sort"
    values = run_json("review", path, photos / "test", "--out", out)
    assert {row["reason"] for row in values["pictures"]} <= {"uncertain"}


def test_after_learn_what_is_unknown_is_estimated(pets, photos, tmp_path):
    out = tmp_path / "pets.keras"
    run("learn", pets, photos / "birds", "--class", "bird", "--out", out)
    values = run_json("predict", out, photos / "birds", "--unknown")
    names = [row["class"] for row in values["predictions"]]
    assert names.count("bird") > 6
    run("review", out, photos / "test", "--out", tmp_path / "sort")


def test_review_writes_a_folder_for_each_proposed_class(sorted_by, photos):
    out, values = sorted_by
    rows = values["pictures"]
    with open(out / "review.csv", newline="") as file:
        listed = list(csv.DictReader(file))
    assert [row["file"] for row in listed] == [row["file"] for row in rows]
    for row in rows:
        copied, source = out / row["file"], photos / row["source"]
        assert copied.read_bytes() == source.read_bytes()
        assert copied.parent.name == row["proposed"]
    birds = [row for row in rows if "/bird/" in row["source"]]
    assert len(birds) == 8
    assert {row["proposed"] for row in birds} == {"unknown-1"}
    assert len(list((photos / "test" / "bird").iterdir())) == 8


def test_learn_takes_back_what_was_named(sorted_by, pets, photos, tmp_path):
    folder = shutil.copytree(sorted_by[0], tmp_path / "sort")
    path = copy(pets, tmp_path)
    (folder / "unknown-1").rename(folder / "bird")
    (folder / "unknown-2").mkdir()
    shutil.copy(photos / "test/cat/0.png", folder / "unknown-2")
    done = run("learn", path, folder, "--force")
    assert "Left out" in done.stderr and "nobody has named" in done.stderr
    assert read_class_names(path) == ["cat", "dog", "bird"]


def test_learn_refuses_a_folder_where_nothing_has_a_name(
    photos, pets, tmp_path
):
    (tmp_path / "unknown-1").mkdir()
    (tmp_path / "review.csv").write_text("file\n")
    shutil.copy(photos / "test/cat/0.png", tmp_path / "unknown-1")
    done = run("learn", pets, tmp_path, "--force", code=2)
    assert "no folder for each class" in done.stderr


def test_review_replaces_no_folder(pets, photos, sorted_by):
    arguments = ("review", pets, photos / "test", "--out", sorted_by[0])
    done = run(*arguments, code=2)
    assert "exists" in done.stderr
