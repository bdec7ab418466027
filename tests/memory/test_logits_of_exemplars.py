import numpy as np
import pytest
from memory_data import as_py_dataset

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory

NAN = float("nan")


def samples(labels, start=0):
    """Samples that tell their number."""
    x = np.arange(start, start + len(labels), dtype="float32")[:, None]
    return x, np.array(labels)


def logits_like(x, width):
    """Logits that tell the sample they belong to."""
    return x * 100 + np.arange(width)


def taught(budget=6, **options):
    memory = ExemplarMemory(budget, selection="random", **options)
    x, y = samples([0, 1] * 5)
    memory.update(x, y, logits=logits_like(x, 2))
    return memory


def more(memory, labels=(2,) * 5, width=3):
    x, y = samples(labels, 50)
    memory.update(x, y, logits=logits_like(x, width))


def check(memory, widths):
    """Every exemplar has the logits that came with it."""
    x, y = memory.arrays()
    expected = np.full((len(x), 4), NAN)
    for row, label in enumerate(y):
        width = widths[label]
        expected[row, :width] = logits_like(x[row], width)
    np.testing.assert_array_equal(memory.stored_logits(4), expected)


def test_logits_stay_with_their_exemplars():
    memory = taught()
    check(memory, {0: 2, 1: 2})
    assert memory.stored_logits(2).dtype == "float32"
    more(memory)
    assert memory.counts == {0: 2, 1: 2, 2: 2}
    check(memory, {0: 2, 1: 2, 2: 3})


def test_a_class_selected_anew_keeps_the_logits_of_old_exemplars():
    memory = taught(40, per_class=True)
    x, y = samples([0] * 3, 50)
    memory.update(x, y, logits=logits_like(x, 4))
    x, y = memory.arrays()
    widths = (~np.isnan(memory.stored_logits(4))).sum(1)
    assert widths.tolist() == np.where(x.ravel() >= 50, 4, 2).tolist()


def test_exemplars_without_logits_have_nan():
    memory = ExemplarMemory(6, selection="random")
    memory.update(*samples([0, 1] * 5))
    assert np.isnan(memory.stored_logits(2)).all()
    assert memory.stored_logits(2).shape == (6, 2)
    more(memory, width=2)
    x, y = memory.arrays()
    known = ~np.isnan(memory.stored_logits(2)).any(1)
    np.testing.assert_array_equal(known, y == 2)


def test_an_empty_memory_has_no_logits():
    assert ExemplarMemory(6).stored_logits(3).shape == (0, 3)


def test_arrays_are_the_same_with_and_without_logits():
    plain = ExemplarMemory(6, selection="random")
    plain.update(*samples([0, 1] * 5))
    for one, other in zip(plain.arrays(), taught().arrays(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert taught().nbytes == plain.nbytes + 6 * 2 * 4


def test_logits_are_forgotten_with_their_exemplars():
    memory = taught()
    memory.forget(memory.ids[[0, 3]])
    check(memory, {0: 2, 1: 2})


def test_a_snapshot_brings_logits_back():
    memory = taught()
    before, snapshot = memory.stored_logits(2), memory.snapshot()
    more(memory)
    memory.restore(snapshot)
    np.testing.assert_array_equal(memory.stored_logits(2), before)


def test_a_file_brings_logits_back(tmp_path):
    memory = taught()
    more(memory)
    memory.save(tmp_path / "memory.npz")
    other = ExemplarMemory(3, selection="random")
    other.load(tmp_path / "memory.npz")
    assert other.counts == {0: 1, 1: 1, 2: 1}
    check(other, {0: 2, 1: 2, 2: 3})


def test_a_file_without_logits_is_read_as_before(tmp_path):
    memory = ExemplarMemory(6, selection="random")
    memory.update(*samples([0, 1] * 5))
    memory.save(tmp_path / "memory.npz")
    with np.load(tmp_path / "memory.npz") as saved:
        assert "logits" not in saved.files
    other = taught()
    other.load(tmp_path / "memory.npz")
    assert np.isnan(other.stored_logits(2)).all()


@pytest.mark.parametrize(
    "logits, message",
    [
        (np.zeros((9, 2)), r"\(9, 2\).*for 10 samples"),
        (np.zeros(10), "one row of numbers"),
        (np.full((10, 2), NAN), r"logits\[0\]"),
        (np.full((10, 2), "a"), "one row of numbers"),
    ],
)
def test_useless_logits_are_refused_and_change_nothing(logits, message):
    memory = taught()
    before = memory.snapshot()
    with pytest.raises(ValueError, match=message):
        memory.update(*samples([2, 3] * 5), logits=logits)
    assert memory.snapshot() is before


def test_logits_need_arrays():
    x, y = samples([2] * 10)
    with pytest.raises(ValueError, match="logits with a PyDataset"):
        taught().update(as_py_dataset(x, y), logits=logits_like(x, 3))


def test_more_logits_than_classes_are_refused():
    with pytest.raises(ValueError, match="2 classes.*num_classes=1"):
        taught().stored_logits(1)
