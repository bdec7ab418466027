import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.callbacks import RiemannianWalk
from keras_incremental.callbacks.riemannian_walk import averaged
from keras_incremental.callbacks.riemannian_walk import normalized
from keras_incremental.layers import ExpandableDense
from keras_incremental.layers import expand

X = np.random.RandomState(0).normal(size=(12, 3)).astype("float32")
Y = np.arange(12) % 2


def model_with(callback):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), ExpandableDense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = callback.wrap_optimizer(keras.optimizers.SGD(0.1))
    model.compile(optimizer, loss)
    return model


def fit(model, callback, epochs=2):
    model.fit(
        X,
        Y,
        batch_size=4,
        epochs=epochs,
        verbose=0,
        shuffle=False,
        callbacks=[callback],
    )
    return {v.path: v.regularizer for v in model.trainable_variables}


def test_terms_lie_between_zero_and_one_over_all_weights():
    terms = normalized({"a": np.array([0.0, 4.0]), "b": np.array([1.0])})
    np.testing.assert_array_equal(terms["a"], [0.0, 1.0])
    np.testing.assert_array_equal(terms["b"], [0.25])


def test_terms_of_zeros_stay_zeros():
    assert not normalized({"a": np.zeros(2)})["a"].any()


def test_importance_is_averaged_where_there_is_an_earlier_one():
    assert averaged(np.array([1.0]), np.array([0.5]))[0] == 0.75
    assert averaged(np.array([1.0]))[0] == 1.0


def test_penalties_zero_at_anchor():
    callback = RiemannianWalk(strength=2.0, interval=2)
    model = model_with(callback)
    penalties = fit(model, callback)
    highest = max(p.importance.max() for p in penalties.values())
    assert 1 <= highest <= 2
    for v in model.trainable_variables:
        assert v.regularizer.importance.min() >= 0
        assert ops.convert_to_numpy(v.regularizer(v)) == 0.0
        assert not np.any(ops.convert_to_numpy(v.regularizer.gradient(v)))


def test_steps_after_the_last_interval_count_as_well():
    found = []
    # Of six steps, the last brings a score, or none does.
    for interval in (6, 100):
        callback = RiemannianWalk(interval=interval)
        penalties = fit(model_with(callback), callback).values()
        found.append([p.importance for p in penalties])
    for scored, rest in zip(*found, strict=True):
        np.testing.assert_allclose(scored, rest, rtol=1e-5)


def test_new_columns_have_no_earlier_importance_to_average_with():
    callback = RiemannianWalk(strength=0.1)
    model = model_with(callback)
    first = {path: p.importance for path, p in fit(model, callback).items()}
    expand(model, 1)
    second = fit(model, callback)
    assert len(first) == 2 and len(second) == 4
    new = [p.importance.max() for k, p in second.items() if k not in first]
    assert max(new) > 0
    for path, importance in first.items():
        assert np.all(second[path].importance >= importance / 2 - 1e-6)


def test_a_path_of_another_kind_is_refused():
    callback = RiemannianWalk()
    model = model_with(callback)
    model.compile("sgd", model.loss)
    with pytest.raises(ValueError, match="callback.wrap_optimizer"):
        fit(model, callback)


@pytest.mark.parametrize("arguments", [{"alpha": 2.0}, {"interval": 0}])
def test_refusals_come_at_construction(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"`{name}` of RiemannianWalk"):
        RiemannianWalk(**arguments)
