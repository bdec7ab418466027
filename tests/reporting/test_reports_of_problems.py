"""Reports of several labels and of pixels, drawn under their right names."""

import io

import numpy as np
import pytest
import toy_reports
from matplotlib import pyplot
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from keras_incremental import reporting
from keras_incremental.reporting import PhaseReport

NAMES = ("car", "bike", "helmet")


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


def labels(**changes):
    """F1 of cars and bikes 0.8 before; of all three 0.5, 0.8, 1 after."""
    good, bad, best = [[6, 1], [1, 4]], [[5, 2], [2, 2]], [[9, 0], [0, 3]]
    fields = {
        "confusion_before": np.array([good, good]),
        "confusion_after": np.array([bad, good, best]),
        "flips": np.zeros(0, int),
        "problem": "multi_label",
        "history": {},
    }
    return toy_reports.phase(NAMES, 2, **{**fields, **changes})


def pixels():
    return toy_reports.phase(NAMES, 2, problem="segmentation", history={})


def axis_of(figure, axis="y"):
    return getattr(figure.axes[0], f"get_{axis}label")()


def test_scores_of_several_labels_are_f1():
    report = labels()
    assert report.old_score_before == pytest.approx(0.8)
    assert report.old_score == pytest.approx((0.5 + 0.8) / 2)
    assert report.new_score == report.class_score("helmet") == 1
    assert report.class_score("helmet", before=True) is None
    assert report.support("car") == 4


def test_phases_of_several_labels_are_drawn_as_f1():
    figure = reporting.plot_phases([labels()])
    assert axis_of(figure) == "mean F1"
    old = figure.axes[0].lines[1].get_ydata().tolist()
    assert old == pytest.approx([80, 65])


def test_forgetting_of_several_labels_is_drawn():
    figure = reporting.plot_forgetting([labels()])
    lost = figure.axes[0].lines[0].get_ydata().tolist()
    assert lost == pytest.approx([30])


def test_classes_of_several_labels_are_drawn_as_f1():
    figure = reporting.plot_classes(labels())
    assert axis_of(figure, "x") == "F1"
    ticks = [x.get_text() for x in figure.axes[0].get_yticklabels()]
    assert ticks == ["car", "bike", "helmet"]


def test_several_labels_have_no_confusion():
    with pytest.raises(ValueError, match="Where several classes may apply"):
        reporting.plot_confusion(labels())


@pytest.mark.parametrize("make", [labels, pixels])
def test_samples_that_are_not_right_or_wrong_do_not_flip(make):
    with pytest.raises(ValueError, match="neither right nor wrong"):
        reporting.plot_flips(make(), np.zeros((60, 4, 4)))


def test_a_page_of_several_labels_has_its_figures_under_their_name():
    report = labels(phase=2)
    text = reporting.to_html([labels(), report], pictures=np.zeros((9, 4, 4)))
    # Phases, forgetting and classes; no confusion, no flips, no curves.
    assert text.count("<img") == 3
    assert "<h2>Mean F1</h2>" in text
    assert "F1 on validation labels" in text
    assert "ccuracy" not in text


def test_nothing_says_accuracy_of_f1(tmp_path):
    report = labels()
    assert "ccuracy" not in str(report) + report.to_json()
    reporting.TensorBoardReports(tmp_path).write(report)
    events = EventAccumulator(str(tmp_path / "phases"))
    events.Reload()
    tags = events.Tags()
    assert not [tag for tag in tags["scalars"] if "accuracy" in tag]
    (event,) = events.Scalars("F1/old")
    assert event.value == pytest.approx(0.65)
    assert events.Scalars("forgetting")[0].value == pytest.approx(0.15)
    assert not tags["images"]


def test_several_labels_without_validation_are_refused():
    blind = labels(confusion_before=None, confusion_after=None)
    with pytest.raises(ValueError, match="Pass `validation_data`"):
        reporting.plot_phases(blind)


def test_pixels_are_drawn_as_intersection_over_union(tmp_path):
    report = pixels()
    assert axis_of(reporting.plot_phases(report)) == "mean IoU"
    assert axis_of(reporting.plot_classes(report), "x") == "IoU"
    reporting.plot_confusion(report)
    text = reporting.to_html(report)
    assert "<h2>Mean IoU</h2>" in text and "ccuracy" not in text
    reporting.TensorBoardReports(tmp_path).write(report)
    events = EventAccumulator(str(tmp_path / "phases"))
    events.Reload()
    assert events.Scalars("IoU/old")
    (image,) = events.Images("confusion")
    assert Image.open(io.BytesIO(image.encoded_image_string)).size


@pytest.mark.parametrize("make", [labels, pixels])
def test_json_knows_what_was_scored(make):
    report = make()
    values = report.to_dict()
    assert values["metric"] == report.scorer.metric
    again = PhaseReport.from_json(report.to_json())
    assert again.problem == report.problem
    assert again.to_dict() == values
