"""Samples of several parts, in every verb of a classifier."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.memory import Reservoir
from keras_incremental.models import IncrementalClassifier

NAMES = ["cat", "dog"]
CENTRES = 4 * np.eye(4, dtype="float32")


def picture_and_numbers(structure, trainable=False):
    """A classifier of a picture, and of numbers that say the class."""
    keras.utils.set_random_seed(0)
    image = keras.Input((4, 4, 1), name="image")
    numbers = keras.Input((4,), name="numbers")
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(image))
    x = layers.Concatenate()([pooled, numbers])
    x = layers.Dense(8, activation="tanh", name="below")(x)
    below = keras.Model([image, numbers], x)
    head = layers.Dense(2)
    model = keras.Model(structure(image, numbers), head(x))
    *parts, labels = parts_of([0, 1])
    features = np.insert(below.predict_on_batch(parts), 8, 1, axis=1)
    solved = np.linalg.pinv(features) @ (10 * np.eye(2)[labels])
    head.set_weights([solved[:-1], solved[-1]])
    for layer in model.layers[:-1]:
        layer.trainable = trainable
    return model


def parts_of(classes, count=8, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.repeat(classes, count)
    image = generator.integers(0, 256, (len(labels), 4, 4, 1)) / 255
    noise = generator.normal(size=(len(labels), 4)) / 4
    numbers = CENTRES[labels] + noise
    return image.astype("float32"), numbers.astype("float32"), labels


STRUCTURES = {
    "dict": lambda image, numbers: {"image": image, "numbers": numbers},
    "list": lambda image, numbers: [image, numbers],
    "nested": lambda image, numbers: {"both": (image, {"numbers": numbers})},
}


def samples(classes, structure, **options):
    image, numbers, labels = parts_of(classes, **options)
    return structure(image, numbers), labels


@pytest.mark.parametrize("trainable", [False, True])
@pytest.mark.parametrize("name", STRUCTURES)
def test_a_class_is_learned_from_parts(name, trainable, tmp_path):
    structure = STRUCTURES[name]
    model = picture_and_numbers(structure, trainable)
    old, labels = samples([0, 1], structure)
    expected = model.predict_on_batch(old)
    clf = IncrementalClassifier(model, NAMES, ExemplarMemory(10))
    np.testing.assert_allclose(clf.predict_on_batch(old), expected, atol=1e-5)
    clf.remember(old, labels)
    assert clf.memory.sample_shape == ()
    new, _ = samples([2], structure)
    both = samples([0, 1, 2], structure, seed=1)
    epochs = 2 if trainable else None
    report = clf.learn(
        new, classes=["bird"], validation_data=both, verbose=0, epochs=epochs
    )
    assert report.used["exemplars"] == 10
    assert len(clf.predict_names(new)) == 8
    scores = clf.evaluate_classes(*both)
    assert set(scores) == {*NAMES, "bird"}
    if not trainable:
        assert min(scores.values()) > 0.9
    path = tmp_path / "classifier.keras"
    clf.save(path)
    loaded = keras.models.load_model(path)
    plain = clf.to_keras(tmp_path / "plain.keras")
    expected = clf.predict_on_batch(old)
    for other in (loaded, plain):
        np.testing.assert_allclose(
            other.predict_on_batch(old), expected, atol=1e-5
        )
    np.testing.assert_array_equal(
        loaded.memory.arrays()[0], clf.memory.arrays()[0]
    )


def test_a_stream_of_parts_is_observed():
    structure = STRUCTURES["dict"]
    model = picture_and_numbers(structure, trainable=True)
    clf = IncrementalClassifier(model, NAMES, Reservoir(10))
    clf.remember(*samples([0, 1], structure))
    x, labels = samples([0, 2], structure, seed=1)
    names = np.array([*NAMES, "bird"])[labels]
    report = clf.observe(x, names, verbose=0)
    assert report.new_classes == ("bird",)
    assert len(clf.memory) == 10


def test_parts_come_from_a_data_set_too():
    tf = pytest.importorskip("tensorflow")
    model = picture_and_numbers(STRUCTURES["dict"])
    clf = IncrementalClassifier(model, NAMES)
    x, labels = samples([0, 1], STRUCTURES["dict"])
    extra = {**x, "path": np.array(["a.png"] * 16)}
    dataset = tf.data.Dataset.from_tensor_slices((extra, labels)).batch(5)
    clf.remember(dataset)
    assert clf.statistics.counts.tolist() == [8, 8]
    np.testing.assert_allclose(
        clf.evaluate_classes(dataset)["cat"],
        clf.evaluate_classes(x, labels)["cat"],
    )


def test_parts_are_found_by_names_of_input_layers_or_by_place():
    model = picture_and_numbers(STRUCTURES["list"])
    clf = IncrementalClassifier(model, NAMES)
    image, numbers, labels = parts_of([0, 1])
    clf.remember([image, numbers], labels)
    kept = clf.statistics.means.copy()
    other = IncrementalClassifier(model, NAMES)
    other.remember({"numbers": numbers, "image": image}, labels)
    np.testing.assert_array_equal(other.statistics.means, kept)


WRONG = {
    "a part is missing": (
        lambda image, numbers: {"image": image},
        "reads samples of the parts .*'numbers'.*Pass a dict",
    ),
    "one array": (
        lambda image, numbers: numbers,
        "reads samples of the parts",
    ),
    "of another shape": (
        lambda image, numbers: {"image": image, "numbers": numbers[:, :3]},
        r"parts of shape \(4,\).*x\['numbers'\].* of shape \(3,\)",
    ),
    "of other lengths": (
        lambda image, numbers: {"image": image[:5], "numbers": numbers},
        "one row for each sample.*'image': 5",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_parts_that_do_not_fit_are_refused(case):
    structure, message = WRONG[case]
    clf = IncrementalClassifier(picture_and_numbers(STRUCTURES["dict"]), NAMES)
    x, _ = samples([2], structure)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        clf.learn(x, classes=["bird"], verbose=0)
    assert clf.classes == tuple(NAMES)


def test_parts_with_holes_are_refused():
    clf = IncrementalClassifier(picture_and_numbers(STRUCTURES["dict"]), NAMES)
    x, _ = samples([2], STRUCTURES["dict"])
    x["numbers"][3, 0] = np.nan
    with pytest.raises(ValueError, match=r"x\['numbers'\].*\[3\]"):
        clf.learn(x, classes=["bird"], verbose=0)


def test_a_model_of_one_input_takes_its_part_of_a_dict():
    inputs = keras.Input((4,), name="numbers")
    model = keras.Model(inputs, layers.Dense(2)(layers.Identity()(inputs)))
    model.layers[-1].set_weights([np.eye(4, 2), np.zeros(2)])
    clf = IncrementalClassifier(model, NAMES)
    image, numbers, labels = parts_of([0, 1])
    clf.remember({"image": image, "numbers": numbers}, labels)
    with pytest.raises(
        ValueError, match="one array of samples of shape .*'numbers'"
    ):
        clf.remember({"image": image}, labels)


def test_replay_in_fit_takes_parts():
    structure = STRUCTURES["dict"]
    memory = ExemplarMemory(6, selection="random")
    memory.update(*samples([0, 1], structure))
    model = picture_and_numbers(structure, trainable=True)
    model.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    x, labels = samples([1], structure)
    mixed = memory.mix(x, labels)
    batch, y = mixed[0]
    assert set(batch) == {"image", "numbers"}
    assert len(batch["image"]) == len(y) > 8
    model.fit(mixed, callbacks=[memory], verbose=0)
    assert len(memory) == 6


@pytest.mark.parametrize("trainable", [False, True])
def test_a_list_of_one_input_reads_arrays(trainable, tmp_path):
    """As in `keras.Model(base.inputs, outputs)` of any tutorial."""
    base = keras.Sequential([keras.Input((4,)), layers.Dense(8)])
    base.trainable = trainable
    head = layers.Dense(2, kernel_initializer="zeros")
    model = keras.Model(base.inputs, head(base.outputs[0]))
    clf = IncrementalClassifier(model, NAMES, memory=ExemplarMemory(20))
    _, x, labels = parts_of([0, 1])
    clf.remember(x, labels)
    _, new, _ = parts_of([2], seed=1)
    clf.learn(new, classes=["bird"], epochs=1, verbose=0)
    clf.save(tmp_path / "list.keras")
    loaded = keras.models.load_model(tmp_path / "list.keras")
    np.testing.assert_array_equal(loaded.predict_names(x), clf.predict_names(x))
    np.testing.assert_allclose(
        clf.to_keras().predict(x, verbose=0),
        clf.predict(x, verbose=0),
        atol=1e-5,
    )
