"""Several devices: the weights are on each, a batch is divided among them.

On TensorFlow that is `tf.distribute`, whose scope a model is made in. On JAX
it is `keras.distribution`. Elsewhere a model is on one device.
"""

import contextlib
import functools
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_incremental.utils import long_progress
from keras_incremental.utils import records
from keras_incremental.utils import state
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor

FIX = (
    "Make or load the model, and the classifier of it, inside of that scope; "
    "or call this outside of it."
)


def scope_of(
    variables: Iterable[keras.Variable],
) -> contextlib.AbstractContextManager:
    """Returns the scope of the devices that variables are on.

    Raises:
        ValueError: if another scope is entered, whose devices Keras could
            not train them on.
    """
    if keras.config.backend() == "tensorflow":
        return _strategy_scope(variables)
    if keras.config.backend() == "jax":
        return _distribution_scope(variables)
    return contextlib.nullcontext()


def predict(
    model: keras.Model, inputs: Any, batch_size: int = 32, verbose: Any = 0
) -> np.ndarray:
    """Returns the outputs of a model for an array, or for records.

    Args:
        model: `keras.Model` with one output.
        inputs: Array of shape `(num_samples, ...)`.
        batch_size: Int. Defaults to `32`.
        verbose: See `keras.Model.predict`. Defaults to `0`.
    """
    told = []
    if not verbose:
        told = long_progress.predict_callbacks(len(inputs), batch_size)
    read, batch_size, count = divisible(records.readable(inputs), batch_size)
    outputs = model.predict(
        read, batch_size=batch_size, verbose=verbose, callbacks=told
    )
    return outputs[:count]


def predict_on_batch(model: keras.Model, x: Structure) -> np.ndarray:
    """Returns the outputs of a model for one batch.

    Where each device would get all of the batch, one device computes it.
    """
    if keras.config.backend() == "tensorflow" and not is_one(model):
        return keras.ops.convert_to_numpy(model(x, training=False))
    return model.predict_on_batch(x)


def is_one(model: keras.Model) -> bool:
    """Returns whether all batches of a model run on one device."""
    if keras.config.backend() == "tensorflow":
        return model.distribute_strategy.num_replicas_in_sync == 1
    return _divisor() == 1


def divisible(
    x: Structure, batch_size: int | None
) -> tuple[Structure, int | None, int | None]:
    """Returns samples that the devices divide, in batches of any size.

    JAX divides a batch evenly or not at all. So the last sample is repeated,
    and the batches are made larger. Elsewhere nothing changes.

    Args:
        x: Structure of arrays with the same number of rows.
        batch_size: Int, or `None` for the default of Keras.

    Returns:
        The samples, the batch size, and how many samples were given, `None`
        for all of them.
    """
    size = _divisor()
    if size == 1:
        return x, batch_size, None
    count = len(keras.tree.flatten(x)[0])

    def filled(part):
        part = keras.ops.convert_to_numpy(part)
        last = np.repeat(part[-1:], -count % size, axis=0)
        return np.concatenate([part, last])

    batch_size = batch_size or 32
    return keras.tree.map_structure(filled, x), _up(batch_size, size), count


def divided(model: keras.Model, batch: Structure) -> Structure:
    """Returns a batch for `train_on_batch`, which devices share.

    Keras would give all of the batch to each device of TensorFlow.

    Args:
        model: `keras.Model`.
        batch: Structure of arrays.
    """
    if keras.config.backend() != "tensorflow":
        return batch
    strategy = model.distribute_strategy
    size = strategy.num_replicas_in_sync
    if size == 1:
        return batch

    def share(part):
        rows = np.array_split(np.arange(len(part)), size)
        return strategy.experimental_distribute_values_from_function(
            lambda context: keras.ops.convert_to_tensor(
                part[slice_of(rows[context.replica_id_in_sync_group])]
            )
        )

    return keras.tree.map_structure(share, batch)


def slice_of(rows: np.ndarray) -> slice:
    """Returns the slice of rows that follow each other."""
    return slice(rows[0], rows[-1] + 1) if len(rows) else slice(0)


def gathered(structure: Structure) -> Structure:
    """Returns the rows of all devices, in a step on one of them.

    A mean over a part of a batch is not a part of the mean where the parts
    differ in size, or where it leaves samples out. On JAX a step sees all
    rows anyway.

    Args:
        structure: Structure of tensors with a first axis of samples, and of
            `None`.
    """
    context = _replica_context()
    if context is None:
        return structure

    def whole(part):
        if part is None:
            return None
        # Of several tensors at once, TensorFlow mixes up the gradients.
        rows = context.all_gather(_carried(part), axis=0)
        rows.set_shape((None, *part.shape[1:]))
        return keras.ops.cast(rows, part.dtype)

    return keras.tree.map_structure(whole, structure)


def share_of(loss: Callable[[], Tensor]) -> Tensor:
    """Returns the part of a loss of all rows that each device contributes.

    Args:
        loss: Function without arguments, which returns the loss.
    """
    context = _replica_context()
    if context is None:
        return loss()
    with state.unscaled_losses():
        return loss() / context.num_replicas_in_sync


def value_of(variable: keras.Variable) -> Any:
    """Returns what a gradient is taken of, outside of a step on devices."""
    strategy = _strategy_of([variable])
    if strategy is None:
        return variable.value
    return strategy.experimental_local_results(variable.value)[0]


@contextlib.contextmanager
def any_batches() -> Iterator[None]:
    """Lets JAX take batches in the block that the devices do not divide.

    Each device gets all of a batch, and `constrained` divides what it can.
    """
    if _divisor() == 1:
        yield
        return
    mesh = keras.distribution.distribution().device_mesh
    with _whole_batches()(device_mesh=mesh).scope():
        yield


def constrained(x: Structure) -> Structure:
    """Returns a batch of `any_batches`, divided among devices if it can be."""
    if keras.config.backend() != "jax":
        return x
    distribution = keras.distribution.distribution()
    if not isinstance(distribution, _whole_batches()):
        return x
    return keras.tree.map_structure(distribution.constrained, x)


def check_can_train(
    variables: Iterable[keras.Variable], follows_batches: bool = False
) -> None:
    """Raises if variables are on devices that cannot train them.

    Args:
        variables: Iterable of `keras.Variable`.
        follows_batches: Bool. Whether layers adapt to what is in a batch, as
            BatchNormalization does. Defaults to `False`.
    """
    strategy = _strategy_of(variables)
    size = getattr(strategy, "num_replicas_in_sync", 1)
    if size > 1 and size > len(strategy.extended.worker_devices):
        raise ValueError(
            f"`fit` of Keras {keras.__version__} does not run where devices "
            "belong to several processes, so only heads that are solved from "
            f"statistics learn there. Received: weights of a "
            f"{type(strategy).__name__} of {size} devices, and a phase that "
            "trains. Freeze all layers below the head and choose a recipe "
            "that solves it, such as `slda()`, or train under a "
            "`MirroredStrategy`."
        )
    if follows_batches and size > 1:
        raise ValueError(
            "BatchNormalization would follow the part of each batch that is "
            f"on its device. Received: train_batch_norm=True, on {size} "
            "devices. Pass `train_batch_norm=False`, or train on one device."
        )


def _carried(tensor):
    """Returns a tensor in a dtype that TensorFlow gathers."""
    if not tensor.dtype.is_floating:
        return keras.ops.cast(tensor, "int64")
    is_small = tensor.dtype.size < 4
    return keras.ops.cast(tensor, "float32") if is_small else tensor


def _up(number, divisor):
    return number + -number % divisor


def _replica_context():
    """Returns the context of a step on one of several devices, or `None`."""
    if keras.config.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return None
    return context


def _strategy_of(variables):
    for variable in variables:
        strategy = getattr(variable.value, "distribute_strategy", None)
        if strategy is not None:
            return strategy
    return None


def _strategy_scope(variables):
    import tensorflow as tf

    variables = list(variables)
    own, entered = _strategy_of(variables), None
    if tf.distribute.has_strategy():
        entered = tf.distribute.get_strategy()
    size = getattr(entered, "num_replicas_in_sync", 1)
    if size == 1 or not variables or own is entered:
        return contextlib.nullcontext() if own is None else own.scope()
    raise ValueError(
        f"The scope of a {type(entered).__name__} is entered, but the weights "
        f"were made outside of it. Received: '{variables[0].path}', made "
        f"{_where(own)}. {FIX}"
    )


def _where(strategy):
    name = type(strategy).__name__
    return "without a strategy" if strategy is None else f"under a {name}"


def _distribution_scope(variables):
    devices = _devices_of(variables)
    distribution = keras.distribution.distribution()
    if distribution is None and len(devices) > 1:
        return keras.distribution.DataParallel(devices=devices).scope()
    if distribution is None or not devices:
        return contextlib.nullcontext()
    size = distribution.device_mesh.devices.size
    if len(devices) < size:
        raise ValueError(
            f"A {type(distribution).__name__} of {size} devices is set, but "
            f"the weights were made without it. Received: weights on "
            f"{len(devices)}. {FIX}"
        )
    return contextlib.nullcontext()


def _devices_of(variables):
    """Returns the names of the devices that all variables are on, by JAX."""
    for variable in variables:
        value = state.value_of(variable)
        if value is None:
            continue
        sharding = getattr(value, "sharding", None)
        mesh = getattr(sharding, "mesh", None)
        found = sharding.device_set if mesh is None else mesh.devices.ravel()
        return [f"{device.platform}:{device.id}" for device in found]
    return []


def _divisor():
    """Returns what JAX must divide the rows of a batch by."""
    if keras.config.backend() != "jax":
        return 1
    distribution = keras.distribution.distribution()
    if not isinstance(distribution, keras.distribution.DataParallel):
        return 1
    return distribution.device_mesh.devices.size


@functools.cache
def _whole_batches():
    """Returns the class of distributions that do not divide a batch."""

    class WholeBatches(keras.distribution.DataParallel):
        def get_data_layout(self, data_shape):
            return self._layout(None, data_shape)

        def constrained(self, x):
            if x.shape[0] is None or x.shape[0] % self.device_mesh.devices.size:
                return x
            layout = self._layout(self.batch_dim_name, x.shape)
            return keras.distribution.distribute_tensor(x, layout)

        def _layout(self, first, shape):
            axes = [first, *[None] * (len(shape) - 1)]
            return keras.distribution.TensorLayout(axes, self.device_mesh)

    return WholeBatches
