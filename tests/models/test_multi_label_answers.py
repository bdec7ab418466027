import keras
import numpy as np
import pytest
from declarations import with_partial_labels
from matplotlib.figure import Figure
from toy_helmets import NAMES
from toy_helmets import NEW
from toy_helmets import TEST
from toy_helmets import classifier
from toy_helmets import only_helmets

from keras_incremental import reporting
from keras_incremental.losses import PartialBinaryCrossentropy
from keras_incremental.models import IncrementalClassifier
from keras_incremental.reporting import PhaseReport

X, TRUTH = NEW


def learn(clf, **arguments):
    y = only_helmets(TRUTH)
    options = {"verbose": 0, "epochs": 1, **arguments}
    return clf.learn(X, y, ["helmet"], **with_partial_labels(options))


def test_logits_are_multi_label_if_somebody_says_so(tmp_path):
    clf = classifier(activation=None, multi_label=True)
    learn(clf)
    assert clf.activation is None and clf.multi_label
    clf.save(tmp_path / "streets.keras")
    loaded = keras.models.load_model(tmp_path / "streets.keras")
    assert loaded.multi_label
    assert loaded.predict_names(X[:9]) == clf.predict_names(X[:9])


def test_one_output_can_be_one_label():
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(1, activation="sigmoid")]
    )
    clf = IncrementalClassifier(model, ["car"], multi_label=True)
    learn(clf)
    assert clf.predict(X, verbose=0).shape == (len(X), 2)


def test_names_are_those_above_a_threshold():
    clf = classifier()
    outputs = clf.predict(X[:20], verbose=0)
    found = clf.predict_names(X[:20])
    assert found == [
        tuple(n for n, p in zip(NAMES, row, strict=False) if p > 0.5)
        for row in outputs
    ]
    never = clf.predict_names(X[:20], thresholds={"car": 1.0})
    assert never == [tuple(n for n in row if n != "car") for row in found]
    bikes = clf.predict_names(X[:20], classes=["bike"])
    assert bikes == never


def test_a_report_is_the_same_after_json():
    report = learn(classifier(), validation_data=TEST)
    again = PhaseReport.from_json(report.to_json())
    assert str(again) == str(report)
    assert "validation labels" in str(report)
    assert "<h2>Mean F1</h2>" in report.to_html()
    assert reporting.plot_forgetting([report, again], figure=Figure())


def test_classes_are_merged_removed_and_renamed():
    clf = classifier()
    outputs = clf.predict(X, verbose=0)
    clf.rename({"bike": "bicycle"})
    clf.merge({"bicycle": "car"})
    found = clf.predict(X, verbose=0)
    np.testing.assert_allclose(found[:, 0], outputs.max(1), rtol=1e-5)
    assert not found[:, 1].any()
    other = classifier()
    other.remove(["bike"])
    np.testing.assert_allclose(
        other.predict(X, verbose=0), outputs * [1, 0], rtol=1e-5
    )
    learn(other)


def test_fit_reads_rows_of_labels():
    clf = classifier()
    y = np.array(TRUTH[:, :2])
    y[::3, 0] = -1
    assert isinstance(clf.loss, PartialBinaryCrossentropy)
    clf.fit(X, y, epochs=1, verbose=0)
    clf.compile("sgd", "binary_crossentropy")
    with pytest.raises(ValueError, match="PartialBinaryCrossentropy"):
        clf.fit(X, y, verbose=0)
    with pytest.raises(ValueError, match="one column for each"):
        clf.fit(X, TRUTH, verbose=0)
