from keras_incremental.callbacks.weight_protection import DataProtection
from keras_incremental.regularizers.output_sensitivity import output_sensitivity
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Importance


@export
class MemoryAwareSynapses(DataProtection):
    """Protects weights according to the sensitivity of the outputs.

    When `fit` ends, `regularizers.output_sensitivity` of the final weights is
    added to the importance of earlier phases. The next `fit` has the
    additional loss `strength * sum(importance * (weight - reference)**2)`
    around the latest weights. Labels are not used, so `data` may be any
    inputs of the model. Pass the callback last, after those that restore
    weights, such as `EarlyStopping`.

    The data is cleared when the phase ends: set `callback.data` before each
    `fit`.

    Reference:
    - [Aljundi et al., 2018](https://arxiv.org/abs/1711.09601), the global
      form, with the absolute value for each sample

    Args:
        data: Data of the phase, inputs or `(x, y)`. See
            `output_sensitivity`. Defaults to `None`: set the attribute
            `data`.
        strength: Float, 0 or more. A larger value keeps old classes better
            and learns new classes less. It depends on the scale of the logits.
            Defaults to `1.0`.
        decay: Float from 0 to 1. Factor of the importance of earlier phases.
            Defaults to `1.0`.
        num_samples: Int or `None`. Number of samples for the importance.
            Defaults to `1024`.
        batch_size: Int. Batch size for the importance. Defaults to `32`.
        from_logits: Boolean or `None`. See `output_sensitivity`. Defaults to
            `None`.
        normalize: Boolean. Whether to divide the importance of each phase by
            its mean, so that a strength transfers to other models. Defaults
            to `False`.
        clip_percentile: Float from 0 to 100, or `None`. The importance is
            clipped at this percentile, so that plain SGD can take larger
            steps. Defaults to `None`.
        seed: Int. Seed of the draw of samples. Defaults to `0`.

    Raises:
        ValueError: when `fit` begins without `data`, or with SGD if
            `learning_rate * 2 * strength * max(importance)` is 2 or more, so
            that training would diverge.
    """

    def compute_importance(self) -> Importance:
        return output_sensitivity(self.model, self.data, **self.sampling)
