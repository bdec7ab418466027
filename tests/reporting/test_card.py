import dataclasses

import keras
import numpy as np
import pytest
import toy_reports

from keras_incremental import IncrementalClassifier
from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.reporting import model_card

NAMES = ("cat", "dog", "a|b_c")


@pytest.fixture(scope="module")
def classifier():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    clf = IncrementalClassifier(
        model, NAMES, memory=ExemplarMemory(3), name="pets"
    )
    clf.remember(np.eye(6, 4), np.arange(6) // 2)
    return clf


def row_of(text, name):
    lines = [line for line in text.splitlines() if f"| {name} |" in line]
    line = lines[0]
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_classes_are_listed_with_what_is_known_of_them(classifier):
    report = toy_reports.phases([2, 1], NAMES)[0]
    text = model_card(classifier, [report])
    assert row_of(text, "cat") == [
        "0",
        "cat",
        "before",
        "2",
        "1",
        "95.0\u00a0%",
        "85.0\u00a0%",
    ]
    assert row_of(text, r"a\|b\_c")[2:] == [
        f"1 ({report.date[:10]})",
        "2",
        "1",
        "100.0\u00a0%",
        "100.0\u00a0%",
    ]


def test_a_card_says_what_is_kept_of_the_pictures(classifier):
    text = model_card(classifier)
    assert "3 training samples" in text
    assert "No sample is kept" not in text
    assert "recipe: automatic" in text


def test_refused_phases_are_left_out(classifier):
    report = toy_reports.phases([2, 1], NAMES)[0]
    refused = dataclasses.replace(report, accepted=False)
    text = model_card(classifier, [refused])
    assert "## Phases" not in text
    assert row_of(text, r"a\|b\_c")[2] == "before"


def test_the_file_holds_the_text(classifier, tmp_path):
    report = toy_reports.phases([2, 1], NAMES)[0]
    text = model_card(classifier, [report], tmp_path / "README.md")
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == text
    assert text.startswith("---\nlibrary_name: keras\n")
    assert "tensorflow" in text or "jax" in text or "torch" in text


def test_a_hub_finds_the_task_and_the_metric(classifier):
    front = model_card(classifier).split("---\n")[1].splitlines()
    assert front[-2:] == ["metrics:", "- accuracy"]
    assert not any(line.startswith("pipeline_tag") for line in front)
    pixels = keras.Sequential(
        [keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    of_images = IncrementalClassifier(pixels, NAMES[:2])
    front = model_card(of_images).split("---\n")[1].splitlines()
    assert "pipeline_tag: image-classification" in front


def test_the_calibration_is_told(classifier):
    assert "nothing was calibrated" in model_card(classifier)
    other = IncrementalClassifier(
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), NAMES[:2]
    )
    x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    other.calibrate_unknown(x, score="energy")
    assert r"Unknown if energy \>" in model_card(other)


def test_a_classifier_knows_its_phases_without_their_reports():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    clf = IncrementalClassifier(model, NAMES[:2], name="pets")
    x = np.eye(6, 4, dtype="float32")
    clf.remember(x[:4], np.arange(4) // 2)
    clf.learn(
        x,
        np.arange(6) // 2,
        classes=["cat", "dog", "bird"],
        validation_data=(x, np.arange(6) // 2),
        verbose=0,
    )
    clf.rename({"bird": "parrot"})
    text, (record,) = model_card(clf), clf.phases
    since = f"1 ({record.date[:10]})"
    assert row_of(text, "parrot")[2] == since
    assert row_of(text, "dog")[2] == "before"
    (line,) = (x for x in text.splitlines() if "| bird |" in x)
    assert line.startswith("| 1 | ") and "%" in line


def test_inputs_may_have_several_parts():
    parts = {"a": keras.Input((3,), name="a"), "b": keras.Input((2,), name="b")}
    joined = keras.layers.Concatenate()(list(parts.values()))
    model = keras.Model(parts, keras.layers.Dense(2)(joined))
    text = model_card(IncrementalClassifier(model, NAMES[:2]))
    assert "inputs of shape `{'a': (3,), 'b': (2,)}`" in text


def test_a_hub_finds_the_scores():
    pixels = keras.Sequential(
        [keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    clf = IncrementalClassifier(pixels, NAMES)
    clf.name = 'a "pet": b'
    report = toy_reports.phases([2, 1], NAMES)[0]
    report = dataclasses.replace(report, calibration={"old": 0.02})
    text = model_card(clf, [report])
    front = text.split("---\n")[1]
    assert '- name: "a \\"pet\\": b"\n' in front
    assert "type: image-classification" in front
    assert f"type: accuracy\n      value: {report.score:.4f}\n" in front
    assert "of the samples of old 2.0\u00a0% classes" in text
