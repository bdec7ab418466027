"""A head on more features than a matrix of all their pairs is kept of."""

import keras
import numpy as np
import pytest
from toy_exports import writes_onnx

import keras_incremental as ki
from keras_incremental.statistics import LowRankStatistics

WIDTH = 5000
CENTERS = np.random.default_rng(0).standard_normal((4, WIDTH))


def samples(classes, seed, each=12):
    labels = np.repeat(classes, each)
    noise = np.random.default_rng(seed).standard_normal((len(labels), WIDTH))
    return (CENTERS[labels] + noise).astype("float32"), labels


@pytest.fixture(scope="module")
def learned():
    # Where it answers at random, its names may look exchanged.
    head = keras.layers.Dense(3, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((WIDTH,)), head])
    clf = ki.IncrementalClassifier(model, ["a", "b", "c"])
    clf.remember(*samples([0, 1, 2], 0))
    clf.learn(samples([3], 1)[0], classes=["d"], verbose=0)
    return clf


def test_it_learns_in_little_memory(learned):
    x, y = samples([0, 1, 2, 3], 2)
    assert isinstance(learned.statistics, LowRankStatistics)
    assert learned.statistics.nbytes < 60 * WIDTH * 8
    assert np.mean(learned.predict(x, verbose=0).argmax(-1) == y) == 1.0


def test_its_file_is_small_and_learns_on(learned, tmp_path):
    path = tmp_path / "wide.keras"
    learned.save(path)
    assert path.stat().st_size < 60 * WIDTH * 8
    loaded = keras.models.load_model(path)
    x, y = samples([0, 1, 2, 3], 3)
    for clf in (learned, loaded):
        clf.learn(x, [clf.classes[k] for k in y], verbose=0)
    np.testing.assert_array_equal(
        learned.predict(x, verbose=0), loaded.predict(x, verbose=0)
    )


@writes_onnx
def test_it_is_not_for_devices(learned, tmp_path):
    with pytest.raises(ValueError, match="pooling layer"):
        learned.export(tmp_path / "edge", format="onnx", extendable=True)


def test_strange_samples_are_told(learned):
    x, y = samples([0, 1, 2, 3], 4)
    names = [learned.classes[k] for k in y]
    learned.calibrate_unknown(x, names, false_alarm=0.05)
    found = learned.predict_names(3 * x[::-1] + 5, unknown="?")
    assert np.mean(np.asarray(found) == "?") > 0.9
