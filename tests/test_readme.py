import pathlib
import re

import keras
import numpy as np
import pytest
from toy_exports import writes_onnx

import keras_incremental
from keras_incremental.models import IncrementalClassifier

README = pathlib.Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def pets():
    """The classifier of the first snippet, before it learns."""
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(2)])
    clf = IncrementalClassifier(model, ["cat", "dog"])
    pictures = np.random.default_rng(1).normal(size=(40, 64))
    clf.remember(pictures.astype("float32"), np.arange(40) % 2)
    return clf


def given():
    """What the reader is supposed to have already."""
    generator = np.random.default_rng(0)
    held_out = generator.normal(size=(60, 64)).astype("float32")
    return {
        "ki": keras_incremental,
        "clf": pets(),
        "x_held_out": held_out,
        "x_stream": np.concatenate([held_out, held_out[:20] + 9]),
        "segmenter": keras.Sequential(
            [keras.Input((4, 4, 3)), keras.layers.Conv2D(3, 1)]
        ),
        "scenes": generator.normal(size=(6, 4, 4, 3)),
        "maps": np.where(generator.random((6, 4, 4)) < 0.2, 0, 255),
        "birds": generator.normal(size=(12, 64)).astype("float32"),
        "validation": (generator.normal(size=(9, 64)), np.arange(9) % 3),
        "x_old": generator.normal(size=(12, 64)).astype("float32"),
        "y_old": np.arange(12) % 2,
        "x_new": generator.normal(size=(12, 64)).astype("float32"),
        "y_new": np.full(12, 2),
    }


def test_there_are_snippets():
    assert len(BLOCKS) == 7


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, marks=writes_onnx if '"onnx"' in block else ())
        for block in BLOCKS
    ],
    ids=range(len(BLOCKS)),
)
def test_snippet_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(2)], name="pets"
    ).save("cats_dogs.keras")
    exec(block, given())
