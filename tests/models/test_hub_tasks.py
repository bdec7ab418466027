"""A task of KerasHub that reads text: refused, and the fix of the message."""

import keras
import numpy as np
import pytest
from benchmarks import known_networks

import keras_incremental as ki

pytest.importorskip("keras_hub")
TEXTS = ["good film", "bad film", "film"]
NAMES = list("abcde")


@pytest.fixture(scope="module")
def task():
    keras.utils.set_random_seed(0)
    made = known_networks.text_task()
    made.backbone.trainable = False
    return made


def test_a_text_task_learns_from_what_its_preprocessor_makes(task, tmp_path):
    before = task.predict(TEXTS, verbose=0)
    message = r"by tokenizer.*preprocessor = None`.*`preprocessor\(x\)`"
    with pytest.raises(ValueError, match=message):
        ki.IncrementalClassifier(task, NAMES)
    preprocessor = task.preprocessor
    task.preprocessor = None
    clf = ki.IncrementalClassifier(task, NAMES, ki.ExemplarMemory(10))
    x = preprocessor(TEXTS)
    np.testing.assert_allclose(clf.predict(x, verbose=0), before, atol=1e-6)
    clf.remember(x, ["a", "b", "c"])
    new = preprocessor(["good good", "good good film"])
    clf.learn(new, classes=["good"], verbose=0)
    assert clf.predict(new, verbose=0).shape == (2, 6)
    assert set(clf.evaluate_classes(x, ["a", "b", "c"])) == {"a", "b", "c"}
    clf.save(tmp_path / "texts.keras")
    loaded = keras.models.load_model(tmp_path / "texts.keras")
    for other in (loaded, clf.to_keras()):
        np.testing.assert_allclose(
            other.predict(x, verbose=0), clf.predict(x, verbose=0), rtol=1e-4
        )
