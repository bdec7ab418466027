from keras import ops

from keras_incremental.distillation.reading import read
from keras_incremental.distillation.term import Term
from keras_incremental.losses.positive_unlabeled import IGNORED
from keras_incremental.losses.positive_unlabeled import POSITIVE
from keras_incremental.losses.positive_unlabeled import UNLABELED
from keras_incremental.losses.positive_unlabeled import PositiveUnlabeledLoss
from keras_incremental.utils.export import export


@export
class SplitRisk(Term):
    """Tells a class from its parent, where only the class is labeled.

    Old labels of "car" may be a "police car", and none says that one is not.
    If it is known which share of them is, they are the unlabeled samples of
    a `losses.PositiveUnlabeledLoss`, whose logit is that of the child less
    that of the parent.

    Reference:
    - [Kiryo et al., 2017](https://arxiv.org/abs/1703.00593)

    Args:
        child: Int, the index of the class; labels of it are positive.
        parent: Int, the index of the class that it came out of.
        prior: Float, 0 or more and below 1: the share of the child in what
            is unlabeled.
        unlabeled: List of ints, the labels that may be either.
        weight: Float, 0 or more. Defaults to `1.0`.
        schedule: See `Term`. Defaults to `"constant"`.
    """

    needs_teacher = False

    def __init__(
        self,
        child,
        parent,
        prior,
        unlabeled,
        weight=1.0,
        schedule="constant",
    ):
        super().__init__(weight, schedule)
        self.child, self.parent = int(child), int(parent)
        self.unlabeled = [int(label) for label in unlabeled]
        self._risk = PositiveUnlabeledLoss(prior)

    @property
    def prior(self):
        """Float, the share of the child in what is unlabeled."""
        return self._risk.prior

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        logits = read(student_outputs, "logits")
        scores = logits[..., self.child] - logits[..., self.parent]
        labels = ops.reshape(ops.cast(labels, "int32"), ops.shape(scores))
        says = ops.full_like(labels, IGNORED)
        for label in self.unlabeled:
            says = ops.where(labels == label, UNLABELED, says)
        says = ops.where(labels == self.child, POSITIVE, says)
        return self._risk(says, ops.expand_dims(scores, -1))

    def get_config(self):
        return {
            **super().get_config(),
            "child": self.child,
            "parent": self.parent,
            "prior": self.prior,
            "unlabeled": self.unlabeled,
        }
