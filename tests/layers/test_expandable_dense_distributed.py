import subprocess
import sys

import keras
import pytest

SCRIPT = """
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
logical = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(cpu, [logical, logical])

import keras

from keras_incremental import layers
from keras_incremental.utils.compilation import recompile

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
with strategy.scope():
    head = layers.ExpandableDense(2, max_groups=3)
    model = keras.Sequential([keras.Input((4,)), head])
    model.compile(
        "adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
inputs = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
model.fit(inputs, np.arange(8) % 2, batch_size=8, verbose=0)
snapshot = head.snapshot()
for _ in range(3):
    before = np.array(model(inputs))
    head.expand(1)
    after = np.array(model(inputs))
    np.testing.assert_allclose(after[:, :-1], before, atol=1e-6)
    recompile(model)
    labels = np.arange(8) % head.units
    model.fit(inputs, labels, batch_size=8, verbose=0)
for variable in head.weights:
    assert len(variable.value.values) == 2, variable.path
head.restore(snapshot)
recompile(model)
assert model.predict(inputs, verbose=0).shape == (8, 2)
"""


@pytest.mark.skipif(
    keras.config.backend() != "tensorflow",
    reason="MirroredStrategy belongs to TensorFlow",
)
def test_a_head_grows_outside_the_scope_of_its_strategy():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
