import keras
import numpy as np
import pytest
from hostile import NAMES
from hostile import X
from hostile import Y
from hostile import make_classifier
from hostile import plain_model
from hostile import refused
from hostile import says

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.losses import DistillationCrossentropy
from keras_incremental.models import IncrementalClassifier
from keras_incremental.recipes import Recipe

WHOLE = "must be an int"
MORE = "must be 1 or more"
RATE = "must be a number of 0 or more"
LISTED = "must be Keras callbacks"
UNKNOWN = "is not known to Keras"
LEVEL = 'must be "auto", 0, 1 or 2'
SHARE = "is a share of the samples, from 0 to 1"
VALIDATION = (X, Y)

ARGUMENT_CASES = [
    ("epochs", 0, ValueError, MORE),
    ("epochs", -3, ValueError, MORE),
    ("epochs", 2.0, TypeError, WHOLE),
    ("epochs", True, TypeError, WHOLE),
    ("epochs", "auto", TypeError, WHOLE),
    ("batch_size", 0, ValueError, MORE),
    ("batch_size", -1, ValueError, MORE),
    ("batch_size", 8.0, TypeError, WHOLE),
    ("batch_size", True, TypeError, WHOLE),
    ("batch_size", None, TypeError, WHOLE),
    ("callbacks", "early", TypeError, LISTED),
    ("callbacks", [print], TypeError, LISTED),
    ("callbacks", [keras.callbacks.History], TypeError, LISTED),
    ("optimizer", "adamm", ValueError, UNKNOWN),
    ("optimizer", keras.optimizers.Adam, ValueError, UNKNOWN),
    ("optimizer", 0.1, ValueError, UNKNOWN),
    ("verbose", "loud", ValueError, LEVEL),
    ("verbose", None, ValueError, LEVEL),
    ("verbose", -4, ValueError, LEVEL),
    ("max_drop", 2, ValueError, SHARE),
    ("max_drop", -0.1, ValueError, SHARE),
    ("max_drop", float("nan"), ValueError, SHARE),
    ("max_drop", "2%", ValueError, SHARE),
    ("max_drop", True, ValueError, SHARE),
]

CLASSIFIER_CASES = [
    ("backbone_learning_rate", -0.1, ValueError, RATE),
    ("backbone_learning_rate", float("nan"), ValueError, RATE),
    ("backbone_learning_rate", float("inf"), ValueError, RATE),
    ("backbone_learning_rate", "slow", ValueError, RATE),
    ("backbone_learning_rate", True, ValueError, RATE),
    ("cache_features", "no", TypeError, "must be True or False"),
    ("max_class_drop", 5, ValueError, SHARE),
]

RECIPE_CASES = [
    ("loss", "crosentropy", ValueError, UNKNOWN),
    ("loss", 3, ValueError, UNKNOWN),
    ("terms", "merged", TypeError, "must be a loss"),
    ("terms", 0.5, TypeError, "must be a loss"),
    ("terms", DistillationCrossentropy, TypeError, "must be a loss"),
    ("bias_correction", "align", TypeError, "must be a callback"),
    ("bias_correction", len, TypeError, "must be a callback"),
]


@pytest.mark.parametrize("name, value, error, rule", ARGUMENT_CASES)
def test_bad_arguments_of_learn_are_refused(name, value, error, rule):
    parts = (f"`{name}`", rule, f"Received: {name}={value!r}")
    with refused(error, *parts) as clf:
        clf.learn(
            X, classes=["fish"], validation_data=VALIDATION, **{name: value}
        )


@pytest.mark.parametrize("name, value, error, rule", CLASSIFIER_CASES)
def test_bad_arguments_of_a_classifier_are_refused(name, value, error, rule):
    parts = (f"`{name}`", rule, f"Received: {name}={value!r}")
    with pytest.raises(error, match=says(*parts)):
        IncrementalClassifier(plain_model(), NAMES[:2], **{name: value})


@pytest.mark.parametrize("name, value, error, rule", RECIPE_CASES)
def test_bad_parts_of_a_recipe_are_refused(name, value, error, rule):
    parts = (f"`{name}`", rule, f"Received: {name}={value!r}")
    with pytest.raises(error, match=says(*parts)):
        Recipe(**{name: value})


@pytest.mark.parametrize("method", ["remember", "evaluate_classes"])
@pytest.mark.parametrize("size", [0, 2.5, True, None])
def test_bad_batch_sizes_are_refused(method, size):
    with refused(ValueError, "`batch_size`", f"batch_size={size!r}") as clf:
        getattr(clf, method)(X, Y, batch_size=size)


GATE_CASES = {
    "no validation data": ({"max_drop": 0.1}, None, list(NAMES)),
    "only new classes": ({"max_drop": 0.1}, (X, ["fish"] * 12), list(NAMES)),
    "no class alone": ({"max_class_drop": 0.1}, None, list(NAMES)),
    "one class unseen": ({"max_class_drop": 0.1}, VALIDATION, ["bird"]),
}


@pytest.mark.parametrize("case", GATE_CASES)
def test_a_limit_that_cannot_be_measured_is_refused(case):
    limits, data, unseen = GATE_CASES[case]
    limits = dict(limits)
    parts = (f"no validation samples of {unseen}", "`validation_data`")
    with refused(ValueError, "`max_drop`", *parts) as clf:
        clf.max_class_drop = limits.pop("max_class_drop", None)
        try:
            clf.learn(X, classes=["fish"], validation_data=data, **limits)
        finally:
            clf.max_class_drop = None


class Bomb(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise OSError("no space left")


def test_a_callback_that_raises_changes_nothing():
    with refused(OSError, "no space left") as clf:
        clf.learn(X, classes=["fish"], callbacks=[Bomb()], verbose=0)


def test_training_that_diverges_changes_nothing():
    parts = ("Training diverged", "learning rate nan", "lower learning rate")
    optimizer = keras.optimizers.SGD(float("nan"))
    with refused(RuntimeError, *parts) as clf:
        clf.learn(X, classes=["fish"], optimizer=optimizer, epochs=1, verbose=0)


def test_no_callbacks_may_be_none():
    clf = IncrementalClassifier(plain_model(), ["cat", "dog"])
    clf.learn(X, classes=["bird"], callbacks=None, epochs=1, verbose=0)
    assert clf.classes == ("cat", "dog", "bird")


def test_a_memory_smaller_than_the_classes_is_refused():
    clf = make_classifier(budget=3)
    parts = ("budget=3", "each of 4 classes", "Use ExemplarMemory(80) or more")
    with refused(ValueError, *parts, by=clf):
        clf.learn(X, classes=["fish"])


def test_validation_pictures_need_no_room_in_the_memory():
    clf = IncrementalClassifier(
        plain_model(), ["cat", "dog"], ExemplarMemory(1)
    )
    options = {"validation_data": VALIDATION, "epochs": 1, "verbose": 0}
    clf.learn(X, classes=["bird"], **options)
    assert clf.memory.classes == [2]


def test_there_must_be_a_phase_to_roll_back():
    clf = IncrementalClassifier(plain_model(), ["cat", "dog"])
    before = clf.get_weights()
    with pytest.raises(ValueError, match="no phase to go back to.*Save it by"):
        clf.rollback()
    assert clf.classes == ("cat", "dog")
    for old, new in zip(before, clf.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
