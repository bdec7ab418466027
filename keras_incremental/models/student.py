import keras
from keras import ops

from keras_incremental.utils import state


class Student(keras.Model):
    """What trains in a phase: the layers above the frozen trunk, and logits.

    The teacher is the same stack as it was before the phase. It reads what
    the student reads, so the two share the frozen trunk, and distillation
    costs one more head.

    Args:
        rest: Model between the trunk and the head, or `None`.
        head: `ExpandableHead`.
        teacher: `Student` of the phase before, or `None`.
        distillation: Loss of `(teacher logits, student logits)`, or `None`.
        share: Float from 0 to 1. Weight of the distillation. Give the loss
            of the labels the rest (`loss_weights` of `compile`).
        statistics: `FeatureStatistics` of the coordinates that the head is
            in (`centring.centred`), or `None` for those of the network.
    """

    def __init__(
        self,
        rest,
        head,
        teacher=None,
        distillation=None,
        share=0.0,
        statistics=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.rest = rest
        self.head = head
        self.share = share
        self._statistics = statistics
        self._teacher = state.Untracked(teacher)
        self._distillation = state.Untracked(distillation)

    @property
    def features(self):
        """From the inputs to what the head reads, for `split_head`."""
        return keras.layers.Identity() if self.rest is None else self.rest

    @property
    def activation(self):
        """The outputs are logits."""
        return None

    def call(self, inputs, training=None):
        if self.rest is not None:
            inputs = self.rest(inputs, training=training)
        return self.head(self._centred(inputs))

    def make_variables(self, inputs, labels, weights=None):
        """Makes what `fit` needs besides weights.

        TensorFlow traces a step twice that makes variables, which takes
        longer than training a head.

        Args:
            inputs: One batch.
            labels: Its labels.
            weights: Its sample weights, or `None`.
        """
        outputs = self(inputs, training=False)
        self.compute_metrics(inputs, labels, outputs, weights)
        self.reset_metrics()
        self.optimizer.build(self.trainable_variables)

    def _centred(self, features):
        if self._statistics is None:
            return features
        mean = ops.convert_to_tensor(self._statistics.mean, features.dtype)
        return (features - mean) / self._statistics.scale

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        distillation = self._distillation.value
        if distillation is None or not training:
            return loss
        taught = self._teacher.value(x, training=False)
        kept = distillation(taught, y_pred)
        return loss + self.share * kept


def teacher_of(student):
    """The same stack with its own copy of all that may train."""
    rest = student.rest
    if rest is not None and rest.trainable_variables:
        rest = keras.models.clone_model(rest)
        rest.set_weights(student.rest.get_weights())
    head = type(student.head).from_config(student.head.get_config())
    head.build((None, student.head.input_dim))
    for name in head.column_shapes(1, 1):
        head.assign_columns(name, student.head.columns(name))
    return Student(rest, head)
