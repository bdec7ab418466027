import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_incremental.callbacks.elastic_weight_consolidation import (
    ElasticWeightConsolidation,
)
from keras_incremental.layers.expandable_dense import ExpandableDense
from keras_incremental.regularizers.fisher import fisher_importance
from keras_incremental.utils import state
from keras_incremental.utils.compilation import Compilation


def _domain(seed, size=128):
    """Four clusters, in another place for each seed."""
    centers = 1.2 * np.random.default_rng(seed).normal(size=(4, 16))
    generator = np.random.default_rng(seed + 100)
    y = generator.integers(4, size=size)
    x = centers[y] + generator.normal(size=(size, 16))
    return x.astype("float32"), y


FIRST, SECOND = _domain(1), _domain(2)


def _model(optimizer=None, head=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(16, activation="relu"),
            head or layers.Dense(4),
        ]
    )
    model.compile(
        optimizer or keras.optimizers.Adam(0.02),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def _fit(model, data, callback=None, epochs=1):
    if callback is not None:
        callback.data = data
    callbacks = [callback] if callback is not None else []
    return model.fit(
        *data, batch_size=32, epochs=epochs, verbose=0, callbacks=callbacks
    )


def _penalties(model):
    return [v.regularizer for v in model.trainable_variables]


def _weights(model):
    return [ops.convert_to_numpy(v) for v in model.trainable_variables]


def _accuracy(model, data):
    logits = ops.convert_to_numpy(model(data[0]))
    return np.mean(np.argmax(logits, -1) == data[1])


def test_a_phase_ends_with_penalties_around_the_final_weights():
    model = _model()
    _fit(model, FIRST, ElasticWeightConsolidation(strength=5.0))
    importance = fisher_importance(model, FIRST)
    for v in model.trainable_variables:
        penalty = v.regularizer
        assert penalty.strength == 5.0
        np.testing.assert_array_equal(
            penalty.reference, ops.convert_to_numpy(v)
        )
        np.testing.assert_allclose(
            penalty.importance, importance[v.path], rtol=1e-4, atol=1e-8
        )


def test_strength_zero_trains_as_without_callback():
    results = []
    for callback in (None, ElasticWeightConsolidation(strength=0.0)):
        model = _model()
        _fit(model, FIRST, callback)
        _fit(model, SECOND, callback)
        results.append(_weights(model))
    for plain, penalized in zip(*results, strict=True):
        np.testing.assert_array_equal(plain, penalized)


def test_the_loss_of_the_next_fit_holds_the_penalty():
    model = _model()
    _fit(model, FIRST, ElasticWeightConsolidation(strength=10.0))
    for v in model.trainable_variables:
        v.assign_add(0.1 * ops.ones(v.shape))
    wanted = (
        0.5 * 10 * sum(0.01 * p.importance.sum() for p in _penalties(model))
    )
    with_penalty = model.evaluate(*SECOND, verbose=0)
    for v in model.trainable_variables:
        v.regularizer = None
    state.forget_compiled(model)
    without = model.evaluate(*SECOND, verbose=0)
    np.testing.assert_allclose(with_penalty - without, wanted, rtol=1e-3)


def test_the_first_domain_is_kept_better_than_by_plain_training():
    kept = {}
    for name, callback in (
        ("plain", None),
        ("ewc", ElasticWeightConsolidation(strength=100.0)),
    ):
        model = _model()
        _fit(model, FIRST, callback, epochs=10)
        assert _accuracy(model, FIRST) > 0.95
        _fit(model, SECOND, callback, epochs=10)
        assert _accuracy(model, SECOND) > 0.9
        kept[name] = _accuracy(model, FIRST)
    assert kept["ewc"] > kept["plain"] + 0.1


def test_a_head_grows_between_phases_and_old_columns_stay_penalized():
    head = ExpandableDense(4, max_groups=3)
    model = _model(head=head)
    callback = ElasticWeightConsolidation(strength=1e3, mode="separate")
    _fit(model, FIRST, callback)
    old = head.columns("kernel")
    for label in (4, 5, 6):
        compilation = Compilation(model)
        head.expand(1)
        compilation.apply(model)
        x, y = SECOND
        _fit(model, (x, np.full_like(y, label)), callback)
    assert head.blocks == (2, 1, 1)
    assert all(p is not None for p in _penalties(model))
    joined = head.weights[0].regularizer
    assert joined.importance.shape == (16, 5)
    assert np.all(joined.importance.max(0) > 0)
    assert np.max(np.abs(head.columns("kernel")[:, :4] - old)) < 0.5


def test_sgd_that_would_diverge_is_refused_before_a_step():
    model = _model(keras.optimizers.SGD(0.1))
    callback = ElasticWeightConsolidation(strength=1e4)
    _fit(model, FIRST, callback)
    before = _weights(model)
    with pytest.raises(ValueError, match="diverge to NaN if learning_rate"):
        _fit(model, SECOND, callback)
    for a, b in zip(before, _weights(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_clipping_and_a_smaller_strength_let_sgd_train():
    model = _model(keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True))
    callback = ElasticWeightConsolidation(
        strength=0.5, normalize=True, clip_percentile=90.0
    )
    _fit(model, FIRST, callback)
    highest = max(p.importance.max() for p in _penalties(model))
    assert 0.1 * 0.5 * highest < 2 * 1.9 / 2.8
    _fit(model, SECOND, callback)
    assert all(np.all(np.isfinite(w)) for w in _weights(model))


def test_a_fit_without_data_is_refused():
    model, callback = _model(), ElasticWeightConsolidation()
    with pytest.raises(ValueError, match="Set `callback.data"):
        model.fit(*FIRST, verbose=0, callbacks=[callback])


def test_the_data_of_a_phase_is_not_used_for_the_next():
    model, callback = _model(), ElasticWeightConsolidation(FIRST)
    model.fit(*FIRST, verbose=0, callbacks=[callback])
    with pytest.raises(ValueError, match="needs the data of each phase"):
        model.fit(*SECOND, verbose=0, callbacks=[callback])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "sum"}, "`mode` must be one of"),
        ({"mode": "separate", "decay": 0.9}, "`decay` must be"),
        ({"variant": "true"}, "`variant` must be one of"),
        ({"strength": -1.0}, "`strength` of ElasticWeightConsolidation"),
    ],
)
def test_refusals_come_at_construction(arguments, message):
    with pytest.raises(ValueError, match=message):
        ElasticWeightConsolidation(**arguments)


def test_config_round_trip_leaves_out_the_data():
    callback = ElasticWeightConsolidation(FIRST, strength=7.0, normalize=True)
    config = keras.saving.serialize_keras_object(callback)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == callback.get_config()
    assert again.data is None and again.strength == 7.0


@pytest.mark.parametrize("verbose", [0, 2])
def test_the_importance_is_named_where_fit_shows_progress(capsys, verbose):
    model, callback = _model(), ElasticWeightConsolidation(num_samples=64)
    callback.data = FIRST
    model.fit(*FIRST, verbose=verbose, callbacks=[callback])
    shown = capsys.readouterr().out
    assert ("importance of the weights" in shown) == bool(verbose)
    assert ("64/64" in shown) == bool(verbose)
