import importlib
import pathlib
import re

import keras
import numpy as np
import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
TOY = ["--weights", "none", "--size", "32", "--limit", "4"]


@pytest.fixture
def quickstart(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    # The example sets it; this brings it back.
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    module = importlib.import_module("quickstart")
    monkeypatch.setattr(module, "EPOCHS", 30)
    monkeypatch.setattr(module, "JOINT_EPOCHS", 100)
    monkeypatch.setattr(module.pets, "EPOCHS", 1)
    return module


def _write_photos(folder):
    from PIL import Image

    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            target = folder / split / name
            target.mkdir(parents=True)
            for index in range(3):
                noise = generator.integers(0, 256, (32, 32, 3), "uint8")
                Image.fromarray(noise).save(target / f"{index}.jpg")


def _tiny_network(options):
    return keras.Sequential(
        [
            keras.Input((options.size, options.size, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.AveragePooling2D(4),
            keras.layers.Flatten(),
        ]
    )


def test_digits_arrive_in_phases_and_one_in_another_process(
    quickstart, tmp_path, capfd, monkeypatch
):
    phases, later = quickstart.order_of_classes("0123456789", 1993)
    first = phases[:2], later
    monkeypatch.setattr(quickstart, "order_of_classes", lambda *_: first)
    monkeypatch.setattr(quickstart, "pretrained", _tiny_network)
    quickstart.main([*TOY, "--outputs", str(tmp_path)])
    printed = capfd.readouterr().out
    rows = re.findall(r"^(\d, \d) +((?:[\d.]+ % *){4})$", printed, re.M)
    assert [names.split(", ") for names, _ in rows] == phases[:2]
    naive, *others = [float(x) for x in re.findall(r"[\d.]+", rows[-1][1])]
    assert naive < min(others)
    assert re.findall(r"^  new  (\d)  ", printed, re.M) == [later]
    assert (tmp_path / "quickstart.png").stat().st_size > 10_000


def test_cats_and_dogs_get_a_third_class(
    quickstart, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(quickstart.pets, "pretrained", _tiny_network)
    _write_photos(tmp_path)
    folders = ["--data-dir", str(tmp_path), "--outputs", str(tmp_path)]
    quickstart.main([*TOY, "--data", "cats_vs_dogs", *folders])
    printed = capsys.readouterr().out
    assert len(re.findall(r"cat and dog [\d.]+% -> .* digit", printed)) == 3
    assert "  new  digit  " in printed


def test_classes_come_in_pairs_and_one_is_left(quickstart):
    phases, later = quickstart.order_of_classes("abcdefghij", 1993)
    assert [len(phase) for phase in phases] == [2, 2, 2, 2, 1]
    together = [name for phase in phases for name in phase]
    assert sorted([*together, later]) == list("abcdefghij")


def test_fine_tuning_starts_from_the_old_columns(quickstart, monkeypatch):
    monkeypatch.setattr(quickstart, "EPOCHS", 0)
    head = quickstart.dense_head(3, 2)
    features = np.ones((1, 3), "float32")
    train = importlib.import_module("arriving").Samples(
        features, np.array(["c"]), features
    )
    wider = quickstart.fine_tune(head, train, ["a", "b", "c"], ["c"])
    for old, new in zip(head.get_weights(), wider.get_weights(), strict=True):
        np.testing.assert_array_equal(new[..., :2], old)
        assert new.shape[-1] == 3


def test_joint_training_takes_a_feature_that_never_varies(
    quickstart, monkeypatch
):
    monkeypatch.setattr(quickstart, "JOINT_EPOCHS", 1)
    features = np.array([[1, 0.0], [1, 1.0]], "float32")
    train = importlib.import_module("arriving").Samples(
        features, np.array(["a", "b"]), features
    )
    head = quickstart.train_jointly(train, ["a", "b"])
    was = keras.ops.convert_to_numpy(head(features))
    now = keras.ops.convert_to_numpy(head(features + [0.001, 0]))
    np.testing.assert_allclose(now, was, atol=0.03)


def test_labels_of_curves_keep_their_distance(quickstart):
    heights = quickstart.curves.figures.spread([99.0, 99.5, 20.0, 98.5], 2)
    assert heights == [97.5, 99.5, 20.0, 95.5]


def test_the_script_has_the_header_of_keras_examples():
    lines = (EXAMPLES / "quickstart.py").read_text().splitlines()
    fields = [line.split(": ")[0] for line in lines[1:7]]
    assert fields == [
        "Title",
        "Author",
        "Date created",
        "Last modified",
        "Description",
        "Accelerator",
    ]
    description = lines[5].removeprefix("Description: ")
    assert description.endswith(".") and len(description) < 100
