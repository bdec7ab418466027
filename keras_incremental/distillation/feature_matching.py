from keras import ops

from keras_incremental.distillation.outputs import student_output
from keras_incremental.distillation.outputs import teacher_output
from keras_incremental.distillation.term import Outputs
from keras_incremental.distillation.term import Term
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor
from keras_incremental.utils.vectors import cosine

METRICS = {
    "mse": lambda a, b: ops.mean(ops.square(a - b), axis=-1),
    "cosine": lambda a, b: 1.0 - cosine(a, b),
}


@export
class FeatureMatching(Term):
    """Keeps the features that the head reads.

    The term is the distance between the features of student and teacher. It
    is zero, and a waste of time, if all layers below the head are frozen.

    Args:
        metric: `"mse"`, the mean squared difference, for linear heads, or
            `"cosine"`, 1 minus the cosine similarity, for cosine heads,
            which ignore the norm of features. Defaults to `"mse"`.
        weight: Float, 0 or more. Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.

    Raises:
        ValueError: if the metric is unknown.

    Example:

    >>> import numpy as np
    >>> term = FeatureMatching("mse")
    >>> teacher = {"features": np.zeros((1, 4))}
    >>> student = {"features": np.full((1, 4), 3.0)}
    >>> float(term.compute_loss(teacher, student))
    9.0
    """

    reads = ("features",)
    only_below_head = True

    def __init__(
        self,
        metric: str = "mse",
        weight: float = 1.0,
        schedule: str = "constant",
    ):
        super().__init__(weight, schedule)
        if metric not in METRICS:
            raise ValueError(
                f"`metric` of {type(self).__name__} must be one of "
                f"{sorted(METRICS)}. Received: metric={metric!r}."
            )
        self.metric = metric

    def compute_loss(
        self,
        teacher_outputs: Outputs,
        student_outputs: Outputs,
        labels: Tensor | None = None,
    ) -> Tensor:
        distances = METRICS[self.metric](
            student_output(student_outputs, "features"),
            teacher_output(teacher_outputs, "features"),
        )
        return ops.mean(distances)

    def get_config(self) -> Config:
        return {**super().get_config(), "metric": self.metric}
