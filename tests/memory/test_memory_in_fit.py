import keras
import memory_data as data
import numpy as np
import pytest

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory

BACKEND = keras.config.backend()
FIT_ROUTES = [
    r for r in data.ROUTES if r is not data.as_loader or BACKEND == "torch"
]


def make_model(outputs=3, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(outputs, name="head"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1e-4), loss, **options)
    return model


def train(model, memory, mixed, **options):
    others = options.pop("callbacks", [])
    options = {"verbose": 0, "shuffle": False, **options}
    return model.fit(mixed, callbacks=[memory, *others], **options)


@pytest.mark.parametrize("route", FIT_ROUTES)
def test_fit_selects_new_exemplars_and_shortens_the_old(route):
    memory = data.filled()
    old = {c: memory.arrays()[0][memory.arrays()[1] == c] for c in (0, 1)}
    mixed = memory.mix(route(*data.new_data(2, 48)), batch_size=24)
    train(make_model(), memory, mixed, epochs=2)
    assert memory.counts == {0: 4, 1: 4, 2: 4}
    x, y = memory.arrays()
    assert np.all(x[y == 2, 0] >= 1000)
    for label, rows in old.items():
        np.testing.assert_array_equal(x[y == label], rows[:4])
    assert memory.phases.tolist() == [0] * 8 + [1] * 4


def test_selection_uses_the_final_features_in_inference_mode():
    x, y = data.new_data(0, 30)
    x[:, 1] = np.random.default_rng(0).normal(size=30)
    model, memory = make_model(), ExemplarMemory(5)
    train(model, memory, memory.mix(x / 1000, y))
    hidden = keras.Model(model.inputs, model.layers[0].output)
    features = hidden.predict(x / 1000, verbose=0)
    expected = ExemplarMemory(5)
    expected.update(x / 1000, y, features=features)
    assert data.content(memory) == data.content(expected)


def test_equal_runs_give_equal_memories():
    def run():
        memory, model = ExemplarMemory(8, seed=5), make_model()
        for label in range(2):
            train(model, memory, memory.mix(*data.new_data(label, 32)))
        return data.content(memory)

    assert run() == run()


@pytest.mark.parametrize("route", [data.as_arrays, data.as_tf_data])
def test_exemplars_reach_the_loss(route):
    # The bias of class 0 moves up only if class 0 is among the targets.
    def bias_of_class_0(memory):
        model = make_model()
        mixed = memory.mix(route(*data.new_data(2, 48)), batch_size=24)
        train(model, memory, mixed)
        return model.get_layer("head").get_weights()[1][0]

    only_0 = ExemplarMemory(8, features=data.identity, share=0.75)
    only_0.update(np.zeros((8, 3), "float32"), np.zeros(8, int))
    assert bias_of_class_0(only_0) > 0
    assert bias_of_class_0(ExemplarMemory(8, features=data.identity)) < 0


@pytest.mark.skipif(BACKEND == "jax", reason="JAX traces even when eager")
@pytest.mark.parametrize(
    "route", [data.as_arrays, data.as_tf_data, data.as_py_dataset]
)
def test_fit_sees_every_exemplar_equally_often(route):
    seen, memory = [], data.filled(7)

    class Recorder(keras.Sequential):
        def compute_loss(self, x=None, *args, **kwargs):
            seen.extend(keras.ops.convert_to_numpy(x)[:, 0])
            return super().compute_loss(x, *args, **kwargs)

    model = Recorder([keras.Input((3,)), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=True)
    mixed = memory.mix(route(*data.new_data(), 24), batch_size=24)
    # Building the model on torch runs it on zeros first.
    clear = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: seen.clear()
    )
    train(model, memory, mixed, epochs=3, callbacks=[clear])
    counts = np.unique([v for v in seen if v < 1000], return_counts=True)[1]
    assert counts.sum() == 3 * 20 and len(counts) == 7
    assert counts.max() - counts.min() <= 1


def test_steps_per_epoch_may_cut_a_pass():
    memory = data.filled()
    mixed = memory.mix(*data.new_data(), batch_size=12)
    train(make_model(), memory, mixed, epochs=2, steps_per_epoch=2)
    assert memory.counts == {0: 4, 1: 4, 2: 4}


def test_a_fit_that_fails_leaves_the_memory_as_it_was():
    class Fail(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("stop")

    memory, model = data.filled(), make_model()
    before = data.content(memory)
    mixed = memory.mix(*data.new_data())
    with pytest.raises(RuntimeError, match="stop"):
        train(model, memory, mixed, callbacks=[Fail()])
    assert data.content(memory) == before
    with pytest.raises(ValueError, match="call `mix` for each `fit`"):
        train(model, memory, mixed)
    train(model, memory, memory.mix(*data.new_data()))
    assert memory.counts == {0: 4, 1: 4, 2: 4}


def test_fit_without_mix_is_refused_before_training():
    model, memory = make_model(), ExemplarMemory(5)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"model.fit\(memory.mix\(data\)"):
        model.fit(*data.new_data(), callbacks=[memory], verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(
    "route", [data.as_arrays, data.as_tf_data, data.as_py_dataset]
)
def test_a_label_without_an_output_stops_fit(route, jit_compile):
    if BACKEND == "torch" and jit_compile:
        pytest.skip("torch has no XLA here")
    x, y = data.new_data()
    y[-1] = 7
    memory = data.filled()
    before = data.content(memory)
    model = make_model(jit_compile=jit_compile)
    with pytest.raises(Exception, match=r"\[7\](.|\n)*\[0, 3\)"):
        train(model, memory, memory.mix(route(x, y)))
    assert data.content(memory) == before
    assert np.all(np.isfinite(model.get_weights()[0]))


def test_a_model_without_outputs_for_the_memory_is_refused():
    memory = data.filled()
    mixed = memory.mix(data.new_data()[0], np.zeros(60, int))
    with pytest.raises(
        ValueError, match="holds class 5, but the model has 2 out"
    ):
        memory.update(*data.new_data(5))
        train(make_model(2), memory, mixed)


def test_a_model_without_features_is_refused_before_training():
    class Opaque(keras.Model):
        def __init__(self):
            super().__init__()
            self.head = keras.layers.Dense(3)

        def call(self, x):
            return self.head(x)

    model, memory = Opaque(), ExemplarMemory(5)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model(data.new_data()[0][:1])
    with pytest.raises(ValueError, match="Or give `features`"):
        train(model, memory, memory.mix(*data.new_data()))


def test_two_exemplar_outputs_of_a_sigmoid_are_allowed():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")]
    )
    model.compile("sgd", "binary_crossentropy")
    memory = data.filled()
    mixed = memory.mix(data.new_data()[0], np.zeros(60, int), batch_size=60)
    train(model, memory, mixed)
    assert memory.counts == {0: 6, 1: 6}
