import keras
import numpy as np
import pytest

from keras_incremental.callbacks import KeepStatistics
from keras_incremental.models import IncrementalClassifier
from keras_incremental.statistics import SiteStatistics

NAMES = ["dog", "cat"]


def clouds(labels, seed=0):
    centers = np.array([[4, 0, 0], [0, 4, 0], [0, 0, 4]], "float32")
    noise = np.random.default_rng(seed).normal(size=(len(labels), 3))
    return (centers[labels] + noise).astype("float32")


Y = np.arange(24) % 2
X = clouds(Y)


def model_of(head=2):
    keras.utils.set_random_seed(0)
    body = keras.layers.Dense(6, activation="relu")
    layers = [keras.Input((3,)), body, keras.layers.Dense(head)]
    model = keras.Sequential(layers)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(True))
    return model


def classifier_of(model):
    model.layers[0].trainable = False
    return IncrementalClassifier(model, NAMES)


def fitted(**options):
    model = model_of()
    keep = KeepStatistics(NAMES, data=(X, Y), **options)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[keep])
    return model, keep


@pytest.mark.backend
def test_they_stand_for_the_samples_that_are_gone(tmp_path):
    model, keep = fitted(path=tmp_path / "old.npz")
    assert keep.data is None
    without, with_samples = classifier_of(model), classifier_of(model)
    without.remember(tmp_path / "old.npz")
    with_samples.remember(X, Y, verbose=0)
    for name in ("counts", "means", "scatter"):
        np.testing.assert_allclose(
            getattr(without.statistics, name),
            getattr(with_samples.statistics, name),
            rtol=1e-4,
            atol=1e-4,
        )
    birds = clouds(np.full(12, 2))
    for clf in (without, with_samples):
        report = clf.learn(birds, classes=["bird"], verbose=0)
        assert "statistics" in str(report.used["method"])
    x = clouds(np.arange(30) % 3, 1)
    np.testing.assert_allclose(
        without.predict(x, verbose=0),
        with_samples.predict(x, verbose=0),
        rtol=1e-3,
        atol=1e-3,
    )
    unknown = without.predict_names(-20 * X, unknown="unknown")
    # Some may be far in directions that the activation cuts off.
    assert np.mean(unknown == "unknown") > 0.8


def test_a_data_set_of_batches_is_read():
    model, keep = fitted()
    batches = [(X[:10], Y[:10]), (X[10:], Y[10:])]
    other = KeepStatistics(NAMES, data=batches, samples_per_class=0)
    other.set_model(model)
    other.on_train_begin()
    other.on_train_end()
    assert other.statistics.counts == keep.statistics.counts
    assert not len(other.statistics.kept)
    np.testing.assert_allclose(
        other.statistics.statistics.means,
        keep.statistics.statistics.means,
        rtol=1e-5,
    )


def test_what_does_not_fit_is_refused_before_training():
    keep = KeepStatistics(NAMES)
    with pytest.raises(ValueError, match="KeepStatistics needs the data"):
        model_of().fit(X, Y, verbose=0, callbacks=[keep])
    keep = KeepStatistics(["dog"], data=(X, Y))
    with pytest.raises(ValueError, match="`data` contains labels"):
        model_of().fit(X, Y, verbose=0, callbacks=[keep])
    maps = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 1)])
    keep = KeepStatistics(NAMES, data=(X, Y))
    keep.set_model(maps)
    with pytest.raises(ValueError, match="reads one vector of each sample"):
        keep.on_train_begin()


def test_remember_takes_statistics_of_known_classes_alone():
    model, keep = fitted()
    clf = classifier_of(model)
    with pytest.raises(
        ValueError, match=r"\['classes'\] together with statistics"
    ):
        clf.remember(keep.statistics, classes=NAMES)
    features = np.ones((2, 6))
    with pytest.raises(ValueError, match="new ones, .*bird"):
        clf.remember(SiteStatistics.of(features, ["cat", "bird"]))
    model.layers[0].trainable = True
    with pytest.raises(ValueError, match="Freeze the backbone"):
        IncrementalClassifier(model, NAMES).remember(keep.statistics)
    assert not len(clf.statistics)
