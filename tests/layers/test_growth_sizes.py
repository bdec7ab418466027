"""Losses and metrics that are built for a number of classes grow too."""

import numpy as np
import pytest
from keras import losses
from keras import metrics
from keras import ops
from toy_growth import ONE_HOT
from toy_growth import SPARSE
from toy_growth import X
from toy_growth import Y
from toy_growth import assert_refused
from toy_growth import compiled
from toy_growth import fit
from toy_growth import labels

import keras_incremental as ki
from keras_incremental.layers import ExpandableDense

# `IoU` of Keras asks JAX for int64.
pytestmark = pytest.mark.filterwarnings("ignore:Explicitly requested dtype")


def expected_after_growth(model, metric, one_hot):
    """What a metric for three classes says of the model."""
    metric.update_state(labels(3, one_hot), model.predict(X, verbose=0))
    return ops.convert_to_numpy(metric.result())


SIZED = {
    "AUC": lambda n: metrics.AUC(multi_label=True, num_labels=n),
    "AUC of any": lambda n: metrics.AUC(multi_label=True),
    "MeanIoU": lambda n: metrics.MeanIoU(n, sparse_y_pred=False),
    "IoU": lambda n: metrics.IoU(n, [0, 1], sparse_y_pred=False),
    "OneHotIoU": lambda n: metrics.OneHotIoU(n, [0, 1]),
    "OneHotMeanIoU": lambda n: metrics.OneHotMeanIoU(n),
    "F1Score": lambda n: metrics.F1Score(average="macro"),
    "FBetaScore": lambda n: metrics.FBetaScore("weighted"),
    "SensitivityAtSpecificity": lambda n: metrics.SensitivityAtSpecificity(0.5),
    "PrecisionAtRecall": lambda n: metrics.PrecisionAtRecall(0.5, class_id=1),
    "Precision": lambda n: metrics.Precision(thresholds=[0.3, 0.6]),
    "TopK": lambda n: metrics.TopKCategoricalAccuracy(1),
    "CategoricalAccuracy": lambda n: metrics.CategoricalAccuracy(),
}
OF_INTS = ("MeanIoU", "IoU")


@pytest.mark.parametrize("name", SIZED)
def test_a_metric_counts_all_classes_after_growth(name):
    assert_counts_all(name, "metrics")


def test_a_weighted_metric_counts_all_classes_after_growth():
    assert_counts_all("AUC", "weighted_metrics")


def assert_counts_all(name, argument):
    one_hot = name not in OF_INTS
    loss = ONE_HOT if one_hot else SPARSE
    model = compiled(loss, **{argument: [SIZED[name](2)]})
    fit(model, one_hot)
    ki.expand(model, 1)
    expected = expected_after_growth(model, SIZED[name](3), one_hot)
    found = model.evaluate(X, labels(3, one_hot), verbose=0)[1]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_number_in_a_wrapped_metric_grows():
    inner = metrics.MeanIoU(2, sparse_y_pred=False)
    model = compiled(metrics=[ki.metrics.OnLabels(inner, num_old=1)])
    ki.expand(model, 1)
    y = np.stack([Y % 3, np.zeros(12)], 1)
    with pytest.raises(ValueError):
        model.evaluate(X, y, verbose=0)  # The loss sees both columns.
    metric = model.get_compile_config()["metrics"]
    assert "'num_classes': 3" in str(metric)


def test_room_for_more_classes_is_kept():
    model = compiled(metrics=[metrics.MeanIoU(9, sparse_y_pred=False)])
    ki.expand(model, 1)
    assert "'num_classes': 9" in str(model.get_compile_config())


@pytest.mark.parametrize(
    "loss, metric, told",
    [
        (
            losses.CategoricalFocalCrossentropy(
                alpha=[0.2, 0.8], from_logits=True
            ),
            None,
            r"`alpha`.*loss=CategoricalFocalCrossentropy.*Compile without",
        ),
        (
            ki.losses.CandidateSetCrossentropy(label_weights=[1.0, 2.0]),
            None,
            "`label_weights`.*loss=CandidateSetCrossentropy.*Compile without",
        ),
        (
            ONE_HOT,
            lambda: metrics.AUC(multi_label=True, label_weights=[1.0, 2.0]),
            "`label_weights`.*metrics=AUC.*Compile without",
        ),
    ],
)
def test_a_value_for_each_class_is_refused(loss, metric, told):
    chosen = {} if metric is None else {"metrics": [metric()]}
    assert_refused(compiled(loss, **chosen), told)


class Counts(metrics.Metric):
    """How often each class is predicted; its config does not say how many."""

    def __init__(self, size, name="counts"):
        super().__init__(name=name)
        self.counts = self.add_variable((size,), "zeros", name="counts")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hits = ops.one_hot(ops.argmax(y_pred, -1), self.counts.shape[0])
        self.counts.assign(self.counts + ops.sum(hits, 0))

    def result(self):
        return ops.sum(self.counts)


class Known(Counts):
    def __init__(self, num_classes, name="known"):
        super().__init__(num_classes, name)

    def get_config(self):
        return {"num_classes": int(self.counts.shape[0]), "name": self.name}


def test_a_metric_that_does_not_say_its_size_is_refused():
    model = compiled(metrics=[Counts(2)])
    assert_refused(model, "metrics=Counts 'counts'.*`num_classes`.*get_config")


def test_a_metric_of_ones_own_grows_by_its_config():
    model = compiled(metrics=[Known(2)])
    fit(model)
    ki.expand(model, 1)
    assert fit(model)["known"] == [12.0]


def own_loss(y_true, y_pred):
    return losses.sparse_categorical_crossentropy(y_true, y_pred, True)


def own_metric(y_true, y_pred):
    return ops.mean(y_pred, -1)


def test_functions_need_not_be_registered():
    model = compiled(own_loss, metrics=[own_metric, "accuracy"])
    fit(model)
    ki.expand(model, 1)
    assert set(fit(model)) == {"own_metric", "accuracy", "loss"}
    assert model.loss is own_loss


@pytest.mark.parametrize(
    "loss",
    ["binary_crossentropy", losses.BinaryFocalCrossentropy(from_logits=True)],
)
def test_a_yes_or_no_of_one_class_is_refused(loss):
    model = compiled(loss, units=1)
    with pytest.raises(ValueError, match="loss=[Bb]inary.*SparseCateg"):
        ki.expand(model, 1)
    assert model.layers[-1].units == 1


def test_a_yes_or_no_of_each_class_grows():
    head = ExpandableDense(1, exclusive=False)
    loss = losses.BinaryCrossentropy(from_logits=True)
    model = compiled(loss, head=head, metrics=["accuracy"])
    ki.expand(model, 1)
    assert np.isfinite(fit(model, one_hot=True)["loss"][0])


def test_accuracy_of_one_class_becomes_that_of_several():
    model = compiled(units=1, metrics=["accuracy"])
    model.fit(X, np.zeros(12), verbose=0)
    ki.expand(model, 1)
    outputs = model.predict(X, verbose=0)
    expected = (outputs.argmax(-1) == Y % 2).mean()
    _, found = model.evaluate(X, Y % 2, verbose=0)
    assert found == pytest.approx(expected)
