"""Classifiers that learn from statistics of sites, without their samples."""

import keras
import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import classifier
from toy_classifiers import make
from toy_classifiers import samples

from keras_incremental import recipes
from keras_incremental.models import IncrementalClassifier
from keras_incremental.statistics import SiteStatistics

X, LABELS = samples(range(4), count=20, seed=5)
LABELED = [NAMES[k] for k in LABELS]
# Of "cat" each site has some, of others only one has.
NORTH = np.flatnonzero((np.arange(80) % 2 == 0) | (LABELS == 2))
SOUTH = np.setdiff1d(np.arange(80), NORTH)


def part(clf, rows, **options):
    names = [LABELED[k] for k in rows]
    classes = sorted(set(names))
    return clf.compute_statistics(X[rows], names, classes, **options)


def columns(clf):
    order = np.argsort(clf.classes)
    head = clf.head
    return head.columns("kernel")[:, order], head.columns("bias")[order]


def assert_same_head(one, two):
    for a, b in zip(columns(one), columns(two), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max())


def test_sites_merged_are_one_process_that_learned_all(tmp_path):
    clf = classifier()
    before = clf.get_weights()
    for name, rows in (("north", NORTH), ("south", SOUTH)):
        part(clf, rows, site=name).save(tmp_path / f"{name}.npz")
    for a, b in zip(before, clf.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    merged, whole, learned = classifier(), classifier(), classifier()
    files = [tmp_path / "south.npz", tmp_path / "north.npz"]
    report = merged.learn_statistics(files, verbose=0)
    assert report.new_classes == ("bird", "fish")
    assert report.used["new samples"] == 80
    whole.learn_statistics([part(clf, np.arange(80))], verbose=0)
    assert_same_head(merged, whole)
    learned.learn(X, LABELED, list(NAMES[:4]), verbose=0)
    assert_same_head(merged, learned)
    merged.learn(X[:10] + 1, classes=["frog"], verbose=0)
    assert merged.classes == NAMES


def test_a_site_may_send_no_features_of_samples():
    clf = classifier()
    sent = part(clf, NORTH, samples_per_class=0)
    assert not len(sent.kept)
    clf.learn_statistics([sent], verbose=0)
    names = clf.predict_names(X)
    assert np.mean(names == np.asarray(LABELED)) > 0.9


def other_backbone():
    keras.utils.set_random_seed(7)
    inputs = keras.Input((8,))
    x = keras.layers.Dense(16, activation="relu", trainable=False)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    clf = IncrementalClassifier(model, NAMES[:2])
    clf.remember(*samples([0, 1]))
    return clf


def refused(clf, given):
    return lambda: clf.learn_statistics(given, verbose=0)


def test_what_does_not_fit_is_refused_with_the_reason(tmp_path):
    clf = classifier()
    north, south = (part(clf, r, site="n") for r in (NORTH, SOUTH))
    north.save(tmp_path / "n.npz")
    wide = SiteStatistics.of(np.eye(3), ["cat"] * 3)
    trained = make(recipes.er(budget=10))
    calls = [
        (refused(clf, [north, north]), "once"),
        (refused(clf, [north, tmp_path / "n.npz"]), "once"),
        (refused(clf, [north, south]), r"\['n'\] in both"),
        (refused(clf, []), "once"),
        (refused(clf, [SiteStatistics()]), "learned something"),
        (refused(clf, [wide]), "3"),
        (refused(other_backbone(), [north]), "another backbone"),
        (
            refused(
                classifier(remembered=False),
                [part(clf, np.flatnonzero(LABELS == 2))],
            ),
            r"\['cat', 'dog'\]",
        ),
        (lambda: part(trained, NORTH), "solved from them"),
    ]
    for call, message in calls:
        with pytest.raises(ValueError, match=message):
            call()
    assert clf.classes == NAMES[:2] and clf.num_phases == 0
