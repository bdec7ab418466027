from keras_incremental.distillation.feature_matching import FeatureMatching
from keras_incremental.distillation.term import Term
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config


@export
class LessForget(FeatureMatching):
    """Keeps the direction of the features that a cosine head reads.

    The term is 1 minus the cosine similarity to the features of the teacher,
    from 0 to 2. Freeze the columns of the old classes as well, so that both
    keep their directions. The weight grows with the number of old per new
    classes: with 50 old and 10 new classes, 5 becomes 11.2.

    Reference:
    - [Hou et al., 2019](https://openaccess.thecvf.com/content_CVPR_2019/html/Hou_Learning_a_Unified_Classifier_Incrementally_via_Rebalancing_CVPR_2019_paper.html),
      LUCIR

    Args:
        weight: Float, 0 or more. The paper uses 5 on CIFAR-100 and 10 on
            ImageNet. Defaults to `5.0`.
        schedule: See `Term`. Defaults to `"sqrt_old_per_new"`.

    Example:

    >>> import numpy as np
    >>> teacher = {"features": np.array([[1.0, 0.0]])}
    >>> student = {"features": np.array([[0.0, 2.0]])}
    >>> float(LessForget().compute_loss(teacher, student))
    1.0
    """

    def __init__(self, weight: float = 5.0, schedule: str = "sqrt_old_per_new"):
        super().__init__("cosine", weight, schedule)

    def get_config(self) -> Config:
        return Term.get_config(self)
