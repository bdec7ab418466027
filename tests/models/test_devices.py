"""Classifiers that go on learning on devices, and are merged."""

import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import samples
from toy_exports import writes_onnx

from keras_incremental import ExemplarMemory
from keras_incremental import edge
from keras_incremental import recipes
from keras_incremental.errors import DamagedFileError
from keras_incremental.models import IncrementalClassifier

ROOT = pathlib.Path(__file__).parents[2]
BIRD, FISH = (samples([k], count=30, seed=k) for k in (2, 3))
TEST, _ = samples(range(4), seed=9)

pytestmark = writes_onnx

# Other backends refuse LiteRT and OpenVINO by their name.
ON_TENSORFLOW = pytest.mark.skipif(
    keras.config.backend() != "tensorflow",
    reason="only TensorFlow writes LiteRT and OpenVINO files",
)

DEVICE = """
import sys

# An import of what is `None` there says that there is no such module.
sys.modules.update(dict.fromkeys(("keras", "tensorflow", "jax", "torch")))

import numpy as np

import keras_incremental.edge as edge

folder, name, images, head = sys.argv[1:]
model = edge.load(folder)
print(model.learn(np.load(images), name))
model.save(head)
"""


@pytest.fixture(scope="module")
def pets():
    """A classifier that has solved its head of two classes."""
    clf = classifier(activation="softmax")
    learn(clf, [0, 1], epochs=None)
    return clf


@pytest.fixture(scope="module")
def exported(pets, tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices") / "pets"
    pets.export(folder, "onnx", verbose=False, extendable=True)
    return folder


@pytest.fixture
def copied(pets, tmp_path):
    """A function that returns a classifier as it was exported."""

    def copy():
        pets.save(tmp_path / "copy.keras")
        return keras.models.load_model(tmp_path / "copy.keras")

    return copy


def columns(clf):
    return clf.head.columns("kernel"), clf.head.columns("bias")


def assert_same_columns(one, two):
    for first, second in zip(one, two, strict=True):
        scale = np.abs(second).max()
        np.testing.assert_allclose(first, second, atol=1e-6 * scale)


def test_a_device_predicts_as_the_classifier(pets, exported):
    names, scores = edge.load(exported).predict(TEST)
    np.testing.assert_allclose(scores, pets.predict(TEST, verbose=0), atol=1e-6)
    assert names.tolist() == pets.predict_names(TEST).tolist()


def test_a_device_learns_the_head_that_learn_gives(exported, copied, tmp_path):
    clf, model = copied(), edge.load(exported)
    report = model.learn(BIRD[0], "bird")
    assert report == edge.EdgeReport(("bird",), 30, True)
    clf.learn(BIRD[0], classes=["bird"], verbose=0)
    solved = model.head.columns
    assert_same_columns((solved.kernel, solved.bias), columns(clf))
    model.save(tmp_path / "later.npz")
    model = edge.load(exported, tmp_path / "later.npz")
    more, labels = samples([0, 2], count=10, seed=11)
    model.learn(more, [NAMES[k] for k in labels])
    clf.learn(more, [NAMES[k] for k in labels], ["cat", "bird"], verbose=0)
    solved = model.head.columns
    assert_same_columns((solved.kernel, solved.bias), columns(clf))
    assert model.predict(TEST).names.tolist() == (
        clf.predict_names(TEST).tolist()
    )


def test_small_steps_give_the_head_of_one_large_step(exported, tmp_path):
    one, many = edge.load(exported), edge.load(exported)
    one.learn(BIRD[0], "bird")
    for part in np.array_split(BIRD[0], 10):
        many.learn(part, "bird")
        many.save(tmp_path / "head.npz")
        many = edge.load(exported, tmp_path / "head.npz")
    assert many.head.statistics.lag <= 1 / 16
    basis, expected = many.head.basis, one.head.statistics.matrix().scatter
    np.testing.assert_allclose(basis @ basis.T, np.eye(16), atol=1e-12)
    found = many.head.statistics.matrix().scatter
    np.testing.assert_allclose(
        basis @ found @ basis.T,
        one.head.basis @ expected @ one.head.basis.T,
        atol=1e-9 * np.abs(expected).max(),
    )


def test_two_devices_merged_are_one_classifier_that_learned_both(
    exported, copied, tmp_path
):
    heads = []
    for name, (x, _) in (("bird", BIRD), ("fish", FISH)):
        heads.append(tmp_path / f"{name}.npz")
        np.save(tmp_path / "x.npy", x)
        arguments = [exported, name, tmp_path / "x.npy", heads[-1]]
        done = subprocess.run(
            [sys.executable, "-c", DEVICE, *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert f"new_classes=('{name}',)" in done.stdout
    merged, both = copied(), copied()
    x = np.concatenate([BIRD[0], FISH[0]])
    both.learn(x, ["bird"] * 30 + ["fish"] * 30, ["bird", "fish"], verbose=0)
    validation = samples([0, 1], seed=12)
    report = merged.learn_statistics(
        heads, validation_data=validation, max_drop=0.1, verbose=0
    )
    assert merged.classes == both.classes == NAMES[:4]
    assert report.accepted and report.new_classes == ("bird", "fish")
    assert report.used["new samples"] == 60 and merged.num_phases == 2
    assert_same_columns(columns(merged), columns(both))
    np.testing.assert_allclose(
        merged.predict(TEST, verbose=0),
        both.predict(TEST, verbose=0),
        atol=1e-6,
    )
    counts = merged.statistics.counts.tolist()
    assert counts == both.statistics.counts.tolist()
    merged.rollback()
    assert merged.classes == NAMES[:2]


def test_what_is_forgotten_leaves_the_others_as_if_it_had_never_been(exported):
    model = edge.load(exported)
    model.learn(BIRD[0], "bird")
    scores = model.predict(TEST).scores
    model.forget("dog")
    assert model.classes == ("cat", "bird")
    expected = scores[:, [0, 2]] / scores[:, [0, 2]].sum(-1, keepdims=True)
    np.testing.assert_allclose(model.predict(TEST).scores, expected, atol=1e-6)
    model.learn(FISH[0], "fish")
    assert model.classes == ("cat", "bird", "fish")
    assert model.head.learned.counts.tolist() == [0, 30, 30]
    assert set(model.predict(FISH[0]).names[:5]) == {"fish"}


def test_what_is_remembered_moves_no_score(exported):
    model = edge.load(exported)
    scores = model.predict(TEST).scores
    x, labels = samples([0, 1], count=5, seed=2)
    model.remember(x, [NAMES[k] for k in labels])
    np.testing.assert_array_equal(model.predict(TEST).scores, scores)
    assert model.head.learned.counts.tolist() == [5, 5]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.learn(BIRD[0], ["bird"]), "1 names for 30 samples"),
        (lambda m: m.learn(BIRD[0], ""), "non-empty"),
        (lambda m: m.learn(BIRD[0][:, :3], "bird"), r"with \(8,\)"),
        (lambda m: m.learn(BIRD[0] * np.nan, "bird"), "finite"),
        (lambda m: m.predict(BIRD[0][:0]), "one sample or more"),
        (lambda m: m.remember(BIRD[0], "bird"), "Call `learn`"),
        (lambda m: m.forget("bird"), "'bird'"),
    ],
)
def test_a_device_refuses_what_does_not_fit(exported, call, message):
    model = edge.load(exported)
    with pytest.raises(ValueError, match=message):
        call(model)
    assert model.classes == ("cat", "dog")
    assert not len(model.head.learned)


def test_a_damaged_head_is_told(exported, tmp_path):
    data = (exported / "head.npz").read_bytes()
    (tmp_path / "head.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(DamagedFileError, match="The head is damaged"):
        edge.load(exported, tmp_path / "head.npz")
    with np.load(exported / "head.npz") as arrays:
        changes = ({"counts": None}, {"scatter": np.zeros((2, 3))})
        for change in changes:
            kept = {**arrays, **change}
            kept = {k: v for k, v in kept.items() if v is not None}
            np.savez(tmp_path / "head.npz", **kept)
            with pytest.raises(DamagedFileError):
                edge.load(exported, tmp_path / "head.npz")
    (tmp_path / "head.npz").write_bytes(data)
    with pytest.raises(FileNotFoundError, match="no backbone"):
        edge.load(tmp_path)


@pytest.mark.parametrize(
    ("how", "options", "message"),
    [
        ({"remembered": False}, {}, r"\['cat', 'dog'\]"),
        pytest.param(
            {},
            {"format": "openvino"},
            "by onnx or litert",
            marks=ON_TENSORFLOW,
        ),
        pytest.param(
            {},
            {"format": "litert", "quantize": "int8"},
            "quantize",
            marks=ON_TENSORFLOW,
        ),
        ({}, {"num_classes": 1}, "num_classes=1"),
    ],
)
def test_what_no_device_could_continue_is_refused(
    how, options, message, tmp_path
):
    options = {"format": "onnx", "extendable": True, **options}
    with pytest.raises(ValueError, match=message):
        classifier(**how).export(tmp_path / "never", **options)
    assert not list(tmp_path.iterdir())


def test_features_of_sizes_that_no_device_can_weigh_are_refused(tmp_path):
    clf = classifier()
    width = clf.head.input_dim
    units = np.where(np.arange(width) < 1, 1e-7, 1.0)
    clf.statistics = clf.statistics.in_units(units)
    with pytest.raises(ValueError, match="differ too much in size"):
        clf.export(tmp_path / "never", "onnx", extendable=True)
    assert not list(tmp_path.iterdir())


def test_heads_of_nothing_and_of_others_are_refused(pets, exported, copied):
    with pytest.raises(ValueError, match="learned something"):
        copied().learn_statistics([exported / "head.npz"])
    with pytest.raises(FileNotFoundError):
        pets.learn_statistics(["nowhere.npz"])


def test_a_recipe_that_trains_learns_no_statistics(pets, exported, tmp_path):
    model = edge.load(exported)
    model.learn(BIRD[0], "bird")
    model.save(tmp_path / "bird.npz")
    trained = classifier(memory=ExemplarMemory(10))
    clf = IncrementalClassifier(
        keras.models.clone_model(pets.to_keras()),
        NAMES[:2],
        recipe=recipes.er(budget=10),
    )
    with pytest.raises(ValueError, match="solved from statistics"):
        clf.learn_statistics([tmp_path / "bird.npz"])
    trained.learn_statistics([tmp_path / "bird.npz"], verbose=0)
    assert trained.classes == NAMES[:3]


@ON_TENSORFLOW
def test_a_backbone_may_be_litert(pets, tmp_path):
    pets.export(tmp_path / "pets", "litert", verbose=False, extendable=True)
    np.testing.assert_allclose(
        edge.load(tmp_path / "pets").predict(TEST).scores,
        pets.predict(TEST, verbose=0),
        atol=1e-6,
    )
