import hashlib

import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.utils import weight_values

pytestmark = pytest.mark.backend
VALUES = np.arange(6.0).reshape(2, 3)
DTYPES = ["float32", "bfloat16", "float16", "int8", "int32", "bool"]


def variable(dtype="float32", values=VALUES):
    return keras.Variable(values, dtype=dtype, trainable=False)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_value_that_is_kept_is_that_of_the_variable(dtype):
    expected = ops.convert_to_numpy(variable(dtype))
    received = weight_values.kept_of(variable(dtype))
    assert received.shape == expected.shape
    assert received.dtype == expected.dtype
    assert received.tobytes() == expected.tobytes()


@pytest.mark.parametrize("shape", [(), (0, 3)])
def test_variables_without_axes_or_values_are_kept(shape):
    received = weight_values.kept_of(variable(values=np.ones(shape)))
    np.testing.assert_array_equal(received, np.ones(shape))


# The states of heads and optimizers are kept by `convert_to_numpy`.
@pytest.mark.parametrize(
    "keep",
    [weight_values.kept_of, ops.convert_to_numpy],
    ids=["kept_of", "convert_to_numpy"],
)
@pytest.mark.parametrize("change", ["assign", "assign_add", "assign_sub"])
def test_what_is_kept_stays_if_the_variable_changes(change, keep):
    changed = variable()
    kept = keep(changed)
    getattr(changed, change)(np.ones((2, 3), "float32"))
    np.testing.assert_array_equal(kept, VALUES)
    assert not np.array_equal(weight_values.kept_of(changed), VALUES)


# torch compiles only where there is a compiler.
COMPILED = [False] if keras.backend.backend() == "torch" else [True, False]


@pytest.mark.parametrize("compiled", COMPILED)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_what_is_kept_stays_in_training(optimizer, compiled):
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Embedding(4, 3),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    model.compile(optimizer, "mse", jit_compile=compiled)
    x, y = np.array([[0, 1, 3], [2, 2, 1]]), np.ones((2, 2))
    for _ in range(2):
        values = [v.copy() for v in model.get_weights()]
        kept = [weight_values.kept_of(v) for v in model.weights]
        values = [*values, *values]
        kept += [ops.convert_to_numpy(v) for v in model.weights]
        model.fit(x, y, epochs=2, verbose=0)
        for one, other in zip(kept, values, strict=True):
            np.testing.assert_array_equal(one, other)
        assert not np.array_equal(model.get_weights()[-1], values[-1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_digest_is_that_of_all_bytes(dtype):
    variables = [variable(dtype), variable(dtype, VALUES[:0])]
    values = ops.convert_to_numpy(variables[0]).tobytes()
    expected = hashlib.sha1(values).hexdigest()
    assert weight_values.digest_of(variables) == expected
    variables[0].assign(ops.flip(variables[0]))
    assert weight_values.digest_of(variables) != expected
