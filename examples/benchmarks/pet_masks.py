"""Cats and dogs with a label for each pixel, and with their breeds."""

import dataclasses
import itertools

import numpy as np

from keras_incremental.data.labels import VOID

from .from_tfds import package

NAME = "oxford_iiit_pet"
# What the masks of the data set say: 1 is the animal, 2 is not, 3 the edge.
ANIMAL, NOT = 1, 2
CLASSES = ("background", "cat", "dog")


@dataclasses.dataclass(frozen=True)
class PetMasks:
    """Pictures of one animal each.

    Attributes:
        pictures: Bytes of shape `(num_pictures, size, size, 3)`.
        maps: Bytes of shape `(num_pictures, size, size)`: indices of
            `("background", "cat", "dog")`, 255 at the edge of the animal.
        breeds: Ints of shape `(num_pictures,)`, indices of `breed_names`.
        breed_names: Tuple of strings.
    """

    pictures: np.ndarray
    maps: np.ndarray
    breeds: np.ndarray
    breed_names: tuple

    def maps_of(self, breed, label):
        """The maps with another label where an animal is of a breed.

        So a breed becomes a class that was hidden inside "cat" or "dog".

        Args:
            breed: String, one of `breed_names`.
            label: Int, the index of the new class.
        """
        chosen = self.breeds == self.breed_names.index(breed)
        is_animal = (self.maps != 0) & (self.maps != VOID)
        return np.where(chosen[:, None, None] & is_animal, label, self.maps)


def pet_masks(split="train", size=128, limit=None, data_dir=None):
    """Reads the Oxford-IIIT pets, by TensorFlow Datasets.

    Reference:
    - [Parkhi et al., 2012](https://www.robots.ox.ac.uk/~vgg/data/pets/)

    Args:
        split: `"train"` or `"test"`. Defaults to `"train"`.
        size: Int, height and width that pictures are resized to. Defaults to
            `128`.
        limit: Int, how many pictures to read. Defaults to `None`, all.
        data_dir: Folder of prepared data sets, or `None` for that of
            TensorFlow Datasets, which downloads it.

    Returns:
        `PetMasks`.

    Raises:
        ImportError: if a package is not installed, with the install line.
    """
    tfds = package(NAME)
    data, info = tfds.load(
        NAME,
        split=split,
        data_dir=data_dir,
        shuffle_files=False,
        with_info=True,
    )
    rows = list(itertools.islice(tfds.as_numpy(data), limit))
    return PetMasks(
        np.stack([_resized(row["image"], size) for row in rows]),
        np.stack([_map(row, size) for row in rows]),
        np.array([row["label"] for row in rows]),
        tuple(info.features["label"].names),
    )


def _map(row, size):
    mask = _resized(row["segmentation_mask"][..., 0], size, nearest=True)
    species = CLASSES.index("cat") + row["species"]
    labels = np.full(mask.shape, VOID, "uint8")
    labels[mask == ANIMAL] = species
    labels[mask == NOT] = CLASSES.index("background")
    return labels


def _resized(image, size, nearest=False):
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Pictures are resized by Pillow: `pip install pillow`."
        ) from error
    how = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((size, size), how))
