"""Learning on two devices of JAX gives what one gives."""

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
from toy_devices import network
from toy_devices import skip_if_files_share_a_process
from toy_devices import solve

from keras_incremental.models import IncrementalClassifier

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(
        keras.config.backend() != "jax",
        reason="Keras distributes data on JAX only",
    ),
]


@pytest.fixture(scope="module")
def distribution(request):
    import jax

    try:
        jax.config.update("jax_num_cpu_devices", 2)
    except RuntimeError:
        skip_if_files_share_a_process(request)
    return keras.distribution.DataParallel()


@pytest.mark.parametrize(("road", "inside"), PLACES)
def test_two_devices_learn_what_one_learns(
    road, inside, distribution, tmp_path
):
    clf = assert_same_learned(road, inside, distribution.scope, tmp_path)
    assert all(len(v.value.sharding.device_set) == 2 for v in clf.variables)


def test_what_was_made_on_one_device_is_refused_on_two(distribution):
    clf = classifier()
    clf.remember(*OLD)
    before = state_of(clf)
    with distribution.scope():
        with pytest.raises(ValueError, match="DataParallel of 2 devices is"):
            solve(clf)
        with pytest.raises(ValueError, match="weights on 1"):
            clf.predict(TEST, verbose=0)
    assert_same_state(before, state_of(clf))
    model = network()
    with distribution.scope(), pytest.raises(ValueError, match="Make or load"):
        IncrementalClassifier(model, NAMES[:2])
