"""Kinds of files that strangers may bring, for `fuzz`."""

import dataclasses
import json
import pathlib
import tempfile
from collections.abc import Callable

import keras
import numpy as np

import keras_incremental as ki
from keras_incremental.edge.head import Head
from keras_incremental.models import load_classifier
from keras_incremental.models import read_class_names
from keras_incremental.models import read_phases
from keras_incremental.models.exporting.extendable import head_of
from keras_incremental.reporting import PhaseReport
from keras_incremental.reporting import serialization

from . import mutations

DIM = 4
X = np.random.default_rng(0).normal(size=(12, DIM)).astype("float32")
Y = np.arange(12) % 2


@dataclasses.dataclass(frozen=True)
class Target:
    """A kind of file: how one is made, changed, read and used.

    Attributes:
        name: Name of the file.
        make: Function that writes a good one to a path.
        change: Function `(rng, bytes) -> bytes` that changes a field.
        read: Function of a path.
        content: Function of what was read, returns what is compared.
        use: Function of what was read, which must not fail.
        room: Int, bytes that reading may take beside those of the file.
    """

    name: str
    make: Callable
    change: Callable
    read: Callable
    content: Callable
    use: Callable
    room: int = 5_000_000


def classifier():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((DIM,)),
            keras.layers.Dense(6, activation="relu", trainable=False),
            keras.layers.Dense(2),
        ]
    )
    clf = ki.IncrementalClassifier(
        model, ["cat", "dog"], memory=ki.ExemplarMemory(20)
    )
    clf.remember(X, Y)
    return clf


def learned(clf):
    validation = (X, ["bird", "dog"] * 6)
    return clf.learn(
        X[:4], classes=["bird"], validation_data=validation, verbose=0
    )


def save_classifier(path):
    clf = classifier()
    learned(clf)
    clf.calibrate_unknown(X, Y, false_alarm=0.2)
    clf.save(path)


def save_memory(path):
    memory = ki.ExemplarMemory(20)
    memory.update(X, Y, features=X)
    memory.save(path)


def read_memory(path):
    memory = ki.ExemplarMemory(20)
    memory.load(path)
    return memory


def use_memory(memory):
    assert len(memory) <= 20
    if len(memory):
        x, y = memory.arrays()
        assert len(x) == len(y) == len(memory.ids)
        width = memory.snapshot().logits
        memory.stored_logits(9 if width is None else width.shape[1])
    again_equal(memory, ki.ExemplarMemory(20))


def again_equal(memory, other):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "again.npz"
        memory.save(path)
        other.load(path)
    assert content_of(memory) == content_of(other)


def content_of(memory):
    held = memory.snapshot()
    held = getattr(held, "content", held)
    arrays = [getattr(held, f.name) for f in dataclasses.fields(held)]
    return [a.tobytes() if isinstance(a, np.ndarray) else a for a in arrays]


def save_reservoir(path):
    memory = ki.Reservoir(8)
    memory.add(X, Y, logits=X)
    memory.save(path)


def read_reservoir(path):
    memory = ki.Reservoir(8)
    memory.load(path)
    return memory


def use_reservoir(memory):
    assert len(memory) <= 8
    if len(memory):
        x, y, _ = memory.draw(3)
        memory.add(x + 1 if x.dtype.kind in "iuf" else x, y)
    again_equal(memory, ki.Reservoir(8))


def save_report(path):
    report = learned(classifier())
    path.write_text(report.to_json(), encoding="utf-8")


def report_changed(rng, data):
    values = json.loads(data)
    values.pop(serialization.CHECKSUM)
    values = mutations.json_changed(rng, values)
    try:
        return serialization.dumps(values).encode()
    except (TypeError, ValueError):
        return json.dumps(values).encode()


def read_report(path):
    return PhaseReport.from_json(path.read_bytes())


def use_report(report):
    assert str(report)
    again = PhaseReport.from_json(report.to_json())
    assert again.to_json() == report.to_json()
    if report.scorer.is_measured(report):
        report.to_html()


def use_names(names):
    assert names and all(isinstance(name, str) for name in names)


def use_phases(phases):
    for record in phases:
        assert type(record).from_config(record.get_config()) == record


def state_of(clf):
    weights = [weight.tobytes() for weight in clf.get_weights()]
    return [*weights, clf.classes, clf.num_phases, content_of(clf.memory)]


def use_classifier(clf):
    assert len(clf.predict_names(X)) == len(X)
    with tempfile.TemporaryDirectory() as folder:
        clf.save(f"{folder}/a.keras")
        again = load_classifier(f"{folder}/a.keras")
    assert again.classes == clf.classes
    # A recipe may ask for more epochs than anybody waits for.
    epochs = 1 if clf.recipe.epochs else None
    clf.learn(X[:4] + 9, classes=["fish"], epochs=epochs, verbose=0)


def save_head(path):
    clf = classifier()
    learned(clf)
    head_of(clf).save(path)


def use_head(head):
    assert len(head.outputs(np.zeros((2, head.input_dim)))) == 2


TARGETS = {
    "memory": Target(
        "memory.npz",
        save_memory,
        mutations.npz_changed,
        read_memory,
        content_of,
        use_memory,
    ),
    "reservoir": Target(
        "memory.npz",
        save_reservoir,
        mutations.npz_changed,
        read_reservoir,
        content_of,
        use_reservoir,
    ),
    "report": Target(
        "report.json",
        save_report,
        report_changed,
        read_report,
        PhaseReport.to_json,
        use_report,
    ),
    "names": Target(
        "clf.keras",
        save_classifier,
        mutations.keras_changed,
        read_class_names,
        list,
        use_names,
    ),
    "phases": Target(
        "clf.keras",
        save_classifier,
        mutations.keras_changed,
        read_phases,
        list,
        use_phases,
    ),
    "keras": Target(
        "clf.keras",
        save_classifier,
        mutations.keras_changed,
        load_classifier,
        state_of,
        use_classifier,
        room=50_000_000,
    ),
    "head": Target(
        "head.npz",
        save_head,
        mutations.npz_changed,
        Head.load,
        lambda head: [head.classes, head.columns.kernel.tolist()],
        use_head,
    ),
}
