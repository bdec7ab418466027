"""Learning on two devices of TensorFlow gives what one gives."""

import types

import keras
import pytest
from toy_classifiers import NAMES
from toy_classifiers import assert_same_state
from toy_classifiers import state_of
from toy_devices import OLD
from toy_devices import PLACES
from toy_devices import TEST
from toy_devices import assert_same_learned
from toy_devices import classifier
from toy_devices import learned
from toy_devices import network
from toy_devices import skip_if_files_share_a_process
from toy_devices import solve

from keras_incremental import recipes
from keras_incremental.models import IncrementalClassifier
from keras_incremental.utils import devices

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow",
    reason="`tf.distribute` belongs to TensorFlow",
)


@pytest.fixture(scope="module")
def strategy(request):
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = tf.config.LogicalDeviceConfiguration()
    try:
        tf.config.set_logical_device_configuration(cpu, [logical, logical])
    except RuntimeError:
        skip_if_files_share_a_process(request)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.mark.parametrize(("road", "inside"), PLACES)
def test_two_devices_learn_what_one_learns(road, inside, strategy, tmp_path):
    clf = assert_same_learned(road, inside, strategy.scope, tmp_path)
    assert all(len(v.value.values) == 2 for v in clf.variables)


def test_what_was_made_outside_of_a_scope_is_refused_inside(strategy):
    clf = classifier()
    clf.remember(*OLD)
    before = state_of(clf)
    with strategy.scope():
        with pytest.raises(ValueError, match="made outside .*without a strat"):
            solve(clf)
        with pytest.raises(ValueError, match="scope of a MirroredStrategy"):
            clf.predict(TEST, verbose=0)
    assert_same_state(before, state_of(clf))
    model = network()
    with strategy.scope(), pytest.raises(ValueError, match="Make or load"):
        IncrementalClassifier(model, NAMES[:2])


def test_batch_norm_that_follows_batches_is_refused_on_two_devices(strategy):
    with strategy.scope():
        clf = IncrementalClassifier(
            network(True, normalized=True), NAMES[:2], train_batch_norm=True
        )
    before = state_of(clf)
    with pytest.raises(ValueError, match="part of each batch"):
        learned(clf, 2)
    assert_same_state(before, state_of(clf))


def test_integrals_over_the_path_are_refused_on_two_devices(strategy):
    with strategy.scope():
        clf = classifier(recipes.si)
    before = state_of(clf)
    with pytest.raises(ValueError, match="supports a single device"):
        learned(clf, 2, epochs=1)
    assert_same_state(before, state_of(clf))


def test_training_is_refused_where_devices_belong_to_several_processes():
    # As a `MultiWorkerMirroredStrategy` of two processes looks in one of them.
    strategy = types.SimpleNamespace(
        num_replicas_in_sync=2,
        extended=types.SimpleNamespace(worker_devices=("CPU:0",)),
    )
    value = types.SimpleNamespace(distribute_strategy=strategy)
    with pytest.raises(ValueError, match="belong to several processes"):
        devices.check_can_train([types.SimpleNamespace(value=value)])
