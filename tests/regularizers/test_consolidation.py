import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.layers.expandable_dense import ExpandableDense
from keras_incremental.regularizers.consolidation import consolidate
from keras_incremental.regularizers.consolidation import largest_curvature
from keras_incremental.regularizers.consolidation import remove_penalties
from keras_incremental.regularizers.consolidation import scale_importance
from keras_incremental.regularizers.quadratic_penalty import QuadraticPenalty


def _model(regularizer=None):
    dense = keras.layers.Dense(
        2,
        use_bias=False,
        kernel_initializer="zeros",
        kernel_regularizer=regularizer,
        name="dense",
    )
    return keras.Sequential([keras.Input((1,)), dense])


def _consolidate(model, weight, importance, **kwargs):
    kernel = model.layers[-1].kernel
    kernel.assign([weight])
    importance = {kernel.path: np.array([importance], "float32")}
    consolidate(model, importance, 2.0, **kwargs)
    return kernel.regularizer


def _loss(model):
    return float(ops.convert_to_numpy(sum(model.losses)))


def _penalty(model, weight):
    model.layers[-1].kernel.assign([weight])
    return _loss(model)


def test_first_phase_pulls_to_the_present_weights():
    model = _model()
    _consolidate(model, [1.0, 2.0], [3.0, 0.0])
    assert _penalty(model, [1.0, 2.0]) == 0.0
    assert _penalty(model, [2.0, 5.0]) == 3.0


def test_separate_equals_one_penalty_for_each_phase_up_to_a_constant():
    model = _model()
    phases = [([1.0, 2.0], [3.0, 0.0]), ([4.0, -1.0], [1.0, 0.5])]
    phases += [([0.0, 3.0], [0.5, 2.0])]
    for weight, importance in phases:
        _consolidate(model, weight, importance)

    def sum_of_phases(weight):
        return sum(
            np.sum(np.array(f) * (np.array(weight) - r) ** 2) for r, f in phases
        )

    points = [[0.0, 0.0], [1.0, -2.0], [5.0, 3.0]]
    gaps = [_penalty(model, p) - sum_of_phases(p) for p in points]
    np.testing.assert_allclose(gaps, gaps[0], rtol=1e-5)


def test_separate_keeps_the_present_weight_where_nothing_matters():
    model = _model()
    _consolidate(model, [1.0, 2.0], [0.0, 0.0])
    penalty = _consolidate(model, [5.0, 6.0], [0.0, 1.0])
    assert penalty.reference.tolist() == [[5.0, 6.0]]


def test_online_decays_and_moves_the_reference():
    model = _model()
    _consolidate(model, [1.0, 2.0], [3.0, 4.0], mode="online", decay=0.5)
    penalty = _consolidate(
        model, [5.0, 6.0], [1.0, 0.0], mode="online", decay=0.5
    )
    assert penalty.importance.tolist() == [[2.5, 2.0]]
    assert penalty.reference.tolist() == [[5.0, 6.0]]


def test_other_regularizers_are_kept_and_come_back():
    model = _model(keras.regularizers.L2(0.5))
    kept = model.layers[-1].kernel.regularizer
    for _ in range(2):
        _consolidate(model, [1.0, 2.0], [3.0, 0.0])
    assert _penalty(model, [1.0, 2.0]) == 2.5
    remove_penalties(model)
    assert model.layers[-1].kernel.regularizer is kept


def test_frozen_variables_are_skipped():
    model = _model()
    model.layers[-1].trainable = False
    assert _consolidate(model, [1.0, 2.0], [3.0, 0.0]) is None


def test_variables_without_importance_keep_their_penalty():
    model = _model()
    penalty = _consolidate(model, [1.0, 2.0], [3.0, 0.0])
    consolidate(model, {}, 1.0)
    assert model.layers[-1].kernel.regularizer is penalty


def test_the_next_fit_sees_penalties_and_their_removal():
    model = _model()
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x, y = np.zeros((1, 1)), np.zeros((1, 2))

    def loss():
        return model.fit(x, y, verbose=0).history["loss"][0]

    assert loss() == 0.0
    _consolidate(model, [1.0, 2.0], [3.0, 0.0])
    model.layers[-1].kernel.assign([[2.0, 2.0]])
    assert loss() == 3.0
    remove_penalties(model)
    assert loss() == 0.0


def test_joined_blocks_keep_their_penalties():
    head = ExpandableDense(1, max_groups=3, use_bias=False)
    model = keras.Sequential([keras.Input((2,)), head])
    head.expand(1, initializer="zeros")
    kernels = {v.path: v for v in model.trainable_variables}
    ones = {path: np.ones(v.shape) for path, v in kernels.items()}
    consolidate(model, ones, 2.0)
    for variable in kernels.values():
        variable.assign_add(ops.ones(variable.shape))
    before = _loss(model)
    head.expand(1, initializer="zeros")
    head.expand(1, initializer="zeros")
    assert head.blocks == (2, 1, 1)
    np.testing.assert_allclose(before, 4.0, rtol=1e-6)
    np.testing.assert_allclose(_loss(model), before, rtol=1e-6)
    # The next phase protects old and new columns, the old ones twice.
    ones = {v.path: np.ones(v.shape) for v in model.trainable_variables}
    consolidate(model, ones, 2.0)
    found = [v.regularizer.importance.tolist() for v in head.weights]
    assert found == [[[2.0, 2.0]] * 2, [[1.0]] * 2, [[1.0]] * 2]


@pytest.mark.parametrize(
    ("importance", "kwargs", "message"),
    [
        ({"dense/kernel": np.ones((1, 2))}, {"mode": "sum"}, "`mode` must be"),
        (
            {"dense/kernel": np.ones((1, 2))},
            {"mode": "separate", "decay": 0.5},
            "`decay` must be",
        ),
        (
            {"dense/kernel": np.ones((1, 2))},
            {"mode": "online", "decay": 1.5},
            "`decay` must be",
        ),
        ({"other/kernel": np.ones((1, 2))}, {}, "paths and shapes"),
        ({"KERNEL": np.ones((2, 1))}, {}, "paths and shapes"),
        ({"KERNEL": -np.ones((1, 2))}, {}, "not negative"),
    ],
)
def test_nothing_changes_when_refused(importance, kwargs, message):
    model = _model()
    path = model.layers[-1].kernel.path
    importance = {k.replace("KERNEL", path): v for k, v in importance.items()}
    with pytest.raises(ValueError, match=message):
        consolidate(model, importance, 1.0, **kwargs)
    assert model.layers[-1].kernel.regularizer is None


def test_normalized_importance_has_mean_one():
    found = scale_importance(
        {"a": np.array([1.0, 3.0]), "b": np.array([[8.0]])}, normalize=True
    )
    assert found["a"].tolist() == [0.25, 0.75] and found["b"].tolist() == [[2]]


def test_importance_of_zero_stays_zero():
    found = scale_importance({"a": np.zeros(2)}, normalize=True)
    assert found["a"].tolist() == [0.0, 0.0]


def test_clipping_cuts_at_a_percentile_of_all_values():
    values = {"a": np.arange(100.0), "b": np.array([1000.0])}
    found = scale_importance(values, clip_percentile=99)
    assert found["b"].tolist() == [99.0] and found["a"].tolist()[98] == 98.0


def test_largest_curvature_is_strength_times_importance():
    model = _model()
    assert largest_curvature(model) == 0.0
    kernel = model.layers[-1].kernel
    kernel.regularizer = QuadraticPenalty([[1.0, 7.0]], [[0.0, 0.0]], 2.0)
    assert largest_curvature(model) == 14.0
