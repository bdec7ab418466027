import inspect

import keras
import numpy as np
import pytest

from keras_incremental import callbacks
from keras_incremental import losses
from keras_incremental.testing import callback_checks
from keras_incremental.testing import loss_checks

LABELS = np.array([0, 2, 1, 1])
TEACHER = np.array([[1.0, 0], [0, 2], [-1, 1], [0.5, 0]], "float32")
Z = np.array([[0.3, 1, -2], [1, 1, 0], [0, 2, 1], [-1, 0.5, 1]], "float32")
TABLE = [[1, 0, 0], [0, 1, 1], [0, 0, 1]]


def plain_loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def with_teacher_outputs():
    labels = LABELS[:, None].astype("float32")
    return np.concatenate([labels, TEACHER], -1)


def unattached_ewc():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    importance = {v.path: np.ones(v.shape) for v in model.trainable_variables}
    return losses.EWCLoss(plain_loss(), model, importance)


# One way to make each exported loss, with labels and predictions.
LOSSES = {
    "AsymmetricCrossentropy": lambda: (
        losses.AsymmetricCrossentropy(num_old=1),
        LABELS,
        Z,
    ),
    "CandidateSetCrossentropy": lambda: (
        losses.CandidateSetCrossentropy(
            TABLE, ignore_class=-1, label_weights=[1, 2, 0.5], focus=2.0
        ),
        LABELS,
        Z,
    ),
    "LossWithTeacher": lambda: (
        losses.LossWithTeacher(plain_loss(), num_old=2),
        with_teacher_outputs(),
        Z,
    ),
    "EWCLoss": lambda: (unattached_ewc(), LABELS, Z),
    "IncrementalSigmoidCrossentropy": lambda: (
        losses.IncrementalSigmoidCrossentropy(num_old=1),
        LABELS,
        Z,
    ),
    "LogitAdjustedCrossentropy": lambda: (
        losses.LogitAdjustedCrossentropy(counts=[5, 2, 1]),
        LABELS,
        Z,
    ),
    "DistillationCrossentropy": lambda: (
        losses.DistillationCrossentropy([0, 1, 1]),
        TEACHER,
        Z,
    ),
    "NCALoss": lambda: (losses.NCALoss(hinge=True), LABELS, Z),
    "PartialBinaryCrossentropy": lambda: (
        losses.PartialBinaryCrossentropy(per_sample=True),
        np.array([[1, 0, -1], [-1, -1, 0], [0, 1, 1], [-1, 0.5, -1]]),
        Z,
    ),
    "PositiveUnlabeledLoss": lambda: (
        losses.PositiveUnlabeledLoss(prior=0.1),
        np.array([0, 1, 0, 1]),
        Z[:, 1:2] - 1,
    ),
    "SeparatedSoftmax": lambda: (
        losses.SeparatedSoftmax(num_old=1),
        LABELS,
        Z,
    ),
}


def set_data(callback, x, y):
    callback.data = (x, y)
    return {"x": x, "y": y}


def mix_data(callback, x, y):
    return {"x": callback.mix(x, y, batch_size=8)}


# One way to make each exported callback, and to begin a phase with it.
CALLBACKS = {
    "BiasCorrection": (callbacks.BiasCorrection, set_data),
    "ElasticWeightConsolidation": (
        lambda: callbacks.ElasticWeightConsolidation(strength=0.1),
        set_data,
    ),
    "ExemplarMemory": (lambda: callbacks.ExemplarMemory(budget=6), mix_data),
    "HeldOutStopping": (callbacks.HeldOutStopping, set_data),
    "KeepStatistics": (
        lambda: callbacks.KeepStatistics(["a", "b", "c", "d"]),
        set_data,
    ),
    "L2StartingPoint": (
        callbacks.L2StartingPoint,
        callback_checks.plain_phase,
    ),
    "MarginCalibration": (callbacks.MarginCalibration, set_data),
    "MemoryAwareSynapses": (
        lambda: callbacks.MemoryAwareSynapses(strength=0.01),
        set_data,
    ),
    "RiemannianWalk": (callbacks.RiemannianWalk, callback_checks.plain_phase),
    "SynapticIntelligence": (
        callbacks.SynapticIntelligence,
        callback_checks.plain_phase,
    ),
    "WeightAlignment": (
        callbacks.WeightAlignment,
        callback_checks.plain_phase,
    ),
}

# Classes that cannot meet a law, each with its reason.
EXCEPTIONS = {
    ("EWCLoss", "check_config_round_trip"): "its model is not saved",
    ("EWCLoss", "check_saved_with_the_model"): "its model is not saved",
}


def exported(module, base):
    return {
        name
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, base) and cls is not callbacks.PhaseCallback
    }


def laws_of(module):
    return {
        law
        for name, law in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("check_")
    }


def skip_exception(name, check):
    reason = EXCEPTIONS.get((name, check.__name__))
    if reason:
        pytest.skip(reason)


@pytest.mark.parametrize(
    "check", loss_checks.LOSS_CHECKS, ids=lambda check: check.__name__
)
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_obeys(name, check):
    skip_exception(name, check)
    check(LOSSES[name])


@pytest.mark.parametrize(
    "check", callback_checks.CALLBACK_CHECKS, ids=lambda check: check.__name__
)
@pytest.mark.parametrize("name", CALLBACKS)
def test_every_callback_obeys(name, check):
    skip_exception(name, check)
    check(*CALLBACKS[name])


def test_every_exported_loss_is_in_the_table():
    assert exported(losses, keras.losses.Loss) == set(LOSSES)


def test_every_exported_callback_is_in_the_table():
    assert exported(callbacks, keras.callbacks.Callback) == set(CALLBACKS)


@pytest.mark.parametrize(
    ("module", "checks"),
    [
        (loss_checks, loss_checks.LOSS_CHECKS),
        (callback_checks, callback_checks.CALLBACK_CHECKS),
    ],
    ids=["losses", "callbacks"],
)
def test_every_law_is_on_its_list(module, checks):
    assert laws_of(module) == set(checks)


def test_a_loss_with_the_logarithm_of_a_softmax_breaks_the_law():
    class Naive(keras.losses.Loss):
        def call(self, y_true, y_pred):
            p = keras.ops.softmax(y_pred)
            return -keras.ops.sum(y_true * keras.ops.log(p), axis=-1)

    def case():
        return Naive(), np.eye(3, dtype="float32")[LABELS], Z

    with pytest.raises(AssertionError):
        loss_checks.check_gradient_is_finite(case)


def test_a_loss_that_forgets_weights_breaks_the_law():
    class Forgetful(losses.DistillationCrossentropy):
        def __call__(self, y_true, y_pred, sample_weight=None):
            return super().__call__(y_true, y_pred)

    with pytest.raises(AssertionError):
        loss_checks.check_sample_weights(lambda: (Forgetful(), TEACHER, Z))


def test_a_callback_that_leaves_an_attribute_behind_breaks_the_law():
    class Littering(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.leftover = 1

    with pytest.raises(AssertionError):
        callback_checks.check_phase_hooks_are_balanced(Littering)


def test_a_callback_that_changes_keras_for_all_breaks_the_law():
    class Spoiling(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            keras.config.set_floatx("float16")

    try:
        with pytest.raises(AssertionError):
            callback_checks.check_plain_fit_is_unharmed(Spoiling)
    finally:
        keras.config.set_floatx("float32")
