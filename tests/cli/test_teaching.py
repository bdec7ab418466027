"""From a trained model to a class more, by commands alone."""

import keras
import numpy as np
import pytest
from toy_photos import copy
from toy_photos import run
from toy_photos import run_json
from toy_photos import write_model
from toy_photos import write_pets
from toy_photos import write_photos

from keras_incremental.models import load_classifier
from keras_incremental.models import read_class_names


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def pets(photos):
    return write_pets(photos)


@pytest.fixture(scope="module")
def learned(photos, pets):
    """What `learn` printed, and the file that it wrote."""
    out = photos / "pets2.keras"
    values = run_json(
        *("learn", pets, photos / "birds"),
        *("--validation", photos / "test", "--max-drop", "0.02"),
        *("--out", out, "--report", photos / "report.html"),
    )
    return values, out


def test_adopt_names_the_outputs_of_a_model(photos, pets):
    assert read_class_names(pets) == ["cat", "dog"]
    assert load_classifier(pets).statistics.counts.tolist() == [12, 12]


def test_learn_adds_the_class_of_a_folder(learned, photos):
    values, out = learned
    assert values["accepted"] and values["out"] == str(out)
    assert values["new_classes"] == ["bird"] and values["score"] > 0.9
    assert read_class_names(out) == ["cat", "dog", "bird"]
    assert "bird" in (photos / "report.html").read_text()


def test_learn_prints_the_report(photos, pets, tmp_path):
    out = tmp_path / "out.keras"
    birds = photos / "birds" / "bird"
    done = run("learn", pets, birds, "--class", "parrot", "--out", out)
    assert "parrot" in done.stdout and f"saved to '{out}'" in done.stdout
    assert read_class_names(out)[-1] == "parrot"


def test_learn_keeps_pictures_if_told(photos, pets, tmp_path):
    out = tmp_path / "out.keras"
    run("learn", pets, photos / "birds", "--memory", 10, "--out", out)
    memory = load_classifier(out).memory
    assert memory.budget == 10 and memory.counts == {2: 10}


def test_learn_weighs_classes(photos, pets, learned, tmp_path):
    path, weight = copy(pets, tmp_path), ("--class-weight", "bird=1000")
    run("learn", path, photos / "birds", *weight, "--force")
    assert load_classifier(path).class_weight == {"bird": 1000.0}
    grey = np.full((1, 8, 8, 3), 107, "uint8")
    plain, heavy = load_classifier(learned[1]), load_classifier(path)
    rise = heavy.predict(grey)[0] - plain.predict(grey)[0]
    assert rise[2] - rise[:2].max() > 1
    run("learn", path, photos / "birds", "--class-weight", "dog=2", "--force")
    assert load_classifier(path).class_weight == {"bird": 1000.0, "dog": 2.0}


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (["bird"], "bird=5"),
        (["=5"], "bird=5"),
        (["bird=5", "bird=6"], "each class once"),
        (["bird=much"], "is a number"),
        (["bird=0"], "above 0"),
        (["horse=5"], "bird', 'cat', 'dog"),
    ],
)
def test_a_wrong_weight_of_a_class_changes_nothing(
    photos, pets, tmp_path, weights, said
):
    path, before = copy(pets, tmp_path), pets.read_bytes()
    options = [part for text in weights for part in ("--class-weight", text)]
    done = run("learn", path, photos / "birds", *options, "--force", code=2)
    assert said in done.stderr and weights[-1].split("=")[0] in done.stderr
    assert path.read_bytes() == before


def test_learn_keeps_how_the_classifier_is_compiled(photos, pets, tmp_path):
    clf = load_classifier(pets)
    clf.compile(keras.optimizers.SGD(0.25), clf.loss)
    clf.save(tmp_path / "pets.keras")
    path = (tmp_path / "pets.keras", photos / "birds", "--force")
    run("learn", *path, "--memory", 10)
    optimizer = load_classifier(tmp_path / "pets.keras").optimizer
    assert type(optimizer) is type(keras.optimizers.SGD())
    assert float(optimizer.learning_rate) == 0.25


def test_evaluate_gives_the_accuracy_of_each_class(learned, photos):
    values = run_json("evaluate", learned[1], photos / "test")
    assert values["samples"] == 24
    assert set(values["per_class"]) == {"bird", "cat", "dog"}
    clf = load_classifier(learned[1])
    data = keras.utils.image_dataset_from_directory(
        photos / "test", image_size=(8, 8), shuffle=False, verbose=False
    )
    scores = clf.evaluate_classes(data)
    assert {c: v["accuracy"] for c, v in values["per_class"].items()} == scores
    assert values["accuracy"] == pytest.approx(sum(scores.values()) / 3)
    text = run("evaluate", learned[1], photos / "test").stdout
    assert text.splitlines()[0].split() == ["class", "accuracy", "pictures"]
    assert text.splitlines()[-1].split()[0] == "all"


def test_predict_names_each_picture(learned, photos):
    values = run_json("predict", learned[1], photos / "test" / "bird")
    rows = values["predictions"]
    assert len(rows) == 8 and rows[0]["path"].endswith("0.png")
    right = [row["class"] == "bird" and row["score"] > 1 / 3 for row in rows]
    assert sum(right) >= 7
    text = run("predict", learned[1], photos / "test", "--csv").stdout
    assert text.splitlines()[0] == "path,class,score"
    assert len(text.splitlines()) == 25


def test_a_refused_update_writes_nothing_but_its_report(photos, pets, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / "dog").symlink_to(photos / "train" / "cat")
    before = pets.read_bytes()
    report = tmp_path / "report.json"
    done = run(
        *("learn", copy(pets, tmp_path), wrong, "--force", "--epochs", 5),
        *("--validation", photos / "train", "--max-drop", 0.02),
        *("--report", report),
        code=3,
    )
    assert "REFUSED" in done.stdout and "nothing was saved" in done.stdout
    assert (tmp_path / "pets.keras").read_bytes() == before
    assert '"accepted": false' in report.read_text()


def test_an_adopted_model_may_be_of_any_size(photos, tmp_path):
    model = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    )
    model.save(tmp_path / "any.keras")
    out = tmp_path / "out.keras"
    run("adopt", tmp_path / "any.keras", "--classes", "cat,dog", "--out", out)
    no_size = run("evaluate", out, photos / "train", code=2)
    assert "Received: no --size" in no_size.stderr
    values = run_json("evaluate", out, photos / "train", "--size", 6, 7)
    assert values["samples"] == 24


def test_adopt_refuses_what_can_learn_already(pets, tmp_path):
    out = ("--classes", "a,b", "--out", tmp_path / "out.keras")
    assert "can learn already" in run("adopt", pets, *out, code=2).stderr


def test_adopt_refuses_names_that_do_not_fit(photos, tmp_path):
    write_model(tmp_path / "model.keras")
    options = ("--classes", "cat,dog,bird", "--out", tmp_path / "out.keras")
    done = run("adopt", tmp_path / "model.keras", *options, code=2)
    assert "must name the 2 classes" in done.stderr
    assert not (tmp_path / "out.keras").exists()


def test_compare_says_if_there_are_enough_pictures(
    learned, photos, pets, tmp_path
):
    arguments = ("compare", pets, learned[1], photos / "test")
    report = ("--report", tmp_path / "comparison.html")
    values = run_json(*arguments, "--max-drop", 0.02, *report, code=4)
    assert values["decision"] == "undecided" and values["samples_needed"] > 16
    assert (tmp_path / "comparison.html").stat().st_size > 1000
    assert "accepted" in run(*arguments, "--max-drop", 0.9).stdout
    run("compare", pets, learned[1], photos / "birds", code=2)


def test_compare_refuses_what_surely_lost(photos, pets, tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.saving.load_model(photos / "cats_dogs.keras")
    head = model.layers[-1]
    head.set_weights([-weight for weight in head.get_weights()])
    model.save(tmp_path / "worse.keras")
    worse = tmp_path / "pets.keras"
    run("adopt", tmp_path / "worse.keras", "--classes", "cat,dog",
        "--out", worse)  # fmt: skip
    done = run("compare", pets, worse, photos / "train", "--max-drop", 0.02,
               code=3)  # fmt: skip
    assert "REFUSED" in done.stdout and "more than the 2.0" in done.stdout
