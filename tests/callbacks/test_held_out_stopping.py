import keras
import numpy as np
import pytest

from keras_incremental.callbacks import HeldOutStopping

X = np.eye(4, dtype="float32").repeat(4, 0)
Y = np.arange(4).repeat(4) % 2


def model_of(seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.5), loss)
    return model


def loss_of(model, y):
    return float(model.evaluate(X, y, batch_size=16, verbose=0))


@pytest.mark.backend
@pytest.mark.parametrize("patience", [1, 3])
def test_training_stops_and_goes_back_to_the_best_epoch(patience):
    model = model_of()
    history = model.fit(
        X,
        1 - Y,
        epochs=20,
        verbose=0,
        callbacks=[HeldOutStopping(patience, data=(X, Y))],
    ).history
    losses = history["held_out_loss"]
    assert len(losses) == 1 + patience
    assert losses[0] == min(losses)
    assert loss_of(model, Y) == pytest.approx(losses[0], rel=1e-5)


def test_training_goes_on_while_it_helps_others():
    model = model_of()
    history = model.fit(
        X,
        Y,
        epochs=12,
        verbose=0,
        callbacks=[HeldOutStopping(1, data=(X, Y))],
    ).history
    assert len(history["held_out_loss"]) == 12
    assert loss_of(model, Y) == pytest.approx(history["held_out_loss"][-1])


def test_validation_data_is_not_looked_at():
    found = []
    for labels in (Y, 1 - Y):
        model = model_of()
        model.fit(
            X,
            Y,
            epochs=4,
            verbose=0,
            validation_data=(X, labels),
            callbacks=[HeldOutStopping(1, data=(X, 1 - Y))],
        )
        found.append(model.get_weights()[0])
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("patience", 0), ("patience", 1.5), ("validation_share", 1.0)],
)
def test_arguments_are_checked(argument, value):
    with pytest.raises(ValueError, match=f"{argument}.*{value}"):
        HeldOutStopping(**{argument: value})


@pytest.mark.parametrize(
    "labels",
    [np.eye(2)[Y], np.zeros((16, 2, 2), int), Y - 1, Y + 0.5, Y.astype(str)],
    ids=["several", "pixels", "negative", "fractions", "names"],
)
def test_labels_that_are_no_classes_are_refused_before_training(labels):
    model = model_of()
    before = model.get_weights()[0]
    stopping = HeldOutStopping(data=(X, labels))
    with pytest.raises((ValueError, TypeError), match="label|`data`"):
        model.fit(X, Y, verbose=0, callbacks=[stopping])
    np.testing.assert_array_equal(model.get_weights()[0], before)


def test_a_column_of_labels_counts_as_labels():
    losses = []
    for labels in (Y, Y[:, None], Y.astype("float32")):
        stopping = HeldOutStopping(data=(X, labels))
        fit = model_of().fit(X, Y, verbose=0, callbacks=[stopping])
        losses.append(fit.history["held_out_loss"])
    assert losses[0] == losses[1] == losses[2]


@pytest.mark.parametrize("data", [None, (X[:0], Y[:0])])
def test_no_samples_are_refused_before_training(data):
    model = model_of()
    before = model.get_weights()[0]
    with pytest.raises(ValueError, match="HeldOutStopping needs"):
        model.fit(X, Y, verbose=0, callbacks=[HeldOutStopping(data=data)])
    np.testing.assert_array_equal(model.get_weights()[0], before)
