"""Folders of colored pictures, and a model that tells two colors apart."""

import json
import pathlib

import keras
import numpy as np
from click.testing import CliRunner
from PIL import Image

from keras_incremental.cli.app import app

SIZE = (8, 8)
COLORS = {"cat": (200, 60, 60), "dog": (60, 200, 60), "bird": (60, 60, 200)}


def picture(name, generator, size=(10, 12)):
    """A noisy picture of one color."""
    noise = generator.normal(0, 25, (*size, 3))
    pixels = np.clip(np.array(COLORS[name]) + noise, 0, 255)
    return Image.fromarray(pixels.astype("uint8"))


def write_folder(folder, count=8, seed=0, names=tuple(COLORS), suffix="png"):
    """Writes a folder of pictures for each class."""
    generator = np.random.default_rng(seed)
    for name in names:
        (folder / name).mkdir(parents=True)
        for index in range(count):
            path = folder / name / f"{index}.{suffix}"
            picture(name, generator).save(path)
    return folder


def write_photos(folder):
    """Writes `train`, `test`, `birds` and a model, as a user has them."""
    write_folder(folder / "train", 12, seed=1, names=("cat", "dog"))
    write_folder(folder / "test", 8, seed=2)
    write_folder(folder / "birds", 12, seed=3, names=("bird",))
    write_model(folder / "cats_dogs.keras")
    return folder


def write_pets(photos):
    """Adopts the model, which remembers cats and dogs."""
    path = photos / "pets.keras"
    model = photos / "cats_dogs.keras"
    run("adopt", model, "--classes", "cat,dog", "--out", path)
    run("remember", path, photos / "train", "--force")
    return path


def write_model(path):
    """Saves a model of two classes that looks at the mean color."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((*SIZE, 3)),
            keras.layers.Rescaling(1 / 127.5, -1),
            keras.layers.AveragePooling2D(4),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    kernel = np.array([[1, -1], [-1, 1], [0, 0]], "float32")
    model.layers[-1].set_weights([np.tile(kernel, (4, 1)), np.zeros(2)])
    model.save(path)


def run(*arguments, code=0):
    """Runs a command in this process, and returns what it has printed."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and result.exc_info[0] is not SystemExit:
        raise result.exception
    assert result.exit_code == code, result.stderr
    return result


def run_json(*arguments, code=0):
    """Returns the values that a command prints with `--json`."""
    return json.loads(run(*arguments, "--json", code=code).stdout)


def copy(source, folder):
    """Copies a file into a folder, and returns its path."""
    target = pathlib.Path(folder, source.name)
    target.write_bytes(source.read_bytes())
    return target
