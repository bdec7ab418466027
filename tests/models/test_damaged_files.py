import io
import json
import random
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest
from changed_files import CONFIG
from changed_files import in_config
from changed_files import rewritten
from hostile import X
from hostile import Y
from hostile import make_classifier

from keras_incremental.errors import DamagedFileError
from keras_incremental.models import load_classifier
from keras_incremental.models import read_class_names

WEIGHTS = "model.weights.h5"
EXEMPLARS = "assets/exemplars.npz"


@pytest.fixture(scope="module")
def clf():
    return make_classifier()


@pytest.fixture(scope="module")
def saved(clf, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "clf.keras"
    clf.save(path)
    return path


def state(clf):
    return [
        *clf.get_weights(),
        *clf.memory.arrays(),
        clf.statistics.means,
        clf.num_phases,
        clf.classes,
    ]


def same(a, b):
    pairs = zip(state(a), state(b), strict=True)
    return all(np.array_equal(x, y) for x, y in pairs)


def in_weights(change):
    def changed(data):
        file = io.BytesIO(data)
        with h5py.File(file, "a") as weights:
            change(weights)
        return file.getvalue()

    return {WEIGHTS: changed}


def replaced(weights, name, value):
    del weights[name]
    weights[name] = value


def in_exemplars(change):
    def changed(data):
        with np.load(io.BytesIO(data)) as saved:
            arrays = dict(saved)
        change(arrays)
        file = io.BytesIO()
        np.savez(file, **arrays)
        return file.getvalue()

    return {EXEMPLARS: changed}


def in_header(**fields):
    def change(arrays):
        header = {**json.loads(arrays["header"].item()), **fields}
        arrays["header"] = np.array(json.dumps(header))

    return in_exemplars(change)


def test_a_whole_file_is_loaded(clf, saved):
    assert same(load_classifier(saved), clf)


def test_a_flipped_bit_is_an_error_or_changes_nothing(clf, saved, tmp_path):
    data, path = saved.read_bytes(), tmp_path / "clf.keras"
    generator = random.Random(0)
    with zipfile.ZipFile(saved) as archive:
        directory = range(archive.start_dir, len(data))
    anywhere = [generator.randrange(len(data)) for _ in range(60)]
    refused = 0
    for place in [*anywhere, *directory]:
        flipped = bytearray(data)
        flipped[place] ^= 1 << generator.randrange(8)
        path.write_bytes(flipped)
        try:
            assert same(load_classifier(path), clf), place
        except DamagedFileError as error:
            assert error.path == str(path) and error.part
            refused += 1
    assert refused > 200


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
def test_a_part_of_a_file_is_damaged(part, saved, tmp_path):
    path, data = tmp_path / "clf.keras", saved.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    for read in (load_classifier, read_class_names):
        with pytest.raises(DamagedFileError, match="`.keras` file is damaged"):
            read(path)


def test_a_missing_file_is_a_missing_file(tmp_path):
    for read in (load_classifier, read_class_names):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none.keras")


def unwritten(weights):
    weights.create_dataset("zeros", (10**6, 1000), "float32", chunks=True)


def deep(data):
    return b'{"config": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


CHANGES = {
    "another class": (
        {CONFIG: lambda data: data.replace(b">Incremental", b">Other", 1)},
        CONFIG,
        "keras_incremental>OtherClassifier is no IncrementalClassifier",
    ),
    "depth": ({CONFIG: deep}, CONFIG, "nested too deeply"),
    "a list": ({CONFIG: lambda data: b"[]"}, CONFIG, "a list is no dict"),
    "half a config": (
        {CONFIG: lambda data: data[: len(data) // 2]},
        CONFIG,
        "JSONDecodeError",
    ),
    "no h5": ({WEIGHTS: lambda data: b"none"}, WEIGHTS, "signature"),
    "a large array": (in_weights(unwritten), WEIGHTS, "not 4000000000"),
    "format": (
        in_config(lambda c: c.update(format=True)),
        "config of",
        "format=True",
    ),
    "names": (
        in_config(lambda c: c.update(classes=[{}, "dog", "bird"])),
        "`.keras` file",
        "must be strings",
    ),
    "seed": (
        in_config(lambda c: c.update(seed=1e300)),
        "`.keras` file",
        "must be an int",
    ),
    "initializer": (
        in_config(lambda c: c["recipe"]["config"].update(initializer=[1])),
        "`.keras` file",
        "`initializer` of Recipe",
    ),
    "epochs": (
        in_config(lambda c: c["recipe"]["config"].update(epochs=True)),
        "`.keras` file",
        "`epochs` of Recipe",
    ),
    "a wide layer": (
        {CONFIG: lambda data: data.replace(b'"units": 6', b'"units": 9999999')},
        WEIGHTS,
        "bytes in a file of",
    ),
    "merged": (
        in_config(lambda c: c["label_space"].update(merged=[[0, 9]])),
        "label_space",
        "9",
    ),
    "removed": (
        in_config(lambda c: c["label_space"].update(removed=[True])),
        "label_space",
        "no ints",
    ),
    "growths": (
        in_config(lambda c: c["label_space"].update(growths=[[2, [[0, 1]]]])),
        "label_space",
        "a growth of 2",
    ),
    "other classes": (
        in_config(lambda c: c["label_space"].update(classes=["a", "b", "c"])),
        "label_space",
        "'a', 'b', 'c'",
    ),
    "phases": (
        in_weights(lambda w: replaced(w, "vars/phases", 1e300)),
        "variable `phases`",
        "1e",
    ),
    "counts": (
        in_weights(lambda w: replaced(w, "vars/counts", np.array([-3, 1]))),
        "variables `statistics`",
        "not negative",
    ),
    "means": (
        in_weights(lambda w: w["vars/means"].__setitem__(0, np.nan)),
        "variables `statistics`",
        "finite",
    ),
    "a format that is a bool": (
        in_header(format=True),
        "file of exemplars",
        "`format` is True",
    ),
    "an identity that was given": (
        in_header(next_id=0),
        "file of exemplars",
        "`next_id` is 0",
    ),
    "a huge counter": (
        in_header(next_phase=1e300),
        "file of exemplars",
        "`next_phase` is 1e",
    ),
    "an object": (
        in_header(dtype="O"),
        "file of exemplars",
        "type 'O'",
    ),
    "an identity twice": (
        in_exemplars(lambda a: a.update(ids=np.zeros_like(a["ids"]))),
        "file of exemplars",
        "two exemplars have one identity",
    ),
    "a negative label": (
        in_exemplars(lambda a: a.update(y=a["y"] - 5)),
        "file of exemplars",
        "`y` has -5",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_changed_file_is_refused_and_its_part_is_named(case, saved, tmp_path):
    changes, part, reason = CHANGES[case]
    path = rewritten(saved, tmp_path / "clf.keras", changes)
    with pytest.raises(DamagedFileError) as caught:
        load_classifier(path)
    assert part in str(caught.value) and reason in str(caught.value)


def test_more_exemplars_than_the_budget_are_not_kept(saved, tmp_path):
    def change(config):
        config["recipe"]["config"]["memory"]["config"]["budget"] = 5

    path = rewritten(saved, tmp_path / "clf.keras", in_config(change))
    assert len(load_classifier(path).memory) == 5


def peak_of(function, *arguments):
    tracemalloc.start()
    with pytest.raises(DamagedFileError) as caught:
        function(*arguments)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak, str(caught.value)


def test_a_small_file_of_many_zeros_is_refused_unread(saved, clf, tmp_path):
    zeros = {EXEMPLARS: lambda data: bytes(50_000_000)}
    path = rewritten(saved, tmp_path / "clf.keras", zeros, zipfile.ZIP_DEFLATED)
    peak, message = peak_of(load_classifier, path)
    assert "is compressed" in message and peak < 5_000_000
    kept = clf.memory.snapshot()
    np.savez_compressed(tmp_path / "m.npz", x=np.zeros(10**7), y=np.zeros(9))
    peak, message = peak_of(clf.memory.load, tmp_path / "m.npz")
    assert "is compressed" in message and peak < 5_000_000
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + huge_header())
    peak, message = peak_of(clf.memory.load, tmp_path / "m.npz")
    assert "not 4000000000" in message and peak < 5_000_000
    assert clf.memory.snapshot() is kept


def huge_header():
    text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,)}\n"
    return len(text).to_bytes(2, "little") + text


def test_a_reservoir_of_more_than_its_budget_is_refused(tmp_path):
    from keras_incremental.memory import Reservoir
    from keras_incremental.memory import exemplar_files

    memory = Reservoir(8)
    memory.add(X, Y)
    stream = {**memory.snapshot().stream.to_json(), **memory.get_config()}
    for field, value, reason in (
        ("budget", 3, "8 exemplars in a budget of 3"),
        ("seen", [[0, -1]], "`seen` is -1"),
        ("full", [True], "`full` is True"),
        ("draws", {"state": 1}, "must be for a PCG64"),
    ):
        path = tmp_path / f"{field}.npz"
        content = memory.snapshot().content
        exemplar_files.write(path, content, {**stream, field: value})
        with pytest.raises(DamagedFileError, match=reason):
            Reservoir(8).load(path)
