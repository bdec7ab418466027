"""Each road does the same with exemplars in a file as in memory."""

import dataclasses

import keras
import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import make
from toy_classifiers import samples
from toy_streams import follower
from toy_streams import stream
from whole_state import differences
from whole_state import whole_state

from keras_incremental import recipes
from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.memory import Reservoir
from keras_incremental.models import load_classifier


@pytest.fixture
def path(tmp_path):
    return tmp_path / "exemplars.sqlite"


def state(clf):
    """What a classifier is, but for where its exemplars lie."""
    memory = clf.memory
    found = whole_state(clf)
    names = ("config", "memory", "phases", "compile")
    found = {k: v for k, v in found.items() if k not in names}
    kept = (*memory.arrays(), memory.ids, memory.label_versions)
    return {**found, "kept": [part.tolist() for part in kept]}


def reload(clf, tmp_path):
    clf.save(tmp_path / "clf.keras")
    return keras.models.load_model(tmp_path / "clf.keras")


def trained(path, tmp_path):
    clf = make(recipes.er(memory=ExemplarMemory(30, path=path)), True)
    learn(clf, [2], epochs=1)
    return clf


def edited(path, tmp_path):
    clf = reload(classifier(ExemplarMemory(30, path=path)), tmp_path)
    learn(clf, [2], epochs=None)
    clf.merge({NAMES[2]: NAMES[1]})
    clf.rename({NAMES[1]: "dog or bird"})
    learn(clf, [3], epochs=None)
    clf.rollback()
    clf.forget(clf.memory.ids[:4])
    clf.remove([NAMES[0]])
    return clf


def tuned(path, tmp_path):
    memory = ExemplarMemory(30, path=path)
    clf = make(dataclasses.replace(recipes.slda(), memory=memory))
    x, labels = samples([2])
    names = np.array(NAMES)[labels]
    clf.tune(
        [recipes.slda(), recipes.slda(0.1)], x, names, NAMES[2:3], verbose=0
    )
    return clf


def streamed(path, tmp_path):
    clf = follower(recipes.er(memory=Reservoir(30, path=path)))
    clf.observe(*stream([2, 3]), verbose=0)
    return clf


@pytest.mark.parametrize("road", [trained, edited, tuned, streamed])
def test_a_road_does_the_same(road, path, tmp_path):
    one, other = road(None, tmp_path), road(path, tmp_path)
    assert path.exists() and one.memory.path is None
    assert not differences(state(one), state(other))


def test_a_classifier_without_the_file_is_not_loaded(path, tmp_path):
    clf = make(recipes.er(memory=ExemplarMemory(30, path=path)))
    clf.save(tmp_path / "clf.keras")
    path.rename(tmp_path / "moved")
    for load in (keras.models.load_model, load_classifier):
        with pytest.raises(FileNotFoundError, match=str(path)):
            load(tmp_path / "clf.keras")
    (tmp_path / "moved").rename(path)
    assert len(load(tmp_path / "clf.keras").memory) == 30
