import numpy as np
import pytest
from toy_classifiers import NAMES as NAMES_OF_SAMPLES
from toy_classifiers import classifier
from toy_classifiers import samples

from keras_incremental.metrics import calibration_by_age
from keras_incremental.problems import MULTI_LABEL
from keras_incremental.problems import SEGMENTATION
from keras_incremental.problems import SINGLE_LABEL
from keras_incremental.reporting import PhaseReport
from keras_incremental.utils.probabilities import softmax

NAMES = ("cat", "dog", "bird")


def measured(labels, was, now):
    parts = map(np.array, (labels, was, now))
    return SINGLE_LABEL.scorer.measure(*parts, NAMES, 2)


def test_what_flipped_is_found_again():
    found = measured([0, 1, 1, 2], was=[0, 1, 0, 0], now=[2, 1, 1, 2])
    assert found["flips"].tolist() == [0]
    assert found["flipped_from"].tolist() == [0]
    assert found["flipped_to"].tolist() == [2]
    assert found["confusion_before"].tolist() == [[1, 0], [1, 1], [1, 0]]
    assert (found["drop"].lost, found["drop"].gained) == (1, 1)


def test_pictures_without_a_label_do_not_shift_the_others():
    found = measured([-1, 0, -1, 1], was=[0, 0, 1, 1], now=[2, 0, 2, 0])
    assert found["flips"].tolist() == [3]
    assert found["flipped_from"].tolist() == [1]
    assert found["confusion_after"].sum() == 2


def test_calibration_is_that_of_old_and_new_samples_with_labels():
    labels = np.array([0, 1, 2, -1])
    logits = np.log([[8, 1, 1], [8, 1, 1], [1, 1, 8], [1, 1, 8]])
    found = SINGLE_LABEL.scorer.calibration(labels, logits, 2)
    assert found == pytest.approx(
        {"old": abs(0.5 - 0.8), "new": 0.2, "all": abs(2 / 3 - 0.8)}
    )


def test_calibration_of_no_samples_is_left_out():
    logits = np.log([[8, 1, 1]])
    found = SINGLE_LABEL.scorer.calibration(np.array([0]), logits, 2)
    assert sorted(found) == ["all", "old"]


@pytest.mark.parametrize("problem", [MULTI_LABEL, SEGMENTATION])
def test_calibration_is_of_samples_with_one_class(problem):
    assert problem.scorer.calibration(np.zeros((1, 2)), None, 1) == {}


def test_a_report_has_the_calibration_of_predict():
    clf = classifier()
    x, y = samples(range(3), 20, seed=9)
    report = clf.learn(
        samples([2])[0],
        classes=[NAMES_OF_SAMPLES[2]],
        validation_data=(x, [NAMES_OF_SAMPLES[k] for k in y]),
        verbose=0,
    )
    shares = softmax(clf.predict(x, verbose=0))
    assert report.calibration == pytest.approx(calibration_by_age(y, shares, 2))
    assert "expected calibration error: old" in str(report)
    read = PhaseReport.from_json(report.to_json())
    assert read.calibration == report.calibration
    old = report.to_dict()
    del old["calibration"]
    assert PhaseReport.from_dict(old).calibration == {}
