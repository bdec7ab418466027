from keras_incremental.distillation.term import Term
from keras_incremental.losses.merged_distillation import MergedDistillation
from keras_incremental.utils.export import export


@export
class SoftmaxDistillation(Term):
    """Keeps what the teacher says about the old classes.

    The crossentropy of the two at a temperature, over the old classes alone:
    it says nothing of the new ones. Its gradient is zero where the old
    logits agree up to a constant, and its value the entropy of the teacher.

    Reference:
    - [Li and Hoiem, 2016](https://arxiv.org/abs/1606.09282), Learning
      without Forgetting

    Args:
        temperature: Float above 0. A larger value also compares the small
            probabilities. Defaults to `2.0`.
        scale: Bool. Whether to multiply by `temperature**2`, which keeps the
            size of the gradient when the temperature changes; a weight of
            the paper is then to be divided by it. Defaults to `False`.
        weight: Float, 0 or more. Defaults to `1.0`. Without exemplars 3 or
            10 may do better.
        schedule: See `Term`. Defaults to `"constant"`.

    Example:

    >>> import numpy as np
    >>> term = SoftmaxDistillation(temperature=1.0)
    >>> teacher = {"logits": np.zeros((1, 2))}
    >>> student = {"logits": np.zeros((1, 3))}
    >>> round(float(term.compute_loss(teacher, student)), 4)
    0.6931
    """

    def __init__(
        self,
        temperature: float = 2.0,
        scale: bool = False,
        weight: float = 1.0,
        schedule: str = "constant",
    ):
        super().__init__(weight, schedule)
        self._distillation = MergedDistillation(
            temperature=temperature, scale=scale
        )

    @property
    def temperature(self):
        """Float. By what logits are divided."""
        return self._distillation.temperature

    @property
    def scale(self):
        """Bool. Whether the term is multiplied by the squared temperature."""
        return self._distillation.scale

    def compute_loss(self, teacher_outputs, student_outputs, labels=None):
        return self._distillation(
            teacher_outputs["logits"], student_outputs["logits"]
        )

    def get_config(self):
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "scale": self.scale,
        }
