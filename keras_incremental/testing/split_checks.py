"""Checks that every head with support for subclasses must pass.

`make_head(units, **kwargs)` creates a head; it may be the class itself. Run
all checks on your own subclass:

    @pytest.mark.parametrize("check", split_checks.SPLIT_CHECKS)
    def test_my_head_splits(check):
        check(MyHead)

A head without support must pass `check_refuses_splits`.
"""

import pathlib
import tempfile

import keras
import numpy as np
from keras import ops

from keras_incremental.utils.types import Function

INPUT_DIM = 4
# Old classes 0 to 2; 3 and 5 are subclasses of 1, 6 of 3; 4 has no parent.
PHASES = ([1], [None], [1, 3])


def check_merged_head_is_the_old_one(make_head: Function) -> None:
    """A class and its subclasses together keep its old probability."""
    head, inputs = _built(make_head, 3), _inputs(1e3)
    for parents in PHASES:
        before, first = _array(head(inputs)), head.units
        head.expand(len(parents), seed=0, parents=parents)
        after = _array(_disturbed(head, first)(inputs))
        for index in range(first):
            family = [i + first for i, p in enumerate(parents) if p == index]
            _close(_merged(after, [index, *family]), before[:, index])


def check_other_logits_stay(make_head: Function) -> None:
    """Other classes keep bit-identical logits."""
    head, inputs = _built(make_head, 3), _inputs()
    for parents in PHASES:
        before, first = _array(head(inputs)), head.units
        head.expand(len(parents), seed=0, parents=parents)
        after = _array(_disturbed(head, first)(inputs))
        kept = [k for k in range(first) if k not in parents]
        np.testing.assert_array_equal(after[:, kept], before[:, kept])


def check_splits_start_with_a_share(make_head: Function) -> None:
    """A subclass starts with a tenth of the probability of its parent."""
    head, inputs = _built(make_head, 3), _inputs()
    before = _array(head(inputs))
    head.expand(1, parents=[1])
    after = _array(head(inputs))
    _close(after[:, 3] - before[:, 1], np.full(5, np.log(0.1)))
    _close(after[:, 1] - before[:, 1], np.full(5, np.log(0.9)))


def check_joining_keeps_splits(make_head: Function) -> None:
    """Joining groups keeps the logits up to rounding."""
    head, inputs = _grown(make_head, max_groups=3), _inputs()
    for _ in range(3):
        before = _array(head(inputs))
        head.expand(1, seed=0)
        after = _array(head(inputs))[:, : before.shape[-1]]
        _close(after, before)
    assert len(head.blocks) == 3, head.blocks


def check_split_config_round_trip(make_head: Function) -> None:
    """The config includes the parents, and a copy computes the same."""
    head = _grown(make_head)
    saved = keras.saving.serialize_keras_object(head)
    loaded = keras.saving.deserialize_keras_object(saved)
    loaded.set_weights(head.get_weights())
    assert loaded.get_config() == head.get_config()
    logits = _array(head(_inputs()))
    np.testing.assert_array_equal(_array(loaded(_inputs())), logits)


def check_save_load_after_split(make_head: Function) -> None:
    """A head with subclasses can be saved and loaded, and grow further."""
    model = _model(_grown(make_head, name="head"))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
    logits = _array(model(_inputs()))
    np.testing.assert_array_equal(_array(loaded(_inputs())), logits)
    loaded.layers[-1].expand(1, seed=0, parents=[0])
    after = _array(loaded(_inputs()))
    np.testing.assert_array_equal(after[:, 1:-1], logits[:, 1:])


def check_weights_of_other_splits_are_refused(make_head: Function) -> None:
    """A weights file fits only a head with the same parents."""
    model = _model(_grown(make_head, name="head"))
    same = _model(_grown(make_head, name="head"))
    other = _built(make_head, 7, name="head")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.weights.h5"
        model.save_weights(path)
        same.load_weights(path)
        try:
            _model(other).load_weights(path)
        except ValueError as error:
            assert "parents" in str(error), error
        else:
            raise AssertionError("Weights of other splits were accepted.")
    logits = _array(model(_inputs()))
    np.testing.assert_array_equal(_array(same(_inputs())), logits)


def check_restore_undoes_a_split(make_head: Function) -> None:
    """`restore` restores the parents and logits of a snapshot."""
    head, inputs = _built(make_head, 3), _inputs()
    before, snapshot = _array(head(inputs)), head.snapshot()
    head.expand(2, seed=0, parents=[1, None])
    head.restore(snapshot)
    np.testing.assert_array_equal(_array(head(inputs)), before)
    head.expand(1, seed=0)
    np.testing.assert_array_equal(_array(head(inputs))[:, :3], before)


def check_training_a_split_keeps_frozen_classes(make_head: Function) -> None:
    """Where old columns are frozen, old logits and sums never move."""
    head, inputs = _built(make_head, 3), _inputs()
    before = _array(head(inputs))
    head.expand(1, seed=0, parents=[1])
    head.frozen_groups = 1
    model = _model(head)
    model.compile(
        keras.optimizers.AdamW(0.5, weight_decay=0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    start = _array(head(inputs))
    model.fit(inputs, np.array([0, 1, 2, 3, 3]), epochs=3, verbose=0)
    after = _array(head(inputs))
    assert not np.allclose(after[:, 3], start[:, 3]), "The split did not learn."
    np.testing.assert_array_equal(after[:, [0, 2]], before[:, [0, 2]])
    _close(_merged(after, [1, 3]), before[:, 1])


def check_impossible_parents_are_refused(make_head: Function) -> None:
    """A parent that is no old class is named, and nothing changes."""
    head = _built(make_head, 3)
    for parents in ([3], [-2], [1, 1], [1.0], [True], 1.5):
        _refuses(head, parents)


def check_refuses_splits(make_head: Function) -> None:
    """A head without support refuses `parents`, and nothing changes."""
    _refuses(_built(make_head, 3), [1])


SPLIT_CHECKS = (
    check_merged_head_is_the_old_one,
    check_other_logits_stay,
    check_splits_start_with_a_share,
    check_joining_keeps_splits,
    check_split_config_round_trip,
    check_save_load_after_split,
    check_weights_of_other_splits_are_refused,
    check_restore_undoes_a_split,
    check_training_a_split_keeps_frozen_classes,
    check_impossible_parents_are_refused,
)


def _inputs(last=1.0):
    inputs = np.random.default_rng(1).normal(size=(5, INPUT_DIM))
    inputs[-1] *= last
    return inputs.astype("float32")


def _built(make_head, units, **kwargs):
    head = make_head(units, **kwargs)
    head.build((None, INPUT_DIM))
    return head


def _grown(make_head, **kwargs):
    head = _built(make_head, 3, **kwargs)
    for parents in PHASES:
        first = head.units
        head.expand(len(parents), seed=0, parents=parents)
        _disturbed(head, first)
    return head


def _disturbed(head, first):
    """Returns the head with random changes of its columns from `first`."""
    random = np.random.default_rng(2)
    for name in head.column_shapes(1, 1):
        value = head.columns(name)
        value[..., first:] += random.normal(size=value[..., first:].shape)
        head.assign_columns(name, value)
    return head


def _model(head):
    return keras.Sequential([keras.Input((INPUT_DIM,)), head])


def _merged(logits, classes):
    return np.logaddexp.reduce(logits[:, classes].astype("float64"), axis=-1)


def _refuses(head, parents):
    before = head.group_sizes, len(head.weights)
    try:
        head.expand(1, parents=parents)
    except ValueError as error:
        assert "parents" in str(error), error
    else:
        raise AssertionError(f"parents={parents} was accepted.")
    assert (head.group_sizes, len(head.weights)) == before


def _array(value):
    return np.array(ops.convert_to_numpy(value))


def _close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
