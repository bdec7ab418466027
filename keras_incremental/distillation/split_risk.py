from collections.abc import Sequence

from keras import ops

from keras_incremental.distillation.outputs import student_output
from keras_incremental.distillation.term import Outputs
from keras_incremental.distillation.term import Term
from keras_incremental.losses.positive_unlabeled import IGNORED
from keras_incremental.losses.positive_unlabeled import POSITIVE
from keras_incremental.losses.positive_unlabeled import UNLABELED
from keras_incremental.losses.positive_unlabeled import PositiveUnlabeledLoss
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Tensor


@export
class SplitRisk(Term):
    """Discriminates a subclass from its parent without negative labels.

    An old label "car" may be a "police car". If the share of police cars
    among old cars is known, the old cars are the unlabeled samples of a
    `losses.PositiveUnlabeledLoss`. Its logit is the logit of the subclass
    minus the logit of the parent.

    Reference:
    - [Kiryo et al., 2017](https://arxiv.org/abs/1703.00593)

    Args:
        child: Int. Index of the subclass. Its labels are positive.
        parent: Int. Index of the parent class.
        prior: Float in `[0, 1)`. Share of the subclass among the unlabeled
            samples.
        unlabeled: List of ints. Labels that may be either class.
        weight: Float, 0 or more. Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.
    """

    needs_teacher = False
    reads_unlabeled = False

    def __init__(
        self,
        child: int,
        parent: int,
        prior: float,
        unlabeled: Sequence[int],
        weight: float = 1.0,
        schedule: str = "constant",
    ):
        super().__init__(weight, schedule)
        self.child, self.parent = int(child), int(parent)
        self.unlabeled = [int(label) for label in unlabeled]
        self._risk = PositiveUnlabeledLoss(prior)

    @property
    def prior(self) -> float:
        """Float. Share of the subclass among the unlabeled samples."""
        return self._risk.prior

    def compute_loss(
        self,
        teacher_outputs: Outputs,
        student_outputs: Outputs,
        labels: Tensor | None = None,
    ) -> Tensor:
        logits = student_output(student_outputs, "logits")
        scores = logits[..., self.child] - logits[..., self.parent]
        labels = ops.reshape(ops.cast(labels, "int32"), ops.shape(scores))
        kinds = ops.full_like(labels, IGNORED)
        for label in self.unlabeled:
            kinds = ops.where(labels == label, UNLABELED, kinds)
        kinds = ops.where(labels == self.child, POSITIVE, kinds)
        return self._risk(kinds, ops.expand_dims(scores, -1))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "child": self.child,
            "parent": self.parent,
            "prior": self.prior,
            "unlabeled": self.unlabeled,
        }
