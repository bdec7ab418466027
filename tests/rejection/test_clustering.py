import sys

import numpy as np
import pytest

from keras_incremental.rejection import cluster
from keras_incremental.rejection.splitting import separation


def clouds(sizes, dim=8, apart=8.0, seed=0):
    """Unit clouds whose centers are as far apart, and which each is of."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    centers = apart / np.sqrt(2) * np.eye(len(sizes), dim)
    return centers[labels] + generator.normal(size=(len(labels), dim)), labels


def same_partition(a, b):
    return len(set(zip(a, b, strict=True))) == len(set(a)) == len(set(b))


@pytest.mark.parametrize("sizes", [[30], [30, 20], [40, 25, 15], [12] * 5])
def test_it_finds_how_many_clouds_there_are(sizes):
    features, labels = clouds(sizes)
    clusters = cluster(features)
    assert clusters.sizes == tuple(sizes)
    assert same_partition(clusters.labels, labels)


@pytest.mark.parametrize("seed", range(5))
def test_one_cloud_is_not_cut(seed):
    for dim, count in ((2, 200), (8, 60), (64, 100)):
        features, _ = clouds([count], dim, seed=seed)
        assert len(cluster(features)) == 1


def test_clouds_may_be_of_different_shape():
    features, labels = clouds([60, 60], dim=4, apart=6.0)
    features[:, 2] *= 20
    # The difference is small beside the spread of all, but clear.
    assert same_partition(cluster(features / [0.2, 0.2, 20, 1]).labels, labels)


def test_strays_belong_nowhere():
    features, _ = clouds([30, 20])
    strays = 60 * np.eye(3, 8) - 30
    clusters = cluster(np.concatenate([features, strays]))
    assert clusters.sizes == (30, 20)
    assert clusters.members(-1).tolist() == [50, 51, 52]


def test_small_clusters_belong_nowhere():
    features, _ = clouds([30, 4])
    assert cluster(features, min_size=5).sizes == (30,)
    assert cluster(features, min_size=3).sizes == (30, 4)


def test_too_few_samples_belong_nowhere():
    clusters = cluster(np.zeros((3, 2)))
    assert clusters.labels.tolist() == [-1, -1, -1]
    assert len(clusters) == 0
    assert len(cluster(np.zeros((0, 2)))) == 0


def test_equal_samples_are_one_cluster():
    assert cluster(np.ones((9, 3))).sizes == (9,)
    assert cluster(np.repeat([[0.0], [1.0]], 6, axis=0)).sizes == (6, 6)


def test_the_most_central_sample_is_the_nearest_to_the_mean():
    features, labels = clouds([30, 20])
    clusters = cluster(features, indices=np.arange(50) + 100)
    for label, center in enumerate(clusters.centers):
        rows = features[labels == label]
        steps = np.linalg.norm(rows - rows.mean(0), axis=-1)
        assert center - 100 == np.flatnonzero(labels == label)[steps.argmin()]


def test_the_order_of_samples_does_not_matter():
    features, labels = clouds([30, 20, 10])
    order = np.random.default_rng(3).permutation(60)
    assert same_partition(cluster(features[order]).labels, labels[order])


def test_a_named_cluster_names_its_samples():
    features, _ = clouds([6, 5])
    clusters = cluster(features, indices=10 * np.arange(11))
    assert clusters.named({1: "fish"}) == dict.fromkeys(
        range(60, 110, 10), "fish"
    )
    assert len(clusters.named(["bird", None])) == 11
    with pytest.raises(ValueError, match="2 clusters"):
        clusters.named({2: "fish"})


def test_it_says_what_it_found():
    features, _ = clouds([30, 20])
    text = str(cluster(features)).splitlines()
    assert text[0].startswith("cluster 0: 30 samples, such as index ")
    assert text[-1] == "outliers: 0 samples"


def test_separation_is_in_standard_deviations():
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(2, 4000, 3)) * [2, 1, 1]
    assert abs(separation(first, second + [6, 0, 0]) - 3) < 0.1
    assert abs(separation(first, second + [0, 3, 0]) - 3) < 0.1
    assert separation(first[:5], first[:5]) == 0


def test_features_that_are_no_rows_are_refused():
    for wrong in (np.zeros((3, 2, 2)), np.full((9, 2), np.nan)):
        with pytest.raises(ValueError, match="rows of finite numbers"):
            cluster(wrong)
    with pytest.raises(ValueError, match="min_size=1"):
        cluster(np.zeros((3, 2)), min_size=1)


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(ImportError, match=r"\[clustering\]"):
        cluster(np.zeros((9, 2)))
