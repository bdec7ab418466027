"""Exports that are refused, and what is said of them."""

import keras
import pytest
from toy_exports import BACKEND
from toy_exports import NAMES
from toy_exports import described
from toy_exports import divided
from toy_exports import on_tensorflow
from toy_exports import writes_litert

from keras_incremental.models import IncrementalClassifier


@on_tensorflow
@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("a", {"format": "h5"}, ValueError, "must be one of"),
        ("a.onnx", {}, ValueError, "a SavedModel is a folder"),
        ("a.xml", {"format": "openvino"}, ValueError, "is two files"),
        ("a.h5", {"format": "onnx"}, ValueError, "ends in `.onnx`"),
        ("old", {}, FileExistsError, "pets/2"),
        ("a", {"num_classes": 4}, ValueError, "from 1 to 3"),
        ("a", {"num_classes": 0}, ValueError, "num_classes"),
        ("a", {"format": "keras", "opset": 3}, ValueError, "no arguments"),
        pytest.param(
            "a",
            {"format": "litert", "quantize": "int4"},
            ValueError,
            "int4",
            marks=writes_litert,
        ),
        pytest.param(
            "a",
            {"format": "litert", "quantize": "int8"},
            ValueError,
            "memory",
            marks=writes_litert,
        ),
    ],
)
def test_what_does_not_fit_is_refused(name, options, error, message, tmp_path):
    clf, *_ = described()
    (tmp_path / "old").mkdir()
    with pytest.raises(error, match=message):
        clf.export(tmp_path / name, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


@on_tensorflow
@pytest.mark.parametrize(
    "kind", ["tf_saved_model", pytest.param("litert", marks=writes_litert)]
)
def test_names_that_tensorflow_does_not_save_are_told(kind, tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model = keras.Sequential(
        [model, keras.layers.Dense(2, name="_odd", activation="softmax")]
    )
    clf = IncrementalClassifier(model, NAMES[:2])
    with pytest.raises(ValueError, match=r"Received: layers \['_odd'\]"):
        clf.export(tmp_path / "a", kind)
    assert not list(tmp_path.iterdir())


@on_tensorflow
def test_an_older_keras_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(keras, "version", lambda: "3.12.4")
    with pytest.raises(ValueError, match=r"Keras 3.13 or .*: Keras 3.12.4"):
        described()[0].export(tmp_path / "a", "litert")


@on_tensorflow
def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install onnx tf2onnx"):
        described()[0].export(tmp_path / "a.onnx", "onnx")


@pytest.mark.parametrize(
    ("backend", "kind"),
    [("torch", "tf_saved_model"), ("jax", "onnx"), ("jax", "litert")],
)
def test_what_a_backend_cannot_write_is_refused(backend, kind, monkeypatch):
    clf, *_ = described()
    monkeypatch.setattr(keras.config, "backend", lambda: backend)
    with pytest.raises(ValueError, match=f"with the backend '{backend}'"):
        clf.export("never", kind)


@pytest.mark.backend
@pytest.mark.skipif(BACKEND != "torch", reason="TensorFlow converts it.")
def test_what_torch_does_not_convert_is_told(tmp_path):
    clf, *_ = divided()
    told = "(?s)take_along_dim.*KERAS_BACKEND=tensorflow"
    with pytest.raises(ValueError, match=told):
        clf.export(tmp_path / "a.onnx", "onnx", verbose=False)
    assert not list(tmp_path.iterdir())
