"""What every recipe is checked for, with the pictures of `toy_recipes`."""

import contextlib
import json

import keras
import numpy as np
import toy_recipes as toy

from keras_incremental.layers import ClosedFormHead
from keras_incremental.models import IncrementalClassifier

PROBES, _ = toy.pictures(range(5), 3, seed=8)


@contextlib.contextmanager
def without_graphs():
    """Tracing each step takes longer than all steps; other tests do it."""
    if keras.config.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def is_solved(clf):
    return isinstance(clf.head, ClosedFormHead)


def check_two_phases(clf):
    """It learns two phases, and trains the backbone where that may train."""
    weights = [w.copy() for w in clf.features.get_weights()]
    learns = bool(clf.features.trainable_variables)
    clf.backbone_learning_rate = 0.002
    for new, count in (([2, 3], 4), ([4], 5)):
        # Without slots, which take long to update outside graphs.
        optimizer = keras.optimizers.SGD(0.002)
        report = toy.learn(clf, new, optimizer=optimizer)
        outputs = clf.predict(PROBES, verbose=0)
        assert outputs.shape == (len(PROBES), count)
        assert np.isfinite(outputs).all()
        assert report.accepted
        assert clf.recipe.name in report.used["method"]
        assert report.new_classes == tuple(toy.NAMES[i] for i in new)
    assert clf.classes == toy.NAMES[:5]
    after = clf.features.get_weights()
    same = all(map(np.array_equal, weights, after))
    assert same != learns


def check_config(recipe):
    """Its config, as JSON, makes it again."""
    config = keras.saving.serialize_keras_object(recipe)
    again = keras.saving.deserialize_keras_object(
        json.loads(json.dumps(config))
    )
    assert keras.saving.serialize_keras_object(again) == config
    assert type(again.terms) is tuple
    assert again.name == recipe.name


def check_copy(recipe):
    """A copy is equal, and shares no part that changes."""
    copy = recipe.copy()
    serialize = keras.saving.serialize_keras_object
    assert serialize(copy) == serialize(recipe)
    for name in ("memory", "bias_correction"):
        part = getattr(recipe, name)
        assert part is None or getattr(copy, name) is not part
    for mine, theirs in zip(copy.callbacks, recipe.callbacks, strict=True):
        assert mine is not theirs


def check_start(recipe):
    """Before the first phase it predicts as the model did."""
    model = toy.trained_model(dense=recipe.low_rank is not None)
    expected = model.predict(PROBES, verbose=0)
    clf = toy.classifier(recipe, remembered=False)
    found = clf.predict(PROBES, verbose=0)
    np.testing.assert_allclose(_softmax(found), _softmax(expected), atol=1e-5)


def check_start_by_samples(recipe):
    """Before the first phase it knows the classes that it was shown."""
    clf = toy.classifier(recipe)
    probes, labels = toy.pictures([0, 1], 3, seed=8)
    answers = clf.predict(probes, verbose=0).argmax(-1)
    assert np.mean(answers == labels) > 0.8


def check_file(recipe, path):
    """Its file predicts the same, and learns on as the original does."""
    clf = toy.classifier(recipe)
    toy.learn(clf, [2, 3])
    clf.save(path)
    loaded = keras.models.load_model(path)
    assert isinstance(loaded, IncrementalClassifier)
    np.testing.assert_array_equal(
        loaded.predict(PROBES, verbose=0), clf.predict(PROBES, verbose=0)
    )
    toy.learn(clf, [4])
    toy.learn(loaded, [4])
    np.testing.assert_allclose(
        loaded.predict(PROBES, verbose=0),
        clf.predict(PROBES, verbose=0),
        atol=1e-4,
    )


def _softmax(logits):
    return keras.ops.convert_to_numpy(keras.ops.softmax(logits))
