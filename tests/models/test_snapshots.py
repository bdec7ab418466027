import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import classifier
from toy_classifiers import learn
from toy_classifiers import samples

from keras_incremental.errors import DamagedFileError
from keras_incremental.models import load_classifier
from keras_incremental.models import read_phases
from keras_incremental.models import rollback_file

X = samples([0, 1, 2], seed=9)[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three phases in one file, with two snapshots; and its predictions."""
    folder = tmp_path_factory.mktemp("phases")
    clf, outputs = classifier(), []
    for phase in range(4):
        if phase:
            learn(clf, [1 + phase], epochs=None)
        clf.save(folder / "a.keras", keep_snapshots=2)
        outputs.append(clf.predict(X, verbose=0))
    return folder, outputs


@pytest.fixture
def path(folder, tmp_path):
    for file in folder[0].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path / "a.keras"


def names(path):
    return sorted(file.name for file in path.parent.iterdir())


def test_the_last_snapshots_are_kept_beside_the_file(path):
    assert names(path) == ["a.keras", "a.phase-1.keras", "a.phase-2.keras"]
    assert [record.phase for record in read_phases(path)] == [1, 2, 3]


@pytest.mark.parametrize("phase", [None, 2, 1])
def test_rollback_restores_a_phase_to_the_bit(path, folder, phase):
    wanted = phase or 2
    before = (path.parent / f"a.phase-{wanted}.keras").read_bytes()
    assert rollback_file(path, phase) == wanted
    assert path.read_bytes() == before
    clf = load_classifier(path)
    assert clf.classes == NAMES[: 2 + wanted] and clf.num_phases == wanted
    outputs = clf.predict(X, verbose=0)
    np.testing.assert_allclose(outputs, folder[1][wanted], rtol=1e-5)
    assert names(path) == ["a.keras", "a.phase-1.keras"][:wanted]


def test_one_can_go_back_step_by_step_and_on(path):
    assert [rollback_file(path), rollback_file(path)] == [2, 1]
    with pytest.raises(ValueError, match=r"of phase 1; there are.*\[\]"):
        rollback_file(path)
    clf = load_classifier(path)
    learn(clf, [4], epochs=None)
    clf.save(path, keep_snapshots=1)
    assert names(path) == ["a.keras", "a.phase-1.keras"]
    assert load_classifier(path).classes[-1] == NAMES[4]


def test_what_is_saved_again_in_a_phase_is_no_snapshot(path):
    clf = load_classifier(path)
    clf.rename({"cat": "kitten"})
    clf.save(path, keep_snapshots=9)
    clf.save(path)
    assert names(path) == ["a.keras", "a.phase-1.keras", "a.phase-2.keras"]


def test_a_damaged_snapshot_or_none_leaves_the_file(path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Received: phase=7"):
        rollback_file(path, 7)
    snapshot = path.parent / "a.phase-2.keras"
    snapshot.write_bytes(snapshot.read_bytes()[:-100])
    with pytest.raises(DamagedFileError, match="a.phase-2.keras"):
        rollback_file(path)
    assert path.read_bytes() == before and snapshot.exists()


def test_snapshots_are_of_files_alone(path):
    clf = load_classifier(path)
    with pytest.raises(ValueError, match="local files.*zipped=False"):
        clf.save(path.with_name("b"), zipped=False, keep_snapshots=1)
    with pytest.raises(ValueError, match="local files.*hf://"):
        clf.save("hf://me/model.keras", keep_snapshots=1)


def test_refuses_a_count_that_keeps_nothing(path):
    clf, before = load_classifier(path), path.read_bytes()
    with pytest.raises(ValueError, match="Received: keep_snapshots=0"):
        clf.save(path, keep_snapshots=0)
    assert path.read_bytes() == before
