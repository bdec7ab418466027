import dataclasses

import numpy as np
import toy_reports

from keras_incremental.reporting import reading


def test_forgetting_is_counted_from_the_best_before():
    nan = np.nan
    accuracies = np.array([[0.9, nan], [0.7, 0.8], [0.8, 0.9]])
    np.testing.assert_allclose(
        reading.forgetting(accuracies), [[0.2, nan], [0.1, -0.1]]
    )


def test_a_class_that_was_never_measured_counts_nowhere():
    lost = reading.forgetting(np.array([[0.5, np.nan], [0.4, np.nan]]))
    np.testing.assert_allclose(reading.means(lost), [0.1])
    assert np.isnan(reading.means(np.array([[np.nan]])))


def test_accuracies_start_before_the_first_phase():
    names, rows = reading.class_scores(toy_reports.phases([2, 1]))
    assert names == ("class 0", "class 1", "class 2")
    np.testing.assert_allclose(rows, [[0.95, 0.95, np.nan], [0.85, 0.9, 1]])


def test_a_refused_phase_leaves_accuracies_as_they_were():
    first, second = toy_reports.phases([2, 1, 1])
    refused = dataclasses.replace(second, accepted=False)
    names, rows = reading.class_scores([first, refused])
    assert names == first.classes
    np.testing.assert_array_equal(rows[1], rows[2])


def test_one_report_is_a_list_of_one():
    report = toy_reports.phases([2, 1])[0]
    assert reading.listed(report) == [report]
