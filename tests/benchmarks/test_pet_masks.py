import numpy as np
import pytest
from benchmarks.pet_masks import PetMasks
from benchmarks.pet_masks import pet_masks


def test_the_real_set_is_read_by_its_own_names():
    tfds = pytest.importorskip("tensorflow_datasets")
    with tfds.testing.mock_data(num_examples=3):
        pets = pet_masks(size=16, limit=2)
    assert pets.pictures.shape == (2, 16, 16, 3)
    assert pets.maps.shape == (2, 16, 16)
    assert set(np.unique(pets.maps)) <= {0, 1, 2, 255}
    assert len(pets.breed_names) == 37


def test_a_breed_becomes_a_class_of_its_own():
    maps = np.array([[[0, 1], [255, 1]], [[0, 1], [1, 1]]], "uint8")
    pets = PetMasks(None, maps, np.array([1, 0]), ("Bengal", "Sphynx"))
    assert pets.maps_of("Sphynx", 3).tolist() == [
        [[0, 3], [255, 3]],
        [[0, 1], [1, 1]],
    ]
