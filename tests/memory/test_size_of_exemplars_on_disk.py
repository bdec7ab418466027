"""What exemplars in a file take in memory."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

from keras_incremental import ExemplarMemory
from keras_incremental.memory.exemplars import COLUMNS
from keras_incremental.memory.exemplars import Exemplars
from keras_incremental.memory.sample_store import SampleStore
from keras_incremental.memory.stored_samples import StoredSamples


@pytest.fixture
def path(tmp_path):
    return tmp_path / "exemplars.sqlite"


def test_an_update_copies_what_is_known_of_exemplars_once(path, tmp_path):
    # What the first update imports, and what coverage notes, is not counted.
    first = ExemplarMemory(1, True, "random", path=tmp_path / "first.sqlite")
    for label in range(2):
        first.update(np.full((1, 1), label, "uint8"), np.full(1, label))
    size, each = 100_000, 1_000
    memory = ExemplarMemory(each, True, "random", path=path)
    labels, rows = np.arange(size) // each, np.arange(1, size + 1)
    held = Exemplars().new(np.zeros((size, 1)), labels, 0, "uint8")
    x = StoredSamples(memory._store, rows, "uint8", (1,))
    memory.restore(dataclasses.replace(held, x=x, keys=rows))
    tracemalloc.start()
    try:
        memory.update(np.ones((1, 1), "uint8"), np.full(1, size // each))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert memory.counts == {**dict.fromkeys(range(100), each), 100: 1}
    columns = len(COLUMNS) + len(("keys", "rows"))
    assert peak < 1.3 * 8 * columns * size


def test_few_pages_of_a_file_are_held_in_memory(path):
    store = SampleStore(path)
    pages, size = (
        store._query(f"PRAGMA {name}")[0][0]
        for name in ("cache_size", "page_size")
    )
    # Bytes, which are negative, count for pages of another size.
    assert 0 < pages * size <= 2**24
