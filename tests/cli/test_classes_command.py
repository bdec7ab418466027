import numpy as np
import pytest
from toy_photos import copy
from toy_photos import run
from toy_photos import run_json
from toy_photos import write_pets
from toy_photos import write_photos

from keras_incremental.models import load_classifier


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def three(photos):
    """A classifier that has learned birds."""
    path = photos / "three.keras"
    validation = ("--validation", photos / "test")
    pets = write_pets(photos)
    run("learn", pets, photos / "birds", *validation, "--out", path)
    return path


def test_list_says_what_is_kept_of_each_class(three):
    rows = run_json("classes", "list", three)["classes"]
    assert [row["class"] for row in rows] == ["cat", "dog", "bird"]
    assert [row["samples"] for row in rows] == [12, 12, 12]
    text = run("classes", "list", three).stdout.splitlines()
    assert text[0].split() == "index class answers as samples exemplars".split()
    assert text[3].split() == ["2", "bird", "bird", "12", "0"]


def test_history_says_who_came_when(three, photos):
    (phase,) = run_json("classes", "history", three)["phases"]
    record = load_classifier(three).phases[0]
    assert phase == record.get_config() and phase["new_classes"] == ["bird"]
    text = run("classes", "history", three).stdout.splitlines()
    assert text[1].split()[:3] == ["1", record.date[:10], "bird"]
    done = run("classes", "history", photos / "pets.keras")
    assert done.stdout == "nothing was learned yet\n"


def test_rename_changes_the_name_alone(three, tmp_path):
    path = copy(three, tmp_path)
    run("classes", "rename", path, "bird=parrot", "cat=kitten", "--force")
    renamed, before = load_classifier(path), load_classifier(three)
    assert renamed.classes == ("kitten", "dog", "parrot")
    x = np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3))
    np.testing.assert_array_equal(
        renamed.predict(x, verbose=0), before.predict(x, verbose=0)
    )


def test_merge_and_remove_leave_the_others(three, tmp_path):
    out = tmp_path / "merged.keras"
    done = run("classes", "merge", three, "bird=cat", "--out", out)
    assert done.stdout == f"'{out}' knows cat, dog\n"
    answers = run_json("classes", "list", out)["classes"]
    assert [row["answers_as"] for row in answers] == ["cat", "dog", "cat"]
    out = tmp_path / "removed.keras"
    done = run("classes", "remove", three, "cat", "bird", "--out", out)
    assert done.stdout == f"'{out}' knows dog\n"
    answers = run_json("classes", "list", out)["classes"]
    assert [row["answers_as"] for row in answers] == ["", "dog", ""]
    assert [row["samples"] for row in answers] == [0, 12, 0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rename", "bird"), "joined by one ="),
        (("rename", "fish=cat"), "Received: 'fish'"),
        (("rename", "bird=cat"), "more than once"),
        (("merge", "bird=bird"), "cannot be merged"),
        (("remove", "cat", "dog", "bird"), "needs one class"),
    ],
    ids=["no name", "unknown", "taken", "itself", "all"],
)
def test_changes_that_make_no_sense_are_refused(
    three, tmp_path, arguments, words
):
    path, before = copy(three, tmp_path), three.read_bytes()
    action, *names = arguments
    done = run("classes", action, path, *names, "--force", code=2)
    assert words in done.stderr and path.read_bytes() == before


def test_changes_replace_a_file_only_with_force(three):
    done = run("classes", "remove", three, "cat", code=2)
    assert "only with --force" in done.stderr
