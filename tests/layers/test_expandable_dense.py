import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental import layers
from keras_incremental.utils import state
from keras_incremental.utils.compilation import recompile

INPUTS = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def sequential():
    return keras.Sequential(
        [keras.Input((4,)), layers.ExpandableDense(2, name="head")]
    )


def functional():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3, activation="relu")(inputs)
    return keras.Model(inputs, layers.ExpandableDense(2, name="head")(hidden))


def nested():
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Softmax()(functional()(inputs)))


def head_of(model):
    return next(
        layer
        for layer in state.flatten_layers(model)
        if isinstance(layer, layers.ExpandableDense)
    )


def compile_model(model, **kwargs):
    probabilities = isinstance(model.layers[-1], keras.layers.Softmax)
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=not probabilities
    )
    model.compile("adam", loss, metrics=["accuracy"], **kwargs)


def grow(model, units=1):
    head_of(model).expand(units, seed=0)
    recompile(model)


def fit(model):
    labels = np.arange(6) % head_of(model).units
    return model.fit(INPUTS, labels, verbose=0).history["loss"][0]


def array(value):
    return np.array(ops.convert_to_numpy(value))


@pytest.mark.parametrize("build", [sequential, functional, nested])
def test_a_model_trains_grows_trains_and_comes_back(build, tmp_path):
    model = build()
    compile_model(model)
    fit(model)
    grow(model)
    assert np.isfinite(fit(model))
    assert model.predict(INPUTS, verbose=0).shape == (6, 3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(loaded(INPUTS)), array(model(INPUTS)))
    assert loaded.output_shape == (None, 3)
    grow(loaded)
    assert np.isfinite(fit(loaded))


def test_growth_works_under_jit_compile():
    if keras.config.backend() == "torch":
        pytest.skip("torch.compile needs a compiler of C++")
    model = functional()
    compile_model(model, jit_compile=True)
    fit(model)
    before = array(model(INPUTS))
    grow(model)
    np.testing.assert_array_equal(array(model(INPUTS))[:, :2], before)
    assert np.isfinite(fit(model))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_grown_head_trains_in_mixed_precision(policy):
    model = keras.Sequential(
        [keras.Input((4,)), layers.ExpandableDense(2, dtype=policy)]
    )
    compile_model(model)
    grow(model)
    assert np.isfinite(fit(model))


def test_it_computes_what_a_dense_computes():
    dense = keras.layers.Dense(3)
    head = layers.ExpandableDense(3)
    dense.build((None, 4))
    head.build((None, 4))
    head.set_weights(dense.get_weights())
    np.testing.assert_allclose(
        array(head(INPUTS)), array(dense(INPUTS)), atol=1e-6
    )


def test_it_starts_as_a_dense_of_the_same_seed():
    initializer = keras.initializers.GlorotUniform(seed=1)
    dense = keras.layers.Dense(6, kernel_initializer=initializer)
    head = layers.ExpandableDense([3, 2, 1], kernel_initializer=initializer)
    dense.build((None, 4))
    head.build((None, 4))
    np.testing.assert_array_equal(head.columns("kernel"), array(dense.kernel))


def test_without_bias_it_has_only_kernels():
    head = layers.ExpandableDense(2, use_bias=False)
    head.build((None, 4))
    head.expand(1)
    assert [v.name for v in head.weights] == ["kernel_0", "kernel_1"]
    np.testing.assert_allclose(
        array(head(INPUTS)), INPUTS @ head.columns("kernel"), atol=1e-6
    )


def test_feature_maps_become_maps_of_logits():
    head = layers.ExpandableDense(2)
    maps = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype("float32")
    before = array(head(maps))
    head.expand(1)
    after = array(head(maps))
    assert after.shape == (2, 3, 5, 3)
    np.testing.assert_array_equal(after[..., :2], before)


def test_a_mask_passes_through():
    inputs = keras.Input((None,))
    words = keras.layers.Embedding(5, 4, mask_zero=True)(inputs)
    model = keras.Model(inputs, layers.ExpandableDense(2)(words))
    assert model(np.array([[1, 2, 0]])).shape == (1, 3, 2)


def test_it_reads_what_a_dense_stored_and_back():
    dense, other = keras.layers.Dense(3), keras.layers.Dense(3)
    head = layers.ExpandableDense(2)
    for layer in (dense, other, head):
        layer.build((None, 4))
    head.expand(1)
    for source, target in ((dense, head), (head, other)):
        store = {}
        source.save_own_variables(store)
        target.load_own_variables({n: array(v) for n, v in store.items()})
    np.testing.assert_allclose(
        array(head(INPUTS)), array(dense(INPUTS)), atol=1e-6
    )
    np.testing.assert_array_equal(array(other(INPUTS)), array(dense(INPUTS)))


def test_a_file_of_another_width_is_refused_and_changes_nothing(tmp_path):
    narrow, wide = sequential(), sequential()
    head_of(wide).expand(1)
    narrow.save_weights(tmp_path / "narrow.weights.h5")
    before = array(wide(INPUTS))
    with pytest.raises(ValueError, match=r"\(4, 3\).*\(4, 2\)"):
        wide.load_weights(tmp_path / "narrow.weights.h5")
    np.testing.assert_array_equal(array(wide(INPUTS)), before)


def test_a_file_without_bias_is_refused_and_changes_nothing():
    head = layers.ExpandableDense(2)
    head.build((None, 4))
    before = array(head(INPUTS))
    with pytest.raises(ValueError, match="a file with 1 arrays"):
        head.load_own_variables({"0": np.ones((4, 2))})
    with pytest.raises(ValueError, match="The bias"):
        head.load_own_variables({"0": np.ones((4, 2)), "1": np.ones(3)})
    np.testing.assert_array_equal(array(head(INPUTS)), before)


@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet")
def test_a_model_is_saved_before_it_is_built(tmp_path):
    model = keras.Sequential([layers.ExpandableDense(2, name="head")])
    model.layers[0].expand(3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].group_sizes == (2, 3)
    assert loaded(INPUTS).shape == (6, 5)


def test_a_reloaded_head_keeps_its_blocks_and_regularizers(tmp_path):
    head = layers.ExpandableDense(
        2, max_groups=3, kernel_regularizer="l2", bias_initializer="ones"
    )
    model = keras.Sequential([keras.Input((4,)), head])
    for _ in range(4):
        head.expand(1)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras").layers[0]
    assert loaded.blocks == head.blocks == (3, 1, 1)
    assert len(loaded.losses) == len(head.losses) == 3
    assert loaded.get_config() == head.get_config()


def test_a_clone_grows_on_its_own():
    model = functional()
    head_of(model).expand(1)
    clone = keras.models.clone_model(model)
    head_of(clone).expand(1)
    assert (head_of(model).units, head_of(clone).units) == (3, 4)


@pytest.mark.parametrize("units", [0, [2, 0]])
def test_no_classes_are_refused(units):
    with pytest.raises(ValueError, match="`units` of ExpandableDense"):
        layers.ExpandableDense(units)


def test_an_int_of_numpy_is_a_number_of_classes():
    head = layers.ExpandableDense(np.int64(2))
    head.expand(np.int32(1))
    assert head.group_sizes == (2, 1)
    assert all(type(size) is int for size in head.group_sizes)
