import keras
import numpy as np
import pytest

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory
from keras_incremental.memory import selection
from keras_incremental.models import IncrementalClassifier

X = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
Y = np.repeat([0, 1], 10)


def classifier(units, activation=None):
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(units, activation=activation),
        ]
    )
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def logits_of(model):
    kernel, bias = model.get_weights()
    return X @ kernel + bias


def stored(memory):
    return memory.arrays()[0].tolist()


def expected(logits, select, count=3):
    return [
        X[rows][pick].tolist()
        for rows in (np.arange(10), np.arange(10, 20))
        for pick in select(logits[rows], count)
    ]


@pytest.mark.parametrize(
    "units, activation", [(3, None), (3, "softmax"), (1, "sigmoid"), (1, None)]
)
@pytest.mark.parametrize("name", ["entropy", "boundary"])
def test_a_memory_compares_the_logits_of_the_model(name, units, activation):
    model = classifier(units, activation)
    memory = ExemplarMemory(6, selection=name)
    memory.update(X, Y, model=model)
    assert stored(memory) == expected(logits_of(model), selection.get(name))


def test_features_do_not_stand_in_for_logits():
    model = classifier(3)
    memory = ExemplarMemory(6, selection="entropy", features=lambda x: x)
    memory.update(X, Y, model=model, features=X)
    assert stored(memory) == expected(logits_of(model), selection.entropy)
    with pytest.raises(ValueError, match="Pass `model=`"):
        ExemplarMemory(6, selection="entropy").update(X, Y, features=X)


def test_logits_that_are_given_are_compared():
    logits = np.random.default_rng(3).normal(size=(20, 4))
    memory = ExemplarMemory(6, selection="entropy")
    memory.update(X, Y, logits=logits)
    assert stored(memory) == expected(logits, selection.entropy)


def test_a_model_without_a_head_is_refused_before_training():
    class Plain(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, inputs):
            return self.dense(inputs)

    model = Plain()
    model(X)
    memory = ExemplarMemory(6, selection="entropy", features=lambda x: x)
    memory.mix(X, Y)
    memory.set_model(model)
    with pytest.raises(ValueError, match="selection='random'"):
        memory.on_train_begin()


def test_a_classifier_that_has_grown_gives_its_present_logits():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(3), classifier(2, "softmax")]
    )
    clf = IncrementalClassifier(model, ["a", "b"])
    memory = ExemplarMemory(6, selection="entropy")
    memory.update(X, Y, model=clf)
    clf.learn(X + 1, classes=["c"], epochs=1, verbose=0)
    memory = ExemplarMemory(6, selection="entropy")
    memory.update(X, Y, model=clf)
    logits = keras.ops.convert_to_numpy(clf.head(clf.features(X)))
    assert logits.shape == (20, 3)
    assert stored(memory) == expected(logits, selection.entropy)
