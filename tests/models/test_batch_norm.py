import keras
import numpy as np
from keras import ops
from toy_classifiers import NAMES
from toy_classifiers import samples

from keras_incremental.models import IncrementalClassifier
from keras_incremental.recipes import er


def classifier(train_batch_norm):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(4),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dense(2),
        ]
    )
    clf = IncrementalClassifier(
        model,
        NAMES[:2],
        recipe=er(budget=10),
        train_batch_norm=train_batch_norm,
    )
    clf.remember(*samples([0, 1]))
    return clf


def moving_mean(clf):
    return ops.convert_to_numpy(clf.features.get_layer("norm").moving_mean)


def learn(clf):
    return clf.learn(samples([2])[0], classes=["bird"], epochs=1, verbose=0)


def test_statistics_stay_unless_they_may_train():
    for may in (False, True):
        clf = classifier(may)
        before = moving_mean(clf)
        learn(clf)
        assert np.array_equal(moving_mean(clf), before) != may


def test_rollback_brings_trained_statistics_back():
    clf = classifier(True)
    before = moving_mean(clf)
    learn(clf)
    clf.rollback()
    np.testing.assert_array_equal(moving_mean(clf), before)


def test_a_file_remembers_that_they_may_train(tmp_path):
    clf = classifier(True)
    clf.fit(*samples([0, 1]), verbose=0)
    clf.save(tmp_path / "clf.keras")
    loaded = keras.models.load_model(tmp_path / "clf.keras")
    assert loaded.train_batch_norm
    learn(clf), learn(loaded)
    np.testing.assert_allclose(moving_mean(loaded), moving_mean(clf), 1e-5)
