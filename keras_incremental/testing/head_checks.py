"""Checks that every expandable head must pass.

`make_head(units, **kwargs)` creates a head; it may be the class itself. Run
all checks on your own subclass:

    @pytest.mark.parametrize("check", head_checks.HEAD_CHECKS)
    def test_my_head_obeys(check):
        check(MyHead)
"""

import pathlib
import tempfile

import keras
import numpy as np
from keras import ops

from keras_incremental.regularizers.fisher import fisher_importance
from keras_incremental.utils.compilation import recompile
from keras_incremental.utils.types import Function

INPUT_DIM = 4


def check_config_round_trip(make_head: Function) -> None:
    """The config creates the same head, also by its registered name."""
    head = make_head([2, 3, 1], max_groups=3, frozen_groups=2, name="head")
    config = head.get_config()
    _equal(type(head).from_config(config).get_config(), config)
    saved = keras.saving.serialize_keras_object(head)
    loaded = keras.saving.deserialize_keras_object(saved)
    assert type(loaded) is type(head), type(loaded)
    _equal(loaded.get_config(), config)


def check_expand_keeps_old_logits(make_head: Function) -> None:
    """Growth keeps the logits of old classes bit-identical."""
    head, inputs = _built(make_head, 3), _inputs()
    for units in (1, 2):
        before = _array(head(inputs))
        head.expand(units, seed=0)
        after = _array(head(inputs))
        np.testing.assert_array_equal(after[:, : before.shape[-1]], before)


def check_joining_keeps_logits(make_head: Function) -> None:
    """Joining groups keeps the logits up to rounding."""
    head, inputs = _built(make_head, 2, max_groups=3), _inputs()
    blocks = []
    for _ in range(5):
        before = _array(head(inputs))
        head.expand(1, seed=0)
        after = _array(head(inputs))[:, : before.shape[-1]]
        np.testing.assert_allclose(after, before, atol=1e-6)
        blocks.append(len(head.blocks))
    assert max(blocks) == 3, blocks
    _equal(head.group_sizes, (2, 1, 1, 1, 1, 1))


def check_expand_appends_columns(make_head: Function) -> None:
    """Growth appends the given number of outputs."""
    head = _built(make_head, 3)
    head.expand(2, seed=0)
    _equal(head.units, 5)
    _equal(tuple(head(_inputs()).shape), (5, 5))
    _equal(head.compute_output_shape((None, INPUT_DIM)), (None, 5))
    for name in head.column_shapes(1, 1):
        _equal(head.columns(name).shape[-1], 5)


def check_group_order_is_arrival_order(make_head: Function) -> None:
    """Groups, their slices and their weights follow the order of arrival."""
    head = _built(make_head, 2)
    first = {name: head.columns(name) for name in head.column_shapes(1, 1)}
    head.expand(3, seed=0)
    head.expand(1, seed=0)
    _equal(head.group_sizes, (2, 3, 1))
    _equal(head.group_slices, (slice(0, 2), slice(2, 5), slice(5, 6)))
    for name, columns in first.items():
        part = head.columns(name)[..., head.group_slices[0]]
        np.testing.assert_array_equal(part, columns)


def check_expand_before_build(make_head: Function) -> None:
    """A head can grow before it is built."""
    head = make_head(2)
    head.expand(3)
    _equal(head.group_sizes, (2, 3))
    _equal(tuple(head(_inputs()).shape), (5, 5))


def check_expand_rejects_zero_and_negative(make_head: Function) -> None:
    """An impossible number of classes is refused, and nothing changes."""
    head = _built(make_head, 2)
    for units, error in ((0, ValueError), (-1, ValueError), (1.5, TypeError)):
        for call in (head.expand, make_head):
            _refuses(call, units, error, "units")
    _equal(head.group_sizes, (2,))
    _equal(tuple(head(_inputs()).shape), (5, 2))


def check_trains_after_expand(make_head: Function) -> None:
    """After growth every weight, old or new, learns."""
    model = _compiled(make_head, 2)
    _fit(model)
    model.layers[-1].expand(1, seed=0)
    recompile(model)
    before = _weights(model.trainable_variables)
    assert before, "The head has no trainable weights."
    _fit(model)
    for variable, old in zip(model.trainable_variables, before, strict=True):
        assert not np.array_equal(_array(variable), old), variable.path


def check_save_load_after_expand(make_head: Function) -> None:
    """A grown head can be saved and loaded, and grow further."""
    model = _compiled(make_head, 2)
    model.layers[-1].expand(3, seed=0)
    recompile(model)
    _fit(model)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
    head, again = model.layers[-1], loaded.layers[-1]
    _equal(again.group_sizes, head.group_sizes)
    inputs = _inputs()
    logits = _array(loaded(inputs))
    np.testing.assert_array_equal(logits, _array(model(inputs)))
    again.expand(1, seed=0)
    np.testing.assert_array_equal(_array(loaded(inputs))[:, :5], logits)


def check_weights_only_load(make_head: Function) -> None:
    """A weights file fits a head with the same classes in other groups."""
    model = _compiled(make_head, 2)
    model.layers[-1].expand(3, seed=0)
    other = _compiled(make_head, 5)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.weights.h5"
        model.save_weights(path)
        other.load_weights(path)
    inputs = _inputs()
    np.testing.assert_allclose(
        _array(other(inputs)), _array(model(inputs)), atol=1e-6
    )


def check_frozen_groups_do_not_move(make_head: Function) -> None:
    """Frozen groups stay, under weight decay and for a thawed parent."""
    model = _compiled(make_head, 2)
    head = model.layers[-1]
    head.expand(1, seed=0)
    head.frozen_groups = 1
    model.trainable = False
    model.trainable = True
    recompile(model)
    names = list(head.column_shapes(1, 1))
    before = {name: head.columns(name) for name in names}
    _fit(model)
    for name in names:
        np.testing.assert_array_equal(
            head.columns(name)[..., :2], before[name][..., :2]
        )
    assert any(
        not np.array_equal(head.columns(n)[..., 2:], before[n][..., 2:])
        for n in names
    ), "The group that is not frozen did not learn."


def check_mixed_precision(make_head: Function) -> None:
    """Low precision computes; the weights stay float32 through growth."""
    for policy in ("mixed_float16", "mixed_bfloat16"):
        head = _built(make_head, 2, dtype=policy)
        before = head(_inputs())
        head.expand(1, seed=0)
        after = head(_inputs())
        _equal(keras.backend.standardize_dtype(after.dtype), policy[6:])
        _equal({str(v.dtype) for v in head.weights}, {"float32"})
        assert bool(ops.all(after[:, :2] == before)), policy


def check_clone_is_independent(make_head: Function) -> None:
    """A clone computes the same, and does not follow the original."""
    model = _compiled(make_head, 2)
    model.layers[-1].expand(1, seed=0)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    inputs = _inputs()
    logits = _array(clone(inputs))
    np.testing.assert_array_equal(logits, _array(model(inputs)))
    model.layers[-1].expand(1, seed=0)
    for variable in model.layers[-1].weights:
        variable.assign(ops.zeros(variable.shape))
    np.testing.assert_array_equal(_array(clone(inputs)), logits)


def check_restore_undoes_growth(make_head: Function) -> None:
    """`restore` restores the groups, weights and logits of a snapshot."""
    head, inputs = _built(make_head, 2, max_groups=3), _inputs()
    head.expand(1, seed=0)
    head.frozen_groups = 1
    before, snapshot = _array(head(inputs)), head.snapshot()
    weights = [v.name for v in head.weights]
    for _ in range(3):
        head.expand(1, seed=0)
    head.restore(snapshot)
    np.testing.assert_array_equal(_array(head(inputs)), before)
    _equal((head.group_sizes, head.frozen_groups), ((2, 1), 1))
    _equal([v.name for v in head.weights], weights)


def check_every_variable_is_a_torch_parameter(make_head: Function) -> None:
    """After growth and recompilation, torch tracks every weight."""
    model = _compiled(make_head, 2)
    model.layers[-1].expand(1, seed=0)
    recompile(model)
    tracked = {id(v) for v in model.variables}
    assert all(id(v) in tracked for v in model.layers[-1].weights)
    if keras.config.backend() == "torch":
        parameters = {id(p) for p in model.parameters()}
        assert all(id(v.value) in parameters for v in model.variables)


def check_plain_layers_compute_the_same(make_head: Function) -> None:
    """Layers of Keras alone compute the logits, or the head refuses."""
    head, inputs = _built(make_head, 2), keras.Input((INPUT_DIM,))
    head.expand(1, seed=0)
    try:
        model = keras.Model(inputs, head.plain(inputs))
    except ValueError as error:
        assert "Keep the" in str(error), error
        return
    modules = {type(x).__module__.split(".")[0] for x in model.layers}
    _equal(modules, {"keras"})
    np.testing.assert_allclose(
        _array(model(_inputs())), _array(head(_inputs())), 1e-4, 1e-4
    )


def check_starts_from_another_head(make_head: Function) -> None:
    """Columns of a `Dense` may be a start; what does not fit is left out."""
    head, random = _built(make_head, 3), np.random.default_rng(0)
    before = [_array(v) for v in head.weights]
    kernel = random.normal(size=(INPUT_DIM, 3)).astype("float32")
    bias = random.normal(size=3).astype("float32")
    for columns in ({}, {"kernel": kernel[:, :2], "bias": bias[:2]}):
        head.start_from(columns)
        for variable, old in zip(head.weights, before, strict=True):
            np.testing.assert_array_equal(_array(variable), old)
    head.start_from({"kernel": kernel, "bias": bias})
    logits = _array(head(_inputs()))
    assert logits.shape == (5, 3) and np.isfinite(logits).all()


def check_imprinted_columns_know_their_classes(make_head: Function) -> None:
    """Columns that point at features predict them, or the head refuses."""
    head, labels = _built(make_head, 3), np.arange(12) % 3
    noise = np.random.default_rng(0).normal(size=(12, INPUT_DIM))
    features = (5 * np.eye(INPUT_DIM)[labels] + 0.1 * noise).astype("float32")
    try:
        head.imprint(features, labels, seed=0)
    except ValueError as error:
        assert "imprinting" in str(error), error
        return
    np.testing.assert_array_equal(_array(head(features)).argmax(-1), labels)


def check_its_rule_gives_what_a_loop_gives(make_head: Function) -> None:
    """Gradients of examples are the same with and without its own rule."""
    head = _built(make_head, 2, name="head")
    head.expand(1, seed=0)
    found = _fisher(keras.Sequential([keras.Input((INPUT_DIM,)), head]))
    wrapped = _fisher(
        keras.Sequential([keras.Input((INPUT_DIM,)), _Opaque(head)])
    )
    assert found and found.keys() == wrapped.keys()
    for path, value in found.items():
        np.testing.assert_allclose(value, wrapped[path], 1e-4, 1e-7)


HEAD_CHECKS = (
    check_config_round_trip,
    check_expand_keeps_old_logits,
    check_joining_keeps_logits,
    check_expand_appends_columns,
    check_group_order_is_arrival_order,
    check_expand_before_build,
    check_expand_rejects_zero_and_negative,
    check_trains_after_expand,
    check_save_load_after_expand,
    check_weights_only_load,
    check_frozen_groups_do_not_move,
    check_mixed_precision,
    check_clone_is_independent,
    check_restore_undoes_growth,
    check_every_variable_is_a_torch_parameter,
    check_plain_layers_compute_the_same,
    check_starts_from_another_head,
    check_imprinted_columns_know_their_classes,
    check_its_rule_gives_what_a_loop_gives,
)


class _Opaque(keras.layers.Layer):
    """Calls a head in a way that no rule may rely on."""

    def __init__(self, head):
        super().__init__()
        self.head = head

    def call(self, inputs):
        return self.head(inputs)


def _fisher(model):
    return fisher_importance(model, _inputs(), from_logits=True)


def _inputs():
    return (
        np.random.default_rng(1).normal(size=(5, INPUT_DIM)).astype("float32")
    )


def _built(make_head, units, **kwargs):
    head = make_head(units, **kwargs)
    head.build((None, INPUT_DIM))
    return head


def _compiled(make_head, units):
    inputs = keras.Input((INPUT_DIM,))
    model = keras.Model(inputs, make_head(units, name="head")(inputs))
    model.compile(
        keras.optimizers.AdamW(0.1, weight_decay=0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def _fit(model):
    labels = np.arange(5) % model.layers[-1].units
    model.fit(_inputs(), labels, batch_size=5, verbose=0)


def _weights(variables):
    return [_array(variable) for variable in variables]


def _array(value):
    return np.array(ops.convert_to_numpy(value))


def _equal(found, expected):
    assert found == expected, f"{found} is not {expected}."


def _refuses(call, units, error, name):
    try:
        call(units)
    except error as raised:
        assert name in str(raised), raised
    else:
        raise AssertionError(f"units={units} was accepted.")
