import ast
import contextlib
import inspect
import threading

import keras
import numpy as np
import pytest

from keras_incremental.utils import devices
from keras_incremental.utils import state


def built_layer():
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    return layer


def sequential():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


def functional():
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(2)(inputs))


def moved(name, where):
    return f"Keras {keras.__version__} has no {name} on {where} any more."


# One test for each private name that state.py uses.


def test_a_built_layer_has_tracker():
    tracker = built_layer()._tracker
    for name in ("lock", "unlock", "locked"):
        assert hasattr(tracker, name), moved(f"_tracker.{name}", "a layer")
    assert tracker.locked, "A built layer is not locked any more."


def test_a_layer_has_untrack_variable():
    layer = built_layer()
    with state.unlocked(layer):
        layer._untrack_variable(layer.bias)
    assert len(layer.weights) == 1, moved("_untrack_variable", "a layer")


def test_a_layer_has_trainable_variables():
    found = built_layer()._trainable_variables
    assert isinstance(found, list), moved("_trainable_variables", "a layer")
    assert len(found) == 2


def test_an_optimizer_has_trainable_variables():
    layer, optimizer = built_layer(), keras.optimizers.Adam()
    assert state.variables_built_for(optimizer) == []
    optimizer.build(layer.trainable_variables)
    found = [id(v) for v in state.variables_built_for(optimizer)]
    expected = [id(v) for v in layer.trainable_variables]
    assert found == expected, moved("_trainable_variables", "an optimizer")


def test_a_variable_has_a_value():
    variable = keras.Variable([1.0, 2.0])
    found = state.value_of(variable)
    assert found is not None, moved("_value", "a variable")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(found), [1.0, 2.0])


def test_averages_of_optimizers_are_joined():
    layer = built_layer()
    kernel, bias = layer.trainable_variables
    parts = [keras.optimizers.SGD(0.1, use_ema=True) for _ in range(2)]
    parts[0].build([bias])
    parts[1].build([kernel])
    whole = keras.optimizers.SGD(0.5)
    joined = state.JoinedAverages(whole, parts)
    assert [id(v) for v in joined._trainable_variables] == [
        id(bias),
        id(kernel),
    ]
    averages = joined._model_variables_moving_average
    name = "_model_variables_moving_average"
    assert [v.shape for v in averages] == [bias.shape, kernel.shape], moved(
        name, "an optimizer with `use_ema`"
    )
    if keras.config.backend() == "tensorflow":
        strategy = joined._distribution_strategy
        assert strategy is not None, moved(
            "_distribution_strategy", "an optimizer"
        )
    joined.learning_rate = 0.25
    np.testing.assert_allclose(whole.learning_rate, 0.25)
    np.testing.assert_allclose(joined.learning_rate, 0.25)


def test_a_layer_has_non_trainable_variables():
    layer = keras.layers.BatchNormalization()
    layer.build((None, 3))
    found = layer._non_trainable_variables
    assert isinstance(found, list), moved("_non_trainable_variables", "a layer")
    assert len(found) == 2


def test_a_model_has_flatten_layers():
    assert hasattr(functional(), "_flatten_layers"), moved(
        "_flatten_layers", "a model"
    )


def test_a_sequential_has_functional():
    assert hasattr(sequential(), "_functional"), moved(
        "_functional", "Sequential"
    )


def test_a_functional_has_nodes_by_depth():
    nodes = functional()._nodes_by_depth
    assert isinstance(nodes, dict), moved("_nodes_by_depth", "Functional")
    node = nodes[0][0]
    for name in ("operation", "input_tensors", "outputs"):
        assert hasattr(node, name), moved(name, "a node of a graph")


def test_a_torch_layer_has_track_variables():
    if keras.config.backend() == "torch":
        assert hasattr(built_layer(), "_track_variables"), moved(
            "_track_variables", "a torch layer"
        )
    else:
        assert not hasattr(built_layer(), "_track_variables"), (
            "Another backend than torch has parameters to track now."
        )


def test_an_optimizer_has_exclude_from_weight_decay():
    optimizer = keras.optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    for name in ("", "_pattern"):
        name = f"_exclude_from_weight_decay{name}"
        assert hasattr(optimizer, name), moved(name, "an optimizer")


def test_a_compiled_model_has_compile_config():
    model = functional()
    model.compile("sgd", "mse", metrics=["mae"])
    found = model._compile_config
    assert hasattr(found, "config"), moved("_compile_config", "a model")
    assert state.compile_arguments(model)["metrics"] == ["mae"]
    # Growth calls `compile` with them.
    known = inspect.signature(keras.Model.compile).parameters
    assert set(found.config) == {*known} - {"self", "auto_scale_loss"}


def test_an_optimizer_has_var_key():
    layer, optimizer = built_layer(), keras.optimizers.AdamW()
    assert hasattr(optimizer, "_var_key"), moved("_var_key", "an optimizer")
    state.exclude_from_decay(optimizer, [layer.bias])
    assert state.is_decayed(optimizer, layer.kernel)
    assert not state.is_decayed(optimizer, layer.bias)


def test_an_optimizer_has_use_weight_decay():
    assert hasattr(keras.optimizers.AdamW(), "_use_weight_decay"), moved(
        "_use_weight_decay", "an optimizer"
    )


def test_the_backend_has_keras_masks():
    from keras.src import backend

    for name in ("set_keras_mask", "get_keras_mask"):
        assert hasattr(backend, name), moved(name, "keras.src.backend")


def test_a_variable_is_measured_before_it_is_created():
    created = getattr(keras.Variable, state.CREATE, None)
    assert created is not None, moved(state.CREATE, "a variable")
    sizes = []

    def check(size):
        sizes.append(size)
        if size > 10**9:
            raise ValueError("too large")

    with state.watched_variables(check):
        layer = built_layer()
        with pytest.raises(ValueError, match="too large"):
            keras.layers.Dense(10**8).build((None, 10**4))
        thread = threading.Thread(target=built_layer)
        thread.start()
        thread.join()
    small = 4 * layer.count_params()
    assert sizes[-2] == small and sizes[-1] == small + 4 * 10**12
    assert getattr(keras.Variable, state.CREATE) is created
    built_layer()
    assert len(sizes) == len(layer.weights) + 1


def test_bytes_of_an_item_are_of_the_name_of_its_type():
    names = ("float8_e4m3fn", "bfloat16", "float32", "int64", "int4", "bool")
    assert [state._itemsize(name) for name in names] == [1, 2, 4, 8, 1, 1]


def test_an_operation_has_inbound_nodes():
    inputs = keras.Input((4,))
    operation = (inputs / 2.0)._keras_history.operation
    assert hasattr(operation, "_inbound_nodes"), moved(
        "_inbound_nodes", "an operation"
    )
    assert state.arguments_of(operation) == (inputs, 2.0)


def test_a_tensor_has_a_shape():
    tensor = keras.KerasTensor((None, 2))
    state.set_shape(tensor, [None, 3])
    assert tensor.shape == (None, 3), moved("_shape", "a KerasTensor")


def test_a_model_on_tensorflow_has_maybe_symbolic_build():
    if keras.config.backend() == "tensorflow":
        name, model = "_maybe_symbolic_build", sequential()
        assert hasattr(model, name), moved(name, "a model")
        state.build_without_data(model)
        assert model._maybe_symbolic_build(iterator=None) is None


def test_losses_have_scale_loss_for_distribution():
    from keras.src.losses import loss

    scale = getattr(loss, state.SCALE, None)
    assert scale is not None, moved(state.SCALE, "keras.src.losses.loss")
    seen = []
    loss.scale_loss_for_distribution = lambda x: seen.append(0) or scale(x)
    try:
        mean, part = keras.losses.MeanSquaredError(), np.ones((2, 1))
        mean(part, part)
        with state.unscaled_losses():
            mean(part, part)
    finally:
        loss.scale_loss_for_distribution = scale
    assert seen == [0], moved(state.SCALE, "the mean of a loss")


def test_callbacks_leave_what_fit_forgets():
    swap, model = keras.callbacks.SwapEMAWeights(), functional()
    found = swap._ema_weights_in_model, model._initial_epoch
    assert found == (False, None), moved("one of them", "a callback")


def test_no_private_name_goes_without_a_test():
    tested = {
        "_tracker",
        "_untrack_variable",
        "_trainable_variables",
        "_non_trainable_variables",
        "_flatten_layers",
        "_functional",
        "_nodes_by_depth",
        "_track_variables",
        "_exclude_from_weight_decay",
        "_use_weight_decay",
        "_compile_config",
        "_var_key",
        "_inbound_nodes",
        "_shape",
        "_initialize_with_initializer",
        "_maybe_symbolic_build",
        "_value",
        "_model_variables_moving_average",
        "_distribution_strategy",
        "_ema_weights_in_model",
        "_initial_epoch",
    }
    assert private_names(inspect.getsource(state)) == tested


def private_names(source):
    """Underscore attributes, and strings that may name one."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    return {n for n in names if n[:1] == "_" and n[1:2].isalpha()} - {
        "_pattern"
    }


# What the functions promise.


def test_an_unlocked_layer_takes_a_weight_and_is_locked_again():
    layer = built_layer()
    with state.unlocked(layer):
        layer.add_weight(shape=(1,), name="extra")
    assert len(layer.weights) == 3
    with pytest.raises(ValueError, match="cannot add new elements of state"):
        layer.add_weight(shape=(1,), name="another")


def test_a_layer_is_locked_again_after_an_error():
    layer = built_layer()
    with contextlib.suppress(RuntimeError), state.unlocked(layer):
        raise RuntimeError
    with pytest.raises(ValueError, match="cannot add new elements of state"):
        layer.add_weight(shape=(1,), name="another")


def test_an_unbuilt_layer_stays_unlocked():
    layer = keras.layers.Dense(2)
    with state.unlocked(layer):
        pass
    layer.build((None, 3))
    assert len(layer.weights) == 2


def test_variables_are_put_in_order():
    layer = built_layer()
    kernel, bias = layer.weights
    state.order_variables(layer, [bias, kernel])
    assert [v.name for v in layer.weights] == ["bias", "kernel"]


def test_no_strategy_means_no_scope():
    with devices.scope_of(built_layer().weights) as scope:
        assert scope is None


@pytest.mark.parametrize("build", [sequential, functional])
def test_a_model_with_layers_has_a_graph(build):
    model = build()
    assert state.has_graph(model)
    node = state.node_of(model, model.outputs[0])
    assert node.operation is model.layers[-1]
    assert [x.shape for x in node.input_tensors] == [(None, 3)]
    assert state.outbound_tensor(model, model.layers[-1]) is model.outputs[0]


def test_a_model_without_a_graph_is_known():
    assert not state.has_graph(keras.Sequential([keras.layers.Dense(2)]))


def test_a_layer_that_is_not_in_the_graph_has_no_tensors():
    stranger = keras.layers.Dense(2)
    assert state.outbound_tensor(functional(), stranger) is None


def test_an_untracked_model_is_neither_trained_nor_saved():
    model = functional()
    model.teacher = state.Untracked(functional())
    assert len(model.weights) == 2
    assert state.flatten_layers(model) == [model, *model.layers]


def test_a_mask_takes_positions_out_of_the_mean_of_a_loss():
    class Masked(keras.losses.Loss):
        def call(self, y_true, y_pred):
            values = keras.ops.mean(y_pred, axis=-1)
            return state.set_mask(values, keras.ops.array([True, False]))

    predictions = np.array([[2.0], [8.0]], "float32")
    assert float(Masked()(predictions, predictions)) == pytest.approx(2.0)


def test_exclusions_from_weight_decay_are_taken_over():
    layer = built_layer()
    source = keras.optimizers.AdamW()
    source.exclude_from_weight_decay(var_list=[layer.bias])
    target = keras.optimizers.AdamW()
    state.copy_decay_exclusions(source, target, layer.weights)
    assert target._use_weight_decay(layer.kernel)
    assert not target._use_weight_decay(layer.bias)


def test_a_step_is_traced_again_within_a_fit():
    class Regularize(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            kernel = self.model.trainable_variables[0]
            kernel.regularizer = keras.regularizers.L2(100.0)
            state.trace_again(self.model)

    losses = []
    for callbacks in ([], [Regularize()]):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
        model.fit(x, y, verbose=0)
        history = model.fit(x, y, callbacks=callbacks, verbose=0)
        losses.append(history.history["loss"][0])
    assert losses[1] > losses[0] + 1
