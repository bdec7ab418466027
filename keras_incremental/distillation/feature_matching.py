from keras import ops

from keras_incremental.distillation.reading import read
from keras_incremental.distillation.reading import read_teacher
from keras_incremental.distillation.term import Term
from keras_incremental.utils.export import export
from keras_incremental.utils.vectors import cosine

METRICS = {
    "mse": lambda a, b: ops.mean(ops.square(a - b), axis=-1),
    "cosine": lambda a, b: 1.0 - cosine(a, b),
}


@export
class FeatureMatching(Term):
    """Keeps the features that the head reads.

    It is zero, and not worth its cost, where all below the head is frozen.

    Args:
        metric: `"mse"`, the mean squared difference, for linear heads; or
            `"cosine"`, 1 minus the cosine of the angle, for cosine heads,
            which do not see how long features are. Defaults to `"mse"`.
        weight: Float, 0 or more. Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.

    Raises:
        ValueError: if there is no such metric.

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

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        distances = METRICS[self.metric](
            read(student_outputs, "features"),
            read_teacher(teacher_outputs, "features"),
        )
        return ops.mean(distances)

    def get_config(self):
        return {**super().get_config(), "metric": self.metric}
