"""A classifier whose frozen layers ran in another process."""

import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.conversion import backbone
from keras_incremental.data import FeatureFolder
from keras_incremental.models import IncrementalClassifier

X, Y = samples([0, 1])


@pytest.fixture
def folder(tmp_path):
    return FeatureFolder(tmp_path / "features")


@pytest.fixture
def runs(monkeypatch):
    """How many samples ran through the frozen layers."""
    run, counts = backbone._run, []

    def count(model, inputs, *args, **options):
        counts.append(len(inputs))
        return run(model, inputs, *args, **options)

    monkeypatch.setattr(backbone, "_run", count)
    return counts


def remembering(folder, change=None):
    model = trained_model()
    if change is not None:
        change(model)
    clf = IncrementalClassifier(
        model, NAMES[:2], ExemplarMemory(20), cache_features=folder
    )
    clf.remember(X, Y)
    return clf


def test_frozen_layers_run_once_in_all_processes(folder, runs):
    one = remembering(folder)
    one.drop_cached_features()
    assert sum(runs) == len(X)
    other = remembering(folder)
    assert sum(runs) == len(X)
    means = [clf.statistics.means for clf in (one, other)]
    np.testing.assert_array_equal(*means)
    assert other.get_config()["cache_features"] is True


def _other_weight(model):
    kernel = model.layers[0].kernel
    kernel.assign(kernel * 1.0001)


def _other_activation(model):
    model.layers[0].activation = abs_of


def abs_of(x):
    return abs(x)


@pytest.mark.parametrize("change", [_other_weight, _other_activation])
def test_other_layers_run_again(change, folder, runs):
    remembering(folder).drop_cached_features()
    runs.clear()
    remembering(folder, change)
    assert sum(runs) == len(X)


def test_what_is_forgotten_is_in_no_folder(folder):
    clf = remembering(folder)
    clf.drop_cached_features()
    assert folder.nbytes > 0
    clf.forget(clf.memory.ids[:2])
    assert folder.nbytes == 0


def test_an_argument_that_is_none_is_refused(tmp_path):
    with pytest.raises(TypeError, match="or a `FeatureFolder`"):
        remembering(str(tmp_path))
