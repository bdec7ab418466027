"""Exported classifiers, in their runtimes and without this package."""

import dataclasses
import functools
import json
import pathlib
import subprocess
import sys
import zipfile

import keras
import numpy as np
import onnxruntime
import pytest
import toy_classifiers
import toy_helmets
import toy_scenes
from toy_exports import BACKEND
from toy_exports import NAMES
from toy_exports import described
from toy_exports import divided
from toy_exports import on_tensorflow
from toy_exports import writes_litert
from toy_exports import writes_onnx

from keras_incremental import problems
from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.models import IncrementalClassifier
from keras_incremental.models import read_class_names
from keras_incremental.models.exporting.artifact import Artifact
from keras_incremental.models.exporting.served import ServedModel
from keras_incremental.problems import register_problem
from keras_incremental.reporting import model_card

RUNTIMES = pathlib.Path(__file__).parents[2] / "examples/benchmarks/runtimes.py"
ANY_SIZE = [keras.InputSpec("uint8", (None, None, None, 3), name="inputs")]


def pictures(count, seed=0, height=8):
    """Pictures of five colors, and their labels."""
    labels = np.arange(count) % 5
    colors = np.random.default_rng(7).integers(0, 256, (5, 1, 1, 3))
    draw = np.random.default_rng(seed)
    noise = draw.integers(-60, 60, (count, height, 8, 3))
    return np.clip(colors[labels] + noise, 0, 255).astype("uint8"), labels


@functools.cache
def of_pictures():
    """A classifier with preprocessing inside, edited and calibrated."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(48, 3, activation="relu", trainable=False),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    x, y = pictures(100)
    clf = IncrementalClassifier(model, NAMES[:2], memory=ExemplarMemory(20))
    clf.remember(x[y < 2], y[y < 2])
    rows = y >= 2
    clf.learn(x[rows], y[rows] - 2, NAMES[2:], verbose=0)
    clf.merge({"fish": NAMES[0]})
    clf.remove(["frog"])
    held_out, labels = pictures(200, seed=1)
    known = labels < 4
    clf.calibrate_unknown(
        held_out[known], np.array(NAMES)[labels[known]].tolist()
    )
    return clf


# Of another height, and some of them like nothing that was learned.
PIXELS = np.concatenate([pictures(20, 2, 11)[0], 255 - pictures(20, 3, 11)[0]])


def answers_of(kind, path, x, folder):
    """Returns what a runtime answers in a process of its own."""
    np.save(folder / "x.npy", x)
    files = [folder / "x.npy", folder / "answers.npz"]
    done = subprocess.run(
        [sys.executable, RUNTIMES, kind, path, *files],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(files[1]) as answers:
        return dict(answers)


@on_tensorflow
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("tf_saved_model", "pets/1"),
        ("onnx", "pets.onnx"),
        pytest.param("litert", "pets.tflite", marks=writes_litert),
        ("openvino", "pets"),
    ],
)
def test_a_runtime_alone_answers_as_the_classifier(kind, name, tmp_path):
    clf, path = of_pictures(), tmp_path / name
    path.parent.mkdir(exist_ok=True)
    clf.export(path, kind, verbose=False, input_signature=ANY_SIZE)
    received = answers_of(kind, path, PIXELS, tmp_path)
    np.testing.assert_allclose(
        received["scores"], clf.predict(PIXELS, verbose=0), atol=1e-5
    )
    names = received["classes"][received["indices"]]
    assert received.get("names", names).tolist() == names.tolist()
    expected = clf.predict_names(PIXELS, unknown="unknown")
    told = np.where(received["unknown"], "unknown", names)
    assert told.tolist() == expected.tolist()
    assert len(set(told)) > 1


def onnx_of(clf, path, **options):
    """Returns a function of samples that runs an exported classifier."""
    clf.export(path, "onnx", verbose=False, **options)
    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    key = session.get_inputs()[0].name
    return lambda x: dict(zip(names, session.run(None, {key: x}), strict=True))


def several():
    clf = toy_helmets.classifier()
    x, truth = toy_helmets.TEST
    clf.calibrate_unknown(x, truth[:, :2], score="energy")
    return clf, x, {}


def pixels():
    clf = toy_scenes.classifier()
    return clf, toy_scenes.scenes([1, 2], 4)[0], {"num_classes": 2}


@pytest.mark.backend
@writes_onnx
@pytest.mark.parametrize(
    "case",
    [described, several, pixels]
    + ([divided] if BACKEND == "tensorflow" else []),
)
def test_each_kind_of_classifier_answers_in_onnx(case, tmp_path):
    clf, x, options = case()
    received = onnx_of(clf, tmp_path / "a.onnx", **options)(x)
    count = options.get("num_classes", len(clf.classes))
    classes = clf.classes[:count]
    scores = clf.predict(x, verbose=0, classes=classes)[..., :count]
    np.testing.assert_allclose(received["scores"], scores, 1e-6, 1e-5)
    names = clf.predict_names(x, classes=classes)
    if clf.multi_label:
        names = [[n if n in row else "" for n in classes] for row in names]
    assert received["names"].tolist() == np.asarray(names).tolist()
    # What is only estimated is not exported.
    assert ("unknown" in received) == (clf.held_calibration is not None)
    if "unknown" in received:
        unknown = clf.predict_names(x, unknown="?")
        assert received["unknown"].tolist() == [u == ("?",) for u in unknown]


def test_old_clients_get_the_classes_that_they_know(tmp_path):
    clf = toy_classifiers.classifier(activation="softmax")
    toy_classifiers.learn(clf, [2])
    x, _ = toy_classifiers.samples(range(3))
    expected = clf.predict(x, verbose=0, classes=clf.classes[:2])[:, :2]
    path = tmp_path / "old.keras"
    clf.export(path, "keras", verbose=False, num_classes=2)
    assert read_class_names(path) == ["cat", "dog"]
    plain = keras.models.load_model(path)
    np.testing.assert_allclose(plain.predict(x, verbose=0), expected, atol=1e-6)


def test_a_folder_says_what_it_answers(tmp_path, capsys):
    clf = of_pictures()
    clf.export(tmp_path / "pets", "keras", num_classes=None)
    assert capsys.readouterr().out == (
        f"Exported 5 classes as keras to '{tmp_path / 'pets'}'.\n"
    )
    files = {path.name for path in (tmp_path / "pets").iterdir()}
    notes = {"labels.txt", "classes.json", "README.md"}
    assert files == {"model.keras", *notes}
    card = (tmp_path / "pets/README.md").read_text("utf-8")
    assert card == model_card(clf)
    labels = (tmp_path / "pets/labels.txt").read_text("utf-8")
    assert labels.split("\n") == ["kočka", "dog and more", *NAMES[2:], ""]
    told = json.loads((tmp_path / "pets/classes.json").read_text("utf-8"))
    assert told["classes"] == list(NAMES)
    assert told["merged"] == {"fish": "kočka"} and told["removed"] == ["frog"]
    assert told["outputs"] == {"scores": "probabilities"}
    assert told["unknown"]["threshold"] == clf.rejector.threshold
    assert told["inputs"] == {"shape": [None, 8, 8, 3], "dtype": "float32"}


def test_a_card_says_which_classes_an_export_answers_with():
    clf = of_pictures()
    part, whole = (Artifact(ServedModel(clf, k), [], {}).card for k in (2, 5))
    assert "answers with the first 2 classes" in part
    assert whole == model_card(clf)


@writes_litert
@on_tensorflow
def test_int8_takes_its_ranges_from_exemplars(tmp_path):
    clf = of_pictures()
    path = tmp_path / "pets.tflite"
    clf.export(path, "litert", verbose=False, quantize="int8")
    x = pictures(40)[0].astype("float32")
    received = answers_of("litert", path, x, tmp_path)
    expected = clf.predict(x, verbose=0)
    same = received["indices"] == expected.argmax(-1)
    assert same.mean() > 0.9
    with zipfile.ZipFile(path) as archive:
        assert set(archive.namelist()) == {"labels.txt", "classes.json"}


class LastDecoder(problems.SoftmaxDecoder):
    def decide(self, logits, head=None):
        return np.full(logits.shape[:-1], logits.shape[-1] - 1)


@writes_onnx
def test_a_decoder_of_ones_own_must_decide_in_the_graph(tmp_path):
    last = register_problem(
        dataclasses.replace(
            problems.SINGLE_LABEL, name="last", decoder=LastDecoder()
        )
    )
    model = toy_classifiers.trained_model()
    clf = IncrementalClassifier(model, NAMES[:2], problem=last)
    with pytest.raises(ValueError, match="decoder=LastDecoder"):
        clf.export(tmp_path / "last.onnx", "onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.backend
def test_each_backend_exports(tmp_path):
    kind, name = "onnx", "pets.onnx"
    if keras.config.backend() == "jax":
        kind, name = "tf_saved_model", "pets"
    clf = toy_classifiers.classifier(activation="softmax")
    x, y = toy_classifiers.samples([0, 1], count=40, seed=5)
    clf.calibrate_unknown(x, y)
    # One of the samples before lies on the threshold.
    x, _ = toy_classifiers.samples([0, 1], seed=6)
    clf.export(tmp_path / name, kind, verbose=False)
    received = answers_of(kind, tmp_path / name, x, tmp_path)
    scores = clf.predict(x, verbose=0)
    np.testing.assert_allclose(received["scores"], scores, atol=1e-5)
    expected = clf.predict_names(x, unknown="?")
    told = np.where(received["unknown"], "?", received["names"])
    assert told.tolist() == expected.tolist()
