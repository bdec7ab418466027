import keras

from keras_incremental.conversion.loss_outputs import check_class_weight
from keras_incremental.losses.function_loss import compiled_loss
from keras_incremental.models.inputs.texts import with_tokens
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor


class OnBatchMixin(keras.Model):
    """Methods of `keras.Model` on one batch, which take texts too."""

    def train_on_batch(
        self,
        x: Structure,
        y: Tensor | None = None,
        sample_weight: Tensor | None = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Structure:
        given = {"class_weight": class_weight}
        check_class_weight(compiled_loss(self), given)
        x = with_tokens(self, x)
        return super().train_on_batch(
            x, y, sample_weight, class_weight, return_dict
        )

    def test_on_batch(
        self,
        x: Structure,
        y: Tensor | None = None,
        sample_weight: Tensor | None = None,
        return_dict: bool = False,
    ) -> Structure:
        x = with_tokens(self, x)
        return super().test_on_batch(x, y, sample_weight, return_dict)

    def predict_on_batch(self, x: Structure) -> Structure:
        return super().predict_on_batch(with_tokens(self, x))
