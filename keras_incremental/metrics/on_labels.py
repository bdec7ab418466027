from typing import Any
from typing import Self

import keras

from keras_incremental.losses.joined_labels import one_part
from keras_incremental.losses.joined_labels import split
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class OnLabels(keras.metrics.Metric):
    """Lets a metric see the labels, without the outputs of a teacher.

    `keras_incremental.data.with_teacher` puts the teacher's
    logits behind the labels. A metric that is not wrapped runs on both, and
    its number means nothing.

    Args:
        metric: `keras.metrics.Metric`, a registered function, or the name of
            one. `"accuracy"` compares the label, sparse or one-hot, with the
            largest output.
        num_old: Int, 1 or more. Number of outputs of the teacher.
        name: String. Defaults to the name of the metric.

    Example:

    >>> metric = OnLabels("accuracy", num_old=2)
    """

    def __init__(self, metric: Any, num_old: int, name: str | None = None):
        if num_old < 1:
            raise ValueError(
                "`num_old` of OnLabels must be 1 or more. Received: "
                f"num_old={num_old}."
            )
        metric = _as_metric(metric)
        super().__init__(name=name or metric.name)
        self.metric = metric
        self.num_old = num_old

    def update_state(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Tensor | None = None,
    ) -> None:
        y_true = one_part(y_true)
        if y_true.shape[-1] <= self.num_old:
            raise ValueError(
                f"OnLabels '{self.name}' takes labels with {self.num_old} "
                "outputs of a teacher behind them. Received: y_true.shape="
                f"{tuple(y_true.shape)}. Add them by `with_teacher`."
            )
        labels, _ = split(y_true, self.num_old)
        self.metric.update_state(labels, y_pred, sample_weight=sample_weight)

    def result(self) -> Tensor:
        return self.metric.result()

    def reset_state(self) -> None:
        self.metric.reset_state()

    def get_config(self) -> Config:
        return {
            "name": self.name,
            "metric": keras.saving.serialize_keras_object(self.metric),
            "num_old": self.num_old,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        metric = keras.saving.deserialize_keras_object(config.pop("metric"))
        return cls(metric, **config)


@keras.saving.register_keras_serializable(package="keras_incremental")
def label_accuracy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Computes the accuracy for sparse or one-hot labels."""
    if y_pred.shape[-1] == 1:
        return keras.metrics.binary_accuracy(y_true, y_pred)
    if y_true.shape[-1] == 1:
        return keras.metrics.sparse_categorical_accuracy(y_true, y_pred)
    return keras.metrics.categorical_accuracy(y_true, y_pred)


def _as_metric(metric):
    if metric in ("accuracy", "acc"):
        return keras.metrics.MeanMetricWrapper(label_accuracy, name=metric)
    metric = keras.metrics.get(metric)
    if isinstance(metric, keras.metrics.Metric):
        return metric
    return keras.metrics.MeanMetricWrapper(metric, name=metric.__name__)
