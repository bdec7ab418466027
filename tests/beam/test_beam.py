"""Statistics by Apache Beam, on the runner of this process."""

import functools
import operator
import pickle

import keras
import numpy as np
import pytest
from PIL import Image
from toy_classifiers import NAMES
from toy_classifiers import classifier
from toy_classifiers import samples

from keras_incremental.models import IncrementalClassifier
from keras_incremental.models import load_classifier
from keras_incremental.statistics import SiteStatistics

beam = pytest.importorskip("apache_beam")
kb = pytest.importorskip("keras_incremental.beam")

X, LABELS = samples(range(4), count=20, seed=5)
LABELED = [NAMES[k] for k in LABELS]


def run(transforms, path):
    """Runs transforms whose last result are statistics, and returns these."""
    pipeline = beam.Pipeline(runner="FnApiRunner")
    save = beam.Map(lambda found: found.save(path))
    functools.reduce(operator.or_, [*transforms, save], pipeline)
    pipeline.run().wait_until_finish()
    return SiteStatistics.load(path)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("beam") / "pets.keras"
    classifier().save(path)
    return path


def test_a_pipeline_gives_the_head_of_one_process(saved, tmp_path):
    pairs = list(zip(X, LABELED, strict=True))
    compute = kb.ComputeStatistics(
        saved, batch_size=7, samples_per_class=8, site="north"
    )
    found = run([beam.Create(pairs), compute], tmp_path / "north.npz")
    one, many = load_classifier(saved), load_classifier(saved)
    here = one.compute_statistics(
        X, LABELED, list(NAMES[:4]), samples_per_class=8
    )
    assert found.counts == here.counts and found.sites == ("north",)
    np.testing.assert_array_equal(found.kept.keys, here.kept.keys)
    one.learn_statistics([here], verbose=0)
    many.learn_statistics([tmp_path / "north.npz"], verbose=0)
    for name in ("kernel", "bias"):
        expected = one.head.columns(name)
        np.testing.assert_allclose(
            many.head.columns(name),
            expected,
            atol=1e-5 * np.abs(expected).max(),
        )


def picture_classifier():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(6, 3, activation="relu", trainable=False)(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    return IncrementalClassifier(model, NAMES[:2])


def test_files_of_pictures_become_those_of_a_folder(tmp_path):
    generator = np.random.default_rng(0)
    for name in NAMES[:3]:
        (tmp_path / name).mkdir()
        for k in range(3):
            pixels = generator.integers(0, 256, (9 + k, 12, 3), "uint8")
            Image.fromarray(pixels).save(tmp_path / name / f"{k}.png")
    clf = picture_classifier()
    clf.save(tmp_path / "pets.keras")
    patterns = [f"{tmp_path}/*/*.png", f"{tmp_path}/cat/*"]
    found = run(
        [
            kb.ReadImages(patterns, (8, 8)),
            kb.ComputeStatistics(tmp_path / "pets.keras", batch_size=4),
        ],
        tmp_path / "found.npz",
    )
    folder = keras.utils.image_dataset_from_directory(
        tmp_path, image_size=(8, 8), verbose=False
    )
    here = clf.compute_statistics(folder)
    assert found.counts == here.counts == dict.fromkeys(sorted(NAMES[:3]), 3)
    np.testing.assert_allclose(
        found.statistics.means, here.statistics.means, rtol=1e-4
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_runner_may_merge_in_any_order(seed):
    generator = np.random.default_rng(seed)
    features = X.astype("float32")
    combine = pickle.loads(pickle.dumps(kb.MergeStatistics(site="north")))
    accumulators = [combine.create_accumulator() for _ in range(4)]
    for rows in np.array_split(generator.permutation(len(X)), 10):
        part = SiteStatistics.of(features[rows], [LABELED[k] for k in rows])
        k = int(generator.integers(4))
        accumulators[k] = combine.add_input(accumulators[k], part)
    generator.shuffle(accumulators)
    halves = [combine.merge_accumulators(accumulators[k::2]) for k in (0, 1)]
    found = combine.extract_output(combine.merge_accumulators(halves))
    expected = SiteStatistics.of(features, LABELED)
    assert found.counts == expected.counts and found.sites == ("north",)
    np.testing.assert_array_equal(found.kept.keys, expected.kept.keys)
    np.testing.assert_allclose(
        found.statistics.scatter, expected.statistics.scatter, rtol=1e-9
    )
    nothing = combine.extract_output(combine.create_accumulator())
    assert not len(nothing)


def test_a_process_loads_the_classifier_once(saved, monkeypatch):
    calls = []

    def load(path, compile):
        calls.append(path)
        return load_classifier(path, compile=compile)

    module = "keras_incremental.beam.statistics.load_classifier"
    monkeypatch.setattr(module, load)
    compute = kb.ComputeBatchStatistics(saved)
    threads = [pickle.loads(pickle.dumps(compute)) for _ in range(2)]
    for thread in threads:
        thread.setup()
        (found,) = thread.process(list(zip(X[:3], LABELED, strict=False)))
        assert found.counts == {"cat": 3}
    assert calls == [str(saved)]
