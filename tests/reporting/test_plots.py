import numpy as np
import pytest
import toy_reports
from matplotlib import figure as figures
from matplotlib import pyplot

from keras_incremental import reporting
from keras_incremental.callbacks import ExemplarMemory
from keras_incremental.reporting import class_bars
from keras_incremental.reporting import galleries


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


def texts(figure):
    """All words of a figure, as they are drawn."""
    figure.draw_without_rendering()
    found = figure.findobj(lambda part: hasattr(part, "get_text"))
    return [part.get_text() for part in found if part.get_text()]


def points(axes):
    """Heights of the marks of each kind."""
    return [part.get_offsets()[:, 1].tolist() for part in axes.collections]


def heights(line):
    return line.get_ydata().tolist()


def test_phases_are_drawn_from_before_the_first():
    figure = reporting.plot_phases(toy_reports.phases([2, 1, 1]))
    axes = figure.axes[0]
    # 19 of 20 were right before; the last class takes 3 and 2 of the two.
    assert heights(axes.lines[0]) == pytest.approx([95, 95])
    assert heights(axes.lines[1]) == pytest.approx([95, 87.5, 90])
    assert heights(axes.lines[2]) == pytest.approx([100, 100])
    assert axes.get_ylim() == (0, 100)
    assert {"before", "+ class 2", "+ class 3"} <= set(texts(figure))


def test_the_lines_pass_a_refused_phase_by():
    first, second = toy_reports.phases([2, 1, 1])
    refused = toy_reports.phase(first.classes, 2, accepted=False, lost=20)
    figure = reporting.plot_phases([refused, first, second])
    assert heights(figure.axes[0].lines[1]) == pytest.approx([95, 87.5, 90])
    assert "+ class 2\n(refused)" in texts(figure)
    assert [x for x in points(figure.axes[0]) if x][2] == pytest.approx([2.5])


def test_many_phases_are_numbered():
    figure = reporting.plot_phases(toy_reports.phases([2] * 15))
    assert "phase" in texts(figure)
    assert not any("+" in text for text in texts(figure))


def test_forgetting_is_drawn_for_each_class_and_on_average():
    reports = toy_reports.phases([2, 1])
    figure = reporting.plot_forgetting(reports)
    mean = figure.axes[0].lines[4]
    assert heights(mean) == pytest.approx([(10 + 5) / 2])
    assert "class 0  10.0" in texts(figure)


def test_the_class_that_lost_most_comes_first():
    report = toy_reports.phase(("a", "b", "c"), 2, lost=1)
    assert class_bars.by_drop(report) == ["a", "b", "c"]
    figure = reporting.plot_classes(report)
    ticks = [x.get_text() for x in figure.axes[0].get_yticklabels()]
    assert ticks == ["a", "b", "c"]
    # "a" has 19 of 20 before and after, "b" all after; "c" is new.
    assert {"95.0  +0.0", "100.0  +5.0", "100.0"} <= set(texts(figure))


def test_only_the_worst_classes_are_drawn_on_request():
    report = toy_reports.phase(toy_reports.toy_names(30), 20)
    figure = reporting.plot_classes(report, worst=4)
    assert len(figure.axes[0].get_yticklabels()) == 4


def test_confusion_is_in_percent_of_the_true_class():
    report = toy_reports.phase(("cat", "dog", "fox"), 2)
    figure = reporting.plot_confusion(report)
    before, after, change = (a.images[0].get_array() for a in figure.axes)
    np.testing.assert_allclose(after, [[85, 0, 15], [0, 90, 10], [0, 0, 100]])
    np.testing.assert_allclose(before[:, :2], [[95, 5], [5, 95], [100, 0]])
    assert before.mask[:, 2].all()
    np.testing.assert_allclose(change[0], [-10, -5, 15])
    np.testing.assert_allclose(change.sum(1), 0, atol=1e-9)


@pytest.mark.parametrize("count", [2, 13, 46])
def test_confusions_of_any_size_are_drawn(count):
    report = toy_reports.phase(toy_reports.toy_names(count), count - 1)
    figure = reporting.plot_confusion(report, panels=["change"])
    figure.draw_without_rendering()
    named = "class 0" in texts(figure)
    assert named == (count < 46)


def test_an_unknown_panel_is_named():
    with pytest.raises(ValueError, match="`panels` must be of.*'later'"):
        reporting.plot_confusion(toy_reports.phases([2, 1])[0], "later")


def test_curves_follow_each_other():
    figure = reporting.plot_curves(toy_reports.phases([2, 1, 1]))
    lines = figure.axes[0].lines
    validation = [line for line in lines if line.get_ls() == "-"]
    assert validation[0].get_xdata().tolist() == [1, 2, 3, 4]
    assert validation[1].get_xdata().tolist() == [5, 6, 7, 8]
    assert heights(validation[1]) == pytest.approx([70, 80, 88, 90])
    assert {"+ class 2", "+ class 3"} <= set(texts(figure))


def test_closed_forms_have_no_curves():
    solved = toy_reports.phase(("a", "b"), 1, history={})
    with pytest.raises(ValueError, match="closed form"):
        reporting.plot_curves(solved)


def test_reports_without_validation_are_refused():
    blind = toy_reports.phase(
        ("a", "b"), 1, confusion_before=None, confusion_after=None
    )
    with pytest.raises(ValueError, match="Pass `validation_data`"):
        reporting.plot_phases([blind])


def test_no_report_is_refused():
    with pytest.raises(ValueError, match="no report"):
        reporting.plot_phases([])


def memory_of(samples, labels, **options):
    memory = ExemplarMemory(features=lambda x: x.reshape(len(x), -1), **options)
    memory.update(samples, labels)
    return memory


def test_exemplars_lie_in_a_row_for_each_class():
    draw = np.random.default_rng(0)
    pictures = draw.integers(0, 256, (12, 4, 4, 3), "uint8")
    memory = memory_of(pictures, np.repeat([0, 1], 6), budget=6)
    figure = reporting.plot_exemplars(memory, names=["cat", "dog"])
    assert sum(bool(axes.images) for axes in figure.axes) == 6
    assert {"cat\n3 kept", "dog\n3 kept"} <= set(texts(figure))


def test_samples_that_are_no_pictures_are_refused():
    memory = memory_of(np.zeros((4, 5)), np.repeat([0, 1], 2), budget=4)
    with pytest.raises(ValueError, match=r"samples of shape \(5,\)"):
        reporting.plot_exemplars(memory)


def test_a_classifier_without_memory_is_refused():
    with pytest.raises(ValueError, match="memory=ExemplarMemory"):
        reporting.plot_exemplars(toy_reports.phases([2, 1])[0])


def test_flips_tell_true_and_present_class():
    report = toy_reports.phase(("cat", "dog", "fox"), 2)
    pictures = np.zeros((60, 4, 4, 3), "uint8")
    pictures[1] = 255
    figure = reporting.plot_flips(report, pictures, most=4)
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert shown[1].min() == 1 and shown[0].max() == 0
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["cat\n→ fox"] * 3 + ["dog\n→ fox"]


def test_flips_need_all_the_pictures():
    report = toy_reports.phase(("cat", "dog", "fox"), 2)
    with pytest.raises(ValueError, match="3 of them.*number 4"):
        reporting.plot_flips(report, np.zeros((3, 4, 4)))


def test_where_nothing_flipped_there_is_nothing_to_draw():
    report = toy_reports.phase(("cat", "dog"), 1, lost=0)
    with pytest.raises(ValueError, match="No sample went"):
        reporting.plot_flips(report, np.zeros((40, 4, 4)))


def test_pictures_of_any_range_are_shown_from_0_to_1():
    for picture, expected in (
        (np.array([[0, 255]]), [[0, 1]]),
        (np.array([[0.0, 0.5]]), [[0, 0.5]]),
        (np.array([[-1.0, 1.0]]), [[0, 1]]),
        (np.array([[[0.25]]]), [[0.25]]),
        (np.full((1, 1), -3.0), [[0]]),
    ):
        shown = galleries.in_display_range(picture)
        np.testing.assert_allclose(shown, expected)


def test_a_figure_of_ones_own_is_drawn_into():
    own = figures.Figure()
    drawn = reporting.plot_phases(toy_reports.phases([2, 1]), figure=own)
    assert drawn is own
    assert not pyplot.get_fignums()


def test_names_are_no_formulas():
    report = toy_reports.phase(("$x$ and $y", "dog"), 1)
    figure = reporting.plot_classes(report)
    figure.draw_without_rendering()
    ticks = figure.axes[0].get_yticklabels()
    assert ticks[0].get_text().count(r"\$") == 3
