"""Callbacks of Keras in `learn`, and in the phase after it."""

import keras
import numpy as np
import pytest
from keras import callbacks
from keras import layers

from keras_incremental.models import IncrementalClassifier

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 2


def make(trainable=False, remembered=True):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(5, trainable=trainable),
            layers.Dense(2),
        ]
    )
    model.compile("sgd", "mse", run_eagerly=True)
    clf = IncrementalClassifier(model, ["cat", "dog"])
    if remembered and not trainable:
        clf.remember(X, Y)
    return clf


def learn(clf, name, x, *given, **options):
    return clf.learn(
        x,
        classes=[name],
        epochs=2,
        callbacks=list(given),
        verbose=0,
        **options,
    )


@pytest.mark.parametrize(
    "trainable, remembered", [(False, True), (False, False), (True, False)]
)
def test_a_checkpoint_opens_as_the_classifier(tmp_path, trainable, remembered):
    path = tmp_path / "last.keras"
    clf = make(trainable, remembered)
    learn(clf, "bird", X + 3, callbacks.ModelCheckpoint(path))
    loaded = keras.models.load_model(path)
    assert loaded.classes == clf.classes == ("cat", "dog", "bird")
    assert loaded.head.frozen_groups == clf.head.frozen_groups == 0
    outputs = [model.predict(X, verbose=0) for model in (loaded, clf)]
    # Without old data, the margin of new classes is corrected after `fit`.
    same = slice(None) if remembered else slice(2)
    np.testing.assert_allclose(*(o[:, same] for o in outputs), atol=1e-5)
    loaded.fit(X, Y, verbose=0)


class Asks(callbacks.Callback):
    """Asks the classifier of all classes after each epoch."""

    def on_epoch_end(self, epoch, logs=None):
        with self.model.classifier() as clf:
            self.names = clf.predict_names(X)
            self.outputs = clf.predict(X, verbose=0)


@pytest.mark.backend
@pytest.mark.parametrize("trainable", [False, True])
def test_a_callback_asks_the_classifier(trainable):
    clf, other, asks = *(make(trainable) for _ in "ab"), Asks()
    learn(clf, "bird", X + 3, asks)
    learn(other, "bird", X + 3, callbacks.Callback())
    outputs = [model.predict(X, verbose=0) for model in (clf, other)]
    np.testing.assert_array_equal(*outputs)
    # As above, the margin of new classes is corrected after `fit`.
    same = slice(2 if trainable else 3)
    np.testing.assert_allclose(
        asks.outputs[:, same], outputs[0][:, same], atol=1e-5
    )
    names = np.array(clf.classes)[asks.outputs.argmax(1)]
    assert asks.names.tolist() == names.tolist()


def test_a_checkpoint_changes_nothing(tmp_path):
    outputs = []
    for callback in (
        callbacks.Callback(),
        callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras"),
    ):
        clf = make()
        learn(clf, "bird", X + 3, callback)
        learn(clf, "fish", X - 3, callback)
        outputs.append(clf.predict(X, verbose=0))
    np.testing.assert_array_equal(*outputs)
    loaded = keras.models.load_model(tmp_path / "2.keras")
    assert loaded.classes == clf.classes


def test_a_checkpoint_holds_the_best_epoch(tmp_path):
    class Worse(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_loss"] = float(epoch)

    path = tmp_path / "best.keras"
    clf = make()
    best = callbacks.ModelCheckpoint(path, "val_loss", save_best_only=True)
    learn(clf, "bird", X + 3, Worse(), best, validation_data=(X, Y))
    once = make()
    once.learn(
        X + 3,
        classes=["bird"],
        epochs=1,
        callbacks=[callbacks.Callback()],
        verbose=0,
    )
    loaded = keras.models.load_model(path)
    np.testing.assert_allclose(
        loaded.predict(X, verbose=0), once.predict(X, verbose=0), atol=1e-5
    )


def test_weights_alone_are_refused(tmp_path):
    path = tmp_path / "a.weights.h5"
    checkpoint = callbacks.ModelCheckpoint(path, save_weights_only=True)
    with pytest.raises(ValueError, match="save_weights_only=True. Pass `Model"):
        learn(make(), "bird", X, checkpoint)
    assert not path.exists()


@pytest.mark.parametrize("trainable", [False, True])
def test_callbacks_are_used_again_in_the_next_phase(trainable, tmp_path):
    stop = callbacks.EarlyStopping("loss", min_delta=100.0)
    rates = callbacks.LearningRateScheduler(lambda epoch, rate: 0.1 / 2**epoch)
    backup = callbacks.BackupAndRestore(tmp_path / "backup")
    log = callbacks.CSVLogger(tmp_path / "log.csv", append=True)
    clf = make(trainable)
    for name, x in (("bird", X + 3), ("fish", X - 3)):
        report = learn(clf, name, x, stop, rates, backup, log)
        np.testing.assert_allclose(
            report.history["learning_rate"], [0.1, 0.05], rtol=1e-6
        )
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 5


@pytest.mark.parametrize("trainable", [False, True])
def test_a_rate_is_reduced_where_the_loss_stays(trainable):
    plateau = callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=100.0)
    report = make(trainable).learn(
        X + 3, classes=["bird"], epochs=3, callbacks=[plateau], verbose=0
    )
    first, _, third = report.history["learning_rate"]
    np.testing.assert_allclose(third, 0.1 * first, rtol=1e-5)


def test_losses_of_every_phase_are_written_for_tensorboard(tmp_path):
    pytest.importorskip("tensorflow")
    clf, board = make(trainable=True), callbacks.TensorBoard(tmp_path)
    sizes = []
    for name, x in (("bird", X + 3), ("fish", X - 3)):
        learn(clf, name, x, board)
        files = tmp_path.rglob("*.tfevents.*")
        sizes.append(sum(file.stat().st_size for file in files))
    assert 0 < sizes[0] < sizes[1]


@pytest.mark.parametrize("trainable", [False, True])
def test_averaged_weights_are_swapped_in_every_phase(trainable):
    clf = make(trainable)
    swap = callbacks.SwapEMAWeights()
    rates = callbacks.LearningRateScheduler(lambda epoch, rate: 0.5 * rate)
    seen = []
    ends = callbacks.LambdaCallback(
        on_train_end=lambda logs: seen.append(
            float(ends.model.optimizer.learning_rate)
        )
    )
    for name, x in (("bird", X + 3), ("fish", X - 3)):
        average = keras.optimizers.SGD(0.01, use_ema=True, ema_momentum=0.5)
        report = learn(clf, name, x, swap, rates, ends, optimizer=average)
    np.testing.assert_allclose(seen, 2 * [0.01 / 4], rtol=1e-6)
    assert np.isfinite(report.history["loss"]).all()
    assert clf.predict(X, verbose=0).shape == (12, 4)


def test_averages_of_the_last_phase_are_not_swapped_in():
    rates = []
    for again in (False, True):
        clf, swap = make(trainable=True), callbacks.SwapEMAWeights(True)
        for name, x in (("bird", X + 3), ("fish", X - 3)):
            average = keras.optimizers.SGD(0.01, use_ema=True)
            given = swap if again else callbacks.SwapEMAWeights(True)
            report = learn(clf, name, x, given, optimizer=average)
        rates.append(report.history["loss"])
        clf.compile(average.from_config(average.get_config()), clf.loss)
        clf.fit(X, Y, callbacks=[given], verbose=0)
    assert rates[0] == rates[1]


def test_a_best_value_is_of_the_classes_of_its_phase(tmp_path):
    class Worse(callbacks.Callback):
        loss = 2.0

        def on_epoch_end(self, epoch, logs=None):
            Worse.loss = logs["loss"] = Worse.loss + 1

    path, clf = tmp_path / "best.keras", make()
    options = {"save_best_only": True, "initial_value_threshold": 6.5}
    best = callbacks.ModelCheckpoint(path, "loss", **options)
    names = []
    for name, x in (("bird", X + 3), ("fish", X - 3), ("ant", X)):
        learn(clf, name, x, Worse(), best)
        names.append(keras.models.load_model(path).classes[-1])
    # The losses are 3 and 4, 5 and 6, 7 and 8; those above 6.5 are no best.
    assert names == ["bird", "fish", "fish"]


def test_fit_begins_anew_after_one_that_was_resumed(tmp_path):
    class Dies(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise RuntimeError

    clf = make()
    backup = callbacks.BackupAndRestore(tmp_path / "backup")
    options = {"epochs": 3, "verbose": 0}
    with pytest.raises(RuntimeError):
        clf.fit(X, Y, callbacks=[backup, Dies()], **options)
    assert clf.fit(X, Y, callbacks=[backup], **options).epoch == [2]
    assert clf.fit(X, Y, **options).epoch == [0, 1, 2]
