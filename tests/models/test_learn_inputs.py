import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from toy_classifiers import NAMES
from toy_classifiers import VALIDATION
from toy_classifiers import classifier
from toy_classifiers import samples

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.models import IncrementalClassifier

X, Y = samples([2, 3], seed=3)
LOCAL = Y - 2


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return X[index::4], LOCAL[index::4]


def as_arrays():
    return X, LOCAL


def as_names():
    return X, np.asarray(NAMES)[Y]


def as_one_hot():
    return X, np.eye(2)[LOCAL]


def as_columns_of_floats():
    return X, LOCAL[:, None].astype("float32")


def as_py_dataset():
    return Batches(), None


def as_generator():
    return ((X[i::4], LOCAL[i::4]) for i in range(4)), None


def as_tf_data():
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((X, LOCAL)).batch(16), None


@pytest.mark.parametrize(
    "form",
    [
        as_names,
        as_one_hot,
        as_columns_of_floats,
        as_py_dataset,
        as_generator,
        as_tf_data,
    ],
)
def test_every_form_of_data_teaches_the_same(form):
    expected, clf = classifier(), classifier()
    how = {"classes": NAMES[2:4], "epochs": 2, "verbose": 0}
    expected.learn(*as_arrays(), **how)
    report = clf.learn(*form(), **how)
    assert report.used["new samples"] == len(X)
    assert clf.classes == NAMES[:4]
    for a, b in zip(
        clf.head.group_sizes, expected.head.group_sizes, strict=True
    ):
        assert a == b
    order = np.argsort(X[:, 0])
    assert np.isfinite(clf.predict(X[order], verbose=0)).all()
    np.testing.assert_allclose(
        np.sort(clf.statistics.means, 0),
        np.sort(expected.statistics.means, 0),
        rtol=1e-5,
    )


def test_validation_may_be_a_data_set():
    clf = classifier()
    x, y = VALIDATION
    report = clf.learn(
        X,
        LOCAL,
        NAMES[2:4],
        validation_data=((x[i::3], y[i::3]) for i in range(3)),
        epochs=1,
        verbose=0,
    )
    assert report.before.total.sum() == 60


def picture_model(size, **top):
    keras.utils.set_random_seed(0)
    base = keras.Sequential(
        [
            keras.Input((size, size, 3)),
            layers.Conv2D(4, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(),
        ],
        name="base",
    )
    base.trainable = False
    inputs = keras.Input((size, size, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = base(x, training=False)
    x = layers.Dropout(0.2)(x)
    return keras.Model(inputs, layers.Dense(1, **top)(x))


def pictures(count, size, value, seed=0):
    generator = np.random.default_rng(seed)
    noise = generator.integers(0, 60, (count, size, size, 3))
    return (noise + value).astype("uint8")


def test_pictures_of_another_size_are_resized():
    clf = IncrementalClassifier(
        picture_model(16), ["cat", "dog"], ExemplarMemory(10)
    )
    report = clf.learn(
        pictures(12, 24, 150), classes=["bird"], epochs=2, verbose=0
    )
    assert report.used["training mode"] == "cached features"
    assert clf.predict(pictures(3, 40, 0), verbose=0).shape == (3, 3)
    stored, _ = clf.memory.arrays()
    assert stored.shape[1:] == (16, 16, 3)
    assert stored.dtype == "uint8"


def test_the_model_of_the_keras_guide_is_taken_as_it_is():
    model = picture_model(16, activation="sigmoid")
    x = pictures(6, 16, 100)
    clf = IncrementalClassifier(model, ["cat", "dog"])
    np.testing.assert_allclose(
        clf.predict(x, verbose=0)[:, 1:], model.predict(x, verbose=0), atol=1e-6
    )


def test_random_layers_at_the_bottom_run_in_every_epoch():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.RandomFlip(),
            layers.Conv2D(4, 3, trainable=False),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    clf = IncrementalClassifier(model, ["cat", "dog"])
    report = clf.learn(
        pictures(12, 16, 90), classes=["bird"], epochs=1, verbose=0
    )
    assert report.used["training mode"] == "end to end"


def test_a_partly_frozen_backbone_caches_what_is_frozen():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(4, 3, trainable=False),
            layers.Conv2D(4, 3, strides=4),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    clf = IncrementalClassifier(model, ["cat", "dog"])
    frozen, trained = (
        ops.convert_to_numpy(layer.kernel).copy() for layer in model.layers[:2]
    )
    report = clf.learn(
        pictures(12, 16, 90), classes=["bird"], epochs=2, verbose=0
    )
    assert report.used["training mode"] == "cached features"
    after = [ops.convert_to_numpy(layer.kernel) for layer in model.layers[:2]]
    np.testing.assert_array_equal(after[0], frozen)
    assert np.any(after[1] != trained)


def test_mixed_precision_learns():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = picture_model(16)
        clf = IncrementalClassifier(model, ["cat", "dog"], ExemplarMemory(10))
        clf.remember(pictures(8, 16, 0), ["cat", "dog"] * 4)
        clf.learn(pictures(8, 16, 90), classes=["bird"], epochs=2, verbose=0)
        outputs = clf.predict(pictures(3, 16, 0), verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    assert outputs.shape == (3, 3)
    assert np.isfinite(np.asarray(outputs, "float32")).all()
