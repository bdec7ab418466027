"""A problem type of one's own, made outside of the package: grades.

Grades are classes in an order, so a prediction that is one off is nearly
right. They differ from other classes in two parts: the decoder predicts the
median grade, and the scorer counts a neighboring grade as right. Labels and
loss are those of single-label classification.
"""

import dataclasses
import inspect
import json

import keras
import numpy as np
import pytest

from keras_incremental import problems
from keras_incremental import reporting
from keras_incremental.models import IncrementalClassifier
from keras_incremental.problems import Problem
from keras_incremental.problems import register_problem
from keras_incremental.problems.problem import BUILT_IN
from keras_incremental.reporting import PhaseReport

GRADES = ("poor", "fair", "good", "best")


class MedianDecoder(problems.SoftmaxDecoder):
    """Predicts the median of the probabilities over ordered classes."""

    def decide(self, logits, head=None):
        powers = np.exp(logits - logits.max(-1, keepdims=True))
        shares = np.cumsum(powers / powers.sum(-1, keepdims=True), -1)
        return (shares < 0.5).sum(-1)


class WithinOneScorer(problems.SampleScorer):
    """Share of samples whose predicted grade is right or one off."""

    metric = class_metric = "accuracy within one"

    def score(self, counts, classes):
        rows, columns = np.indices(counts.confusion.shape)
        near = np.where(abs(rows - columns) <= 1, counts.confusion, 0).sum(1)
        total = counts.total[classes].sum()
        return near[classes].sum() / total if total else float("nan")


ORDINAL = register_problem(
    dataclasses.replace(
        problems.SINGLE_LABEL,
        name="ordinal",
        decoder=MedianDecoder(),
        scorer=WithinOneScorer(),
    )
)


def grades(of, count=60, seed=0):
    """Samples around 0, 2, 4 and 6 on a line, by their grades."""
    draw = np.random.default_rng(seed)
    labels = np.repeat(of, count)
    x = labels[:, None] * 2.0 + draw.normal(scale=0.5, size=(len(labels), 1))
    return x.astype("float32"), labels


def classifier(**arguments):
    """Logits are squared distances to 0, 2 and 4, quartered."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3)])
    weights = [[0.0, 1.0, 2.0]], [0.0, -1.0, -4.0]
    model.set_weights([np.array(part, "float32") for part in weights])
    return IncrementalClassifier(model, GRADES[:3], **arguments)


@pytest.fixture(scope="module")
def learned():
    clf = classifier(problem=ORDINAL)
    clf.remember(*grades([0, 1, 2]))
    x, _ = grades([3], seed=1)
    validation = grades([0, 1, 2, 3], seed=2)
    report = clf.learn(
        x, classes=["best"], validation_data=validation, verbose=0
    )
    return clf, report


def test_it_learns_a_class_and_reports_a_score_of_its_own(learned):
    clf, report = learned
    assert clf.classes == GRADES and report.problem == "ordinal"
    assert report.class_score("best") > 0.9
    confusion = report.confusion_after
    assert (
        report.score
        == sum(np.trace(confusion, k) for k in (-1, 0, 1)) / confusion.sum()
    )
    assert report.old_score_before > 0.95


def test_its_decoder_predicts():
    clf = classifier(problem=ORDINAL)
    # At 0.98 probabilities are 0.47, 0.46 and 0.06, so the median is "fair".
    x = np.array([[0.0], [0.98], [1.2], [4.0]], "float32")
    assert clf.predict(x, verbose=0).argmax(-1).tolist() == [0, 0, 1, 2]
    found = clf.predict_names(x).tolist()
    assert found == ["poor", "fair", "fair", "good"]
    assert set(clf.review(x, threshold=0.0).names) == set(found)


def test_its_score_is_named_everywhere(learned):
    _, report = learned
    assert json.loads(report.to_json())["metric"] == "accuracy within one"
    assert str(PhaseReport.from_json(report.to_json())) == str(report)
    assert "<h2>Accuracy within one</h2>" in reporting.to_html(report)


def test_a_file_keeps_it(learned, tmp_path):
    clf, _ = learned
    clf.save(tmp_path / "grades.keras")
    loaded = keras.models.load_model(tmp_path / "grades.keras")
    assert loaded.problem is ORDINAL
    x, y = grades([0, 1, 2, 3], seed=3)
    assert loaded.evaluate_classes(x, y) == clf.evaluate_classes(x, y)


def test_what_is_not_registered_is_refused():
    own = dataclasses.replace(ORDINAL, name="never registered")
    with pytest.raises(ValueError, match="calls `register_problem` first"):
        classifier(problem=own)


def test_another_problem_of_the_same_name_is_refused():
    own = dataclasses.replace(ORDINAL, scorer=problems.SampleScorer())
    with pytest.raises(ValueError, match="`register_problem` returned last"):
        classifier(problem=own)


def test_names_of_the_package_are_taken():
    for name in ("single_label", "multi_label", "segmentation"):
        with pytest.raises(ValueError, match="Choose another name"):
            register_problem(dataclasses.replace(ORDINAL, name=name))


def test_a_problem_that_does_not_fit_the_head_is_refused():
    with pytest.raises(ValueError, match="Pass multi_label=True"):
        classifier(problem="multi_label")


def public_methods(part):
    members = inspect.getmembers(part, callable)
    return {name for name, _ in members if not name.startswith("_")}


@pytest.mark.parametrize(
    "part", [f.name for f in dataclasses.fields(Problem) if f.name != "name"]
)
def test_each_part_has_ten_public_methods_at_most(part):
    for problem in BUILT_IN:
        assert len(public_methods(type(getattr(problem, part)))) <= 10


def test_no_part_replaces_all_of_what_it_inherits():
    parts = [
        getattr(problem, field.name)
        for problem in BUILT_IN
        for field in dataclasses.fields(problem)[1:]
    ]
    for own in map(type, parts):
        base = own.__mro__[1]
        if not inspect.isabstract(base):
            assert public_methods(base) - set(vars(own)), own
