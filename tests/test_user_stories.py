"""What users asked for in public threads, as tests of the public API."""

import json
import zipfile

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from user_stories_models import ANIMALS
from user_stories_models import DIGITS
from user_stories_models import animal_model
from user_stories_models import animals
from user_stories_models import digit_model
from user_stories_models import digits
from user_stories_models import run

import keras_incremental as ki
from keras_incremental.recipes import Recipe

OLD, NEW = range(3), range(3, 10)
# What training 3 digits, then the other 7, gave in keras#2312.
REPORTED = 0.685


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("stories") / "three_digits.keras"
    digit_model(OLD).save(path)
    return path


@pytest.fixture
def clf(model_file):
    """A classifier of three digits that keeps ten pictures of each."""
    return classifier(model_file, ki.ExemplarMemory(10, per_class=True))


def classifier(model_file, memory):
    model = keras.models.load_model(model_file)
    model.layers[0].trainable = False
    result = ki.IncrementalClassifier(model, DIGITS[:3], memory)
    if memory is not None:
        result.remember(*digits(OLD))
    return result


def kernel(clf):
    return clf.head.columns("kernel")


def test_seven_digits_after_three_end_far_above_the_reported_accuracy(clf):
    x, y = digits(NEW)
    report = clf.learn(
        x,
        y - 3,
        DIGITS[3:],
        validation_data=digits(range(10), part=1),
        epochs=10,
        verbose=0,
    )
    assert report.score > REPORTED + 0.2
    assert report.old_score > 0.85


def folder_of(name, tmp_path):
    """A data set read from a folder that holds one class only."""
    (tmp_path / name).mkdir()
    pictures, _ = animals([ANIMALS.index(name)], seed=1)
    for index, picture in enumerate(pictures):
        file = tmp_path / name / f"{index}.png"
        keras.utils.save_img(file, picture, scale=False)
    return keras.utils.image_dataset_from_directory(
        tmp_path, image_size=(12, 12), batch_size=8, verbose=False
    )


def test_a_folder_of_one_new_class_keeps_the_old_indices(tmp_path):
    model = animal_model()
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss)
    model.fit(*animals([0, 1]), epochs=15, verbose=0)
    model.get_layer("base").trainable = False
    clf = ki.IncrementalClassifier(model, ANIMALS[:2], ki.ExemplarMemory(20))
    clf.remember(*animals([0, 1]))
    clf.learn(folder_of("bird", tmp_path), verbose=0)
    assert clf.classes == ANIMALS
    x, y = animals([0, 1, 2], seed=2)
    assert clf.predict_names(x).tolist() == [ANIMALS[i] for i in y]


def fit_again(clf):
    clf.fit(*animals([0, 1]), epochs=2, verbose=0)


def learn_birds(clf):
    clf.learn(animals([2])[0], classes=["bird"], epochs=2, verbose=0)


@pytest.mark.parametrize("train", [fit_again, learn_birds])
def test_an_unfrozen_backbone_moves_no_statistic(train):
    model = animal_model()
    base = model.get_layer("base")
    base.trainable = True
    clf = ki.IncrementalClassifier(model, ANIMALS[:2])
    norms = [
        layer
        for layer in base.layers
        if isinstance(layer, layers.BatchNormalization)
    ]
    before = [layer.get_weights() for layer in norms]
    weights = ops.convert_to_numpy(base.layers[0].kernel).copy()
    train(clf)
    for layer, values in zip(norms, before, strict=True):
        for old, new in zip(values, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
    # The backbone did train.
    assert np.any(ops.convert_to_numpy(base.layers[0].kernel) != weights)


class LastIsUnknown(keras.utils.PyDataset):
    """Batches of three digits, the last of which is labelled 7."""

    num_batches = 3

    def __getitem__(self, index):
        x, y = digits(OLD)
        return x[:8], y[:8] if index < 2 else np.full(8, 7)


def as_arrays():
    x, y = digits(OLD)
    return x, np.where(np.arange(len(y)) == 5, 7, y)


def as_py_dataset():
    return (LastIsUnknown(),)


@pytest.mark.parametrize("form", [as_arrays, as_py_dataset])
def test_an_unknown_label_is_an_error_where_xla_gives_nan(clf, form):
    # torch would start a compiler of its own, for minutes.
    jit_compile = keras.config.backend() != "torch"
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    clf.compile("adam", loss, jit_compile=jit_compile)
    # TensorFlow wraps what its input pipeline raises.
    with pytest.raises(Exception, match=r"outside the classes. Received: .7."):
        clf.fit(*form(), shuffle=False, verbose=0)
    assert all(np.isfinite(value).all() for value in clf.get_weights())


# A process that has the package only after it has used a plain file.
NEXT_PROCESS = """
import pathlib
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "keras_incremental":
            raise ImportError(name)

sys.meta_path.insert(0, Blocker())
import keras
import numpy as np

folder = pathlib.Path(sys.argv[1])
data = np.load(folder / "data.npz")
try:
    import keras_incremental
except ImportError:
    model = keras.models.load_model(folder / "plain.keras")
    outputs = model.predict(data["known"], verbose=0)
    np.savez(folder / "outputs.npz", outputs=outputs)

del sys.meta_path[0]
import keras_incremental

clf = keras.models.load_model(folder / "clf.keras")
clf.learn(data["new"], classes=["4"], epochs=2, verbose=0)
np.savez(folder / "weights.npz", *clf.get_weights())
"""


@pytest.fixture(scope="module")
def continued(model_file, tmp_path_factory):
    """Returns a classifier, its outputs, and the folder of the next process."""
    folder = tmp_path_factory.mktemp("continued")
    clf = classifier(model_file, ki.ExemplarMemory(10, per_class=True))
    clf.learn(digits([3])[0], classes=["3"], epochs=2, verbose=0)
    known, _ = digits(range(4), part=1)
    new, _ = digits([4])
    np.savez(folder / "data.npz", known=known, new=new)
    clf.save(folder / "clf.keras")
    clf.to_keras(folder / "plain.keras")
    run(NEXT_PROCESS, folder)
    return clf, clf.predict(known, verbose=0), folder


def test_a_fresh_process_goes_on_as_if_never_interrupted(continued):
    clf, _, folder = continued
    clf.learn(digits([4])[0], classes=["4"], epochs=2, verbose=0)
    found = np.load(folder / "weights.npz")
    wanted = clf.get_weights()
    assert len(found) == len(wanted)
    for name, value in zip(found, wanted, strict=True):
        np.testing.assert_allclose(found[name], value, atol=1e-6)


def contents(path):
    """What is in a `.keras` file, but for the date."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist()) - {"metadata.json"}
        return {name: archive.read(name) for name in names}


def test_a_poisoned_update_is_refused_and_saves_as_before(clf, tmp_path):
    path = tmp_path / "clf.keras"
    clf.learn(digits([3])[0], classes=["3"], epochs=2, verbose=0)
    clf.save(path)
    written = contents(path)
    loaded = keras.models.load_model(path)
    x, y = digits(range(5))
    # Somebody has mixed up the folders of the old digits.
    report = loaded.learn(
        x,
        np.where(y < 4, (y + 1) % 4, y),
        DIGITS[:5],
        validation_data=digits(range(4), part=1),
        max_drop=0.02,
        epochs=2,
        verbose=0,
    )
    assert not report.accepted
    loaded.save(path)
    assert contents(path) == written


class LossOfOldClasses(keras.losses.Loss):
    """A loss that samples of new classes have no part in."""

    def call(self, y_true, y_pred):
        y_true = ops.reshape(y_true, (-1,))
        loss = keras.losses.sparse_categorical_crossentropy(
            y_true, y_pred, from_logits=True
        )
        return loss * ops.cast(y_true < 3, loss.dtype)


@pytest.mark.parametrize("remembers", [True, False])
def test_the_loss_of_exemplars_moves_the_head(model_file, remembers):
    memory = ki.ExemplarMemory(30) if remembers else None
    recipe = Recipe(loss=LossOfOldClasses(), terms=None, bias_correction=None)
    clf = classifier(model_file, memory).with_recipe(recipe)
    before = np.pad(kernel(clf), [(0, 0), (0, 1)])
    clf.learn(
        digits([3])[0],
        classes=["3"],
        epochs=1,
        verbose=0,
    )
    moved = np.any(kernel(clf) != before, axis=0)
    assert moved.tolist() == [remembers] * 4


def first(features, count, seed):
    return np.arange(count)


def last(features, count, seed):
    return np.arange(len(features))[::-1][:count]


def test_other_exemplars_teach_another_head(model_file):
    kernels = []
    for selection in (first, last):
        memory = ki.ExemplarMemory(30, selection=selection)
        clf = classifier(model_file, memory)
        clf.learn(digits([3])[0], classes=["3"], epochs=1, verbose=0)
        kernels.append(kernel(clf))
    assert np.all(np.any(kernels[0] != kernels[1], axis=0))


def test_a_plain_file_loads_where_the_package_is_not(continued):
    _, expected, folder = continued
    outputs = np.load(folder / "outputs.npz")["outputs"]
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    with zipfile.ZipFile(folder / "plain.keras") as archive:
        metadata = json.loads(archive.read("metadata.json"))
    assert metadata["class_names"] == ["0", "1", "2", "3"]
