"""What a classifier was compiled with holds for `fit` after `learn`."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import losses
from keras import metrics
from keras import ops

from keras_incremental.memory.reservoir import Reservoir
from keras_incremental.models import IncrementalClassifier
from keras_incremental.recipes import Recipe
from keras_incremental.utils import state

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12)
# torch has no other.
STEPS = 1 if keras.config.backend() == "torch" else 2
NAMES = np.array(["cat", "dog", "bird"])
SPARSE = losses.SparseCategoricalCrossentropy(from_logits=True)
ONE_HOT = losses.CategoricalCrossentropy(from_logits=True)


def network(**options):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(5, trainable=False),
            layers.Dense(2),
        ]
    )
    if options:
        model.compile(**{"optimizer": "sgd", "loss": SPARSE, **options})
    return model


def make(recipe=None, **options):
    clf = IncrementalClassifier(network(), NAMES[:2].tolist(), recipe=recipe)
    if options:
        options = {"optimizer": "sgd", "loss": SPARSE, **options}
        clf.compile(**{"run_eagerly": True, **options})
    return clf


def learn(clf):
    return clf.learn(X[:4], classes=["bird"], epochs=1, verbose=0)


def assert_refused(clf, message):
    before, optimizer = clf.get_weights(), clf.optimizer
    with pytest.raises(ValueError, match=message):
        learn(clf)
    assert clf.classes == ("cat", "dog")
    assert clf.optimizer is optimizer
    for old, new in zip(before, clf.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")
def test_a_metric_counts_all_classes_after_learning():
    metric = metrics.MeanIoU(2, sparse_y_pred=False)
    clf = make(metrics=[metric])
    learn(clf)
    expected = metrics.MeanIoU(3, sparse_y_pred=False)
    expected.update_state(Y % 3, clf.predict(X, verbose=0))
    found = clf.evaluate(X, Y % 3, verbose=0)[1]
    assert found == pytest.approx(float(expected.result()))


def test_a_value_for_each_class_is_refused():
    loss = losses.CategoricalFocalCrossentropy([0.2, 0.8], from_logits=True)
    assert_refused(make(loss=loss), "`alpha`.*loss=CategoricalFocal.*Compile")


def test_more_of_known_classes_needs_no_growth():
    loss = losses.CategoricalFocalCrossentropy([0.2, 0.8], from_logits=True)
    clf = make(loss=loss)
    clf.learn(X[:4], classes=["dog"], epochs=1, verbose=0)
    assert clf.loss is loss


@pytest.mark.parametrize(
    "options",
    [
        {"steps_per_execution": STEPS, "run_eagerly": False},
        {"run_eagerly": True},
        {"jit_compile": keras.config.backend() != "torch"},
        {"loss_weights": [0.5]},
        {"metrics": ["accuracy"], "weighted_metrics": ["accuracy"]},
    ],
    ids=str,
)
def test_an_option_survives_learning(options):
    clf = make(**{"run_eagerly": False, **options})
    before = clf.get_compile_config()
    learn(clf)
    assert clf.get_compile_config() == before
    for name in ("steps_per_execution", "run_eagerly", "jit_compile"):
        assert getattr(clf, name) == before[name]


OPTIMIZERS = {
    "ema": {"use_ema": True, "ema_momentum": 0.5},
    "accumulation": {"gradient_accumulation_steps": 2},
    "clipnorm": {"clipnorm": 0.5},
    "decay": {"weight_decay": 0.25},
    "scale": {"loss_scale_factor": 8.0},
}


@pytest.mark.parametrize("options", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_an_option_of_the_optimizer_survives_learning(options):
    optimizer = keras.optimizers.SGD(0.25, **options)
    clf = make(optimizer=optimizer)
    before = optimizer.get_config()
    learn(clf)
    assert clf.optimizer.get_config() == before
    clf.fit(X, Y % 3, verbose=0)


def test_loss_scaling_survives_learning():
    inner = keras.optimizers.SGD(0.25)
    optimizer = keras.optimizers.LossScaleOptimizer(inner, initial_scale=4.0)
    clf = make(optimizer=optimizer)
    learn(clf)
    assert clf.optimizer.get_config() == optimizer.get_config()
    clf.fit(X, Y % 3, verbose=0)


def kept(clf):
    """Names of the columns that weight decay leaves alone."""
    return {
        name
        for name, variables in clf.head.column_variables.items()
        if not any(state.is_decayed(clf.optimizer, v) for v in variables)
    }


@pytest.mark.parametrize("by_name", [True, False])
def test_what_is_kept_from_weight_decay_survives_learning(by_name):
    clf = make()
    optimizer = keras.optimizers.AdamW(0.25)
    biases = clf.head.column_variables["bias"]
    given = {"var_names": ["bias"]} if by_name else {"var_list": biases}
    optimizer.exclude_from_weight_decay(**given)
    clf.compile(optimizer, SPARSE)
    learn(clf)
    assert kept(clf) == {"bias"}
    clf.rollback()
    assert kept(clf) == {"bias"}


@pytest.mark.parametrize("by_name", [True, False])
def test_what_is_kept_from_weight_decay_survives_adoption(by_name):
    model = network()
    optimizer = keras.optimizers.AdamW(0.25)
    bias = model.layers[-1].bias
    given = {"var_names": ["bias"]} if by_name else {"var_list": [bias]}
    optimizer.exclude_from_weight_decay(**given)
    model.compile(optimizer, SPARSE)
    clf = IncrementalClassifier(model, ["cat", "dog"])
    assert kept(clf) == {"bias"}


@pytest.mark.parametrize(
    "options",
    [
        {"steps_per_execution": STEPS},
        {"run_eagerly": True},
        {"jit_compile": False},
    ],
    ids=str,
)
def test_how_fit_runs_survives_adoption(options):
    clf = IncrementalClassifier(network(**options), ["cat", "dog"])
    [(name, value)] = options.items()
    assert getattr(clf, name) == value
    learn(clf)
    assert getattr(clf, name) == value


class Watching(keras.callbacks.Callback):
    """How the steps run that it is called in."""

    def on_train_begin(self, logs=None):
        names = ("run_eagerly", "jit_compile")
        self.seen = {name: getattr(self.model, name) for name in names}


HAS_XLA = keras.config.backend() != "torch"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run_eagerly", True),
        ("run_eagerly", False),
        ("jit_compile", HAS_XLA),
        ("jit_compile", False),
    ],
)
def test_steps_of_learn_run_as_those_of_fit(name, value):
    clf, watching = make(**{"run_eagerly": False, name: value}), Watching()
    how = {"classes": ["bird"], "epochs": 1, "verbose": 0}
    clf.learn(X[:4], callbacks=[watching], **how)
    assert watching.seen[name] == value


class Counting(layers.Layer):
    """A layer that counts how often Python runs it."""

    runs = 0

    def call(self, inputs):
        type(self).runs += 1
        return inputs


def runs_of_a_stream(eagerly):
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(5), Counting(), layers.Dense(2)]
    )
    model.compile("sgd", SPARSE, run_eagerly=eagerly)
    recipe = Recipe(memory=Reservoir(4))
    clf = IncrementalClassifier(model, ["cat", "dog"], recipe=recipe)
    Counting.runs = 0
    clf.observe((np.tile(X, (4, 1)), np.tile(Y % 2, 4)), batch_size=4)
    return Counting.runs


def test_steps_of_a_stream_run_as_those_of_fit():
    runs = runs_of_a_stream(True), runs_of_a_stream(False)
    assert runs[0] >= 12 and (runs[1] < 12 or not HAS_XLA)


def own_loss(y_true, y_pred):
    return losses.sparse_categorical_crossentropy(y_true, y_pred, True)


def test_functions_need_not_be_registered():
    clf = make(loss=own_loss)
    learn(clf)
    clf.fit(X, Y % 3, verbose=0)
    clf.rollback()
    assert clf.loss is own_loss
    clf.fit(X, Y % 2, verbose=0)


def test_a_lowered_learning_rate_is_told():
    clf = make(optimizer=keras.optimizers.SGD(0.25))
    plateau = keras.callbacks.ReduceLROnPlateau(
        "loss", factor=0.1, patience=1, min_delta=100.0
    )
    clf.fit(X, Y % 2, epochs=4, callbacks=[plateau], verbose=0)
    with pytest.warns(UserWarning, match=r"from 0.25.*learning_rate = 0.25"):
        learn(clf)
    learn(clf)  # It was told.
    clf.optimizer.learning_rate = 0.25
    clf.fit(X, Y % 3, verbose=0)


def test_a_lowered_learning_rate_is_told_at_adoption():
    model = network(optimizer=keras.optimizers.SGD(0.25))
    plateau = keras.callbacks.ReduceLROnPlateau(
        "loss", factor=0.1, patience=1, min_delta=100.0
    )
    model.fit(X, Y % 2, epochs=4, callbacks=[plateau], verbose=0)
    with pytest.warns(UserWarning, match=r"from 0.25.*learning_rate = 0.25"):
        IncrementalClassifier(model, ["cat", "dog"])


def test_a_refused_phase_restores_the_optimizer():
    clf = make(optimizer=keras.optimizers.Adam(0.25), metrics=["accuracy"])
    clf.fit(X, Y % 2, verbose=0)
    slots = [ops.convert_to_numpy(v) for v in clf.optimizer.variables]

    class Stop(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clf.learn(
            X[:4], classes=["bird"], epochs=1, callbacks=[Stop()], verbose=0
        )
    for old, new in zip(slots, clf.optimizer.variables, strict=True):
        np.testing.assert_array_equal(old, ops.convert_to_numpy(new))


# The loss of a recipe.


@pytest.mark.parametrize(
    "loss",
    [
        ONE_HOT,
        losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        losses.CategoricalFocalCrossentropy(from_logits=True),
        losses.CategoricalFocalCrossentropy([0.2, 0.4, 0.4], from_logits=True),
        losses.BinaryCrossentropy(from_logits=True),
        losses.CategoricalHinge(),
        "mse",
        losses.mean_squared_error,
    ],
)
def test_a_recipe_learns_by_a_loss_of_one_hot_labels(loss):
    clf = make(Recipe(loss=loss))
    report = clf.learn(
        X, NAMES[Y % 3], NAMES.tolist(), epochs=1, batch_size=12, verbose=0
    )
    assert np.isfinite(report.history["loss"]).all()


def test_a_one_hot_loss_is_that_of_the_sparse_one():
    histories = []
    for loss in (ONE_HOT, SPARSE):
        keras.utils.set_random_seed(0)
        clf = make(Recipe(loss=loss))
        report = clf.learn(X, NAMES[Y % 3], NAMES.tolist(), epochs=2, verbose=0)
        histories.append(report.history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-4)


def test_values_of_a_recipe_for_other_classes_are_refused():
    loss = losses.CategoricalFocalCrossentropy([0.2, 0.8], from_logits=True)
    message = "`alpha`.*2 classes.*3.*Received: loss=CategoricalFocal"
    assert_refused(make(Recipe(loss=loss)), message)
