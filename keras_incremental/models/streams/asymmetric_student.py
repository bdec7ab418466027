from keras import ops

from keras_incremental.losses.asymmetric_crossentropy import competitors
from keras_incremental.models.student import Student
from keras_incremental.utils.masking import mask_logits


class AsymmetricStudent(Student):
    """A student whose new samples compete with the classes of their batch.

    The labels that it gets have a second column: 1 for a replayed sample,
    which competes with all classes, 0 for a new one. Logits that were stored
    with the samples come after.
    """

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        labels = ops.cast(y[:, 0], "int32")
        among = competitors(labels, y[:, 1] < 0.5, y_pred.shape[-1])
        y_pred = mask_logits(ops.cast(y_pred, "float32"), among)
        y = ops.concatenate([y[:, :1], y[:, 2:]], axis=-1)
        return super().compute_loss(x, y, y_pred, sample_weight, training)
