import dataclasses
import io
import sys

import numpy as np
import pytest
import toy_reports
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from keras_incremental.reporting import TensorBoardReports


def read(folder):
    # Files of one second lie in the order of a counter, as text: 10 before 9.
    events = EventAccumulator(str(folder), purge_orphaned_data=False)
    events.Reload()
    return events


def scalars(events, tag):
    return sorted((event.step, event.value) for event in events.Scalars(tag))


def rounded(pairs):
    return [(step, round(value, 4)) for step, value in pairs]


def test_scalars_are_read_back(tmp_path):
    board = TensorBoardReports(tmp_path)
    for report in toy_reports.phases([2, 1, 1]):
        board.write(report)
    events = read(tmp_path / "phases")
    assert rounded(scalars(events, "accuracy/old")) == [(1, 0.875), (2, 0.9)]
    assert rounded(scalars(events, "accuracy/new")) == [(1, 1), (2, 1)]
    assert rounded(scalars(events, "accuracy/class 1")) == [(1, 0.9)] + [
        (2, 0.9)
    ]
    # From 0.95, 0.95 to 0.85, 0.9; then class 2 falls from 1 to 0.95.
    assert rounded(scalars(events, "forgetting")) == [(1, 0.075)] + [
        (2, round((0.1 + 0.05 + 0.05) / 3, 4))
    ]


def test_the_confusion_is_a_picture_of_each_phase(tmp_path):
    TensorBoardReports(tmp_path).write(toy_reports.phases([2, 1])[0])
    (image,) = read(tmp_path / "phases").Images("confusion")
    picture = Image.open(io.BytesIO(image.encoded_image_string))
    assert picture.size == (image.width, image.height)
    assert np.asarray(picture.convert("L")).std() > 10


def test_refused_phases_are_a_run_of_their_own(tmp_path):
    report = toy_reports.phase(("a", "b"), 1, accepted=False)
    TensorBoardReports(tmp_path).write(report)
    assert not (tmp_path / "phases").exists()
    tags = read(tmp_path / "refused").Tags()["scalars"]
    assert "accuracy/old" in tags and "forgetting" not in tags


def test_another_process_goes_on(tmp_path):
    first, second = toy_reports.phases([2, 1, 1])
    TensorBoardReports(tmp_path / "a").write(first)
    TensorBoardReports(tmp_path / "a", earlier=[first]).write(second)
    board = TensorBoardReports(tmp_path / "b")
    board.write(first)
    board.write(second)
    found = [
        scalars(read(tmp_path / name / "phases"), "forgetting") for name in "ab"
    ]
    assert found[0] == found[1] and len(found[0]) == 2


def test_classes_called_old_or_new_have_tags_of_their_own(tmp_path):
    TensorBoardReports(tmp_path).write(toy_reports.phase(("old", "new"), 1))
    events = read(tmp_path / "phases")
    assert rounded(scalars(events, "accuracy/old")) == [(1, 0.85)]
    assert rounded(scalars(events, "accuracy/class new")) == [(1, 1)]


def test_what_was_not_measured_is_not_written(tmp_path):
    blind = dataclasses.replace(
        toy_reports.phases([2, 1])[0],
        confusion_before=None,
        confusion_after=None,
    )
    TensorBoardReports(tmp_path).write(blind)
    tags = read(tmp_path / "phases").Tags()
    assert tags["scalars"] == ["seconds"] and not tags["images"]


def test_a_missing_tensorboard_is_named_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto", None)
    with pytest.raises(ImportError, match=r"keras-incremental\[tensorboard\]"):
        TensorBoardReports("logs")
