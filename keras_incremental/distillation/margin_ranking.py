import numpy as np
from keras import ops

from keras_incremental.distillation.outputs import int_labels
from keras_incremental.distillation.outputs import masked_mean
from keras_incremental.distillation.outputs import phase_of
from keras_incremental.distillation.outputs import student_output
from keras_incremental.distillation.term import Outputs
from keras_incremental.distillation.term import Term
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class MarginRanking(Term):
    """Keeps a margin between exemplars of old classes and new classes.

    For each sample of an old class `y` in the batch, the term takes the new
    classes `k` with the largest cosines,

        mean over samples and k of max(0, margin - s[y] + s[k])

    It is 0 for a batch without samples of old classes. It needs no teacher.

    Reference:
    - [Hou et al., 2019](https://openaccess.thecvf.com/content_CVPR_2019/html/Hou_Learning_a_Unified_Classifier_Incrementally_via_Rebalancing_CVPR_2019_paper.html),
      LUCIR

    Args:
        num_negatives: Int, 1 or more. Number of new classes, at most all of
            them. Defaults to `2`.
        margin: Float, 0 or more, a difference of cosines. A larger value
            keeps classes further apart. Defaults to `0.5`.
        weight: Float, 0 or more. Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.
    """

    reads = ("scores",)
    reads_unlabeled = False
    needs_teacher = False

    def __init__(
        self,
        num_negatives: int = 2,
        margin: float = 0.5,
        weight: float = 1.0,
        schedule: str = "constant",
    ):
        super().__init__(weight, schedule)
        whole = isinstance(num_negatives, (int, np.integer))
        if not whole or isinstance(num_negatives, bool) or num_negatives < 1:
            raise ValueError(
                "`num_negatives` of MarginRanking must be an int of 1 or "
                f"more. Received: num_negatives={num_negatives!r}."
            )
        if not 0 <= margin < float("inf"):
            raise ValueError(
                "`margin` of MarginRanking must be a finite number of 0 or "
                f"more. Received: margin={margin}."
            )
        self.num_negatives = int(num_negatives)
        self.margin = float(margin)

    def compute_loss(
        self,
        teacher_outputs: Outputs,
        student_outputs: Outputs,
        labels: Tensor | None = None,
    ) -> Tensor:
        phase = phase_of(self)
        scores = student_output(student_outputs, "scores")
        labels = int_labels(labels, type(self).__name__)
        if not phase.num_old or not phase.num_new:
            return 0.0 * ops.sum(scores)
        count = min(self.num_negatives, phase.num_new)
        nearest, _ = ops.top_k(scores[:, phase.num_old :], count)
        is_old = ops.logical_and(labels >= 0, labels < phase.num_old)
        # Backends treat an index out of range in different ways.
        index = ops.expand_dims(ops.where(is_old, labels, 0), -1)
        own = ops.take_along_axis(scores, index, axis=1)
        each = ops.relu(self.margin - own + nearest)
        return masked_mean(ops.mean(each, axis=-1), is_old)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_negatives": self.num_negatives,
            "margin": self.margin,
        }
