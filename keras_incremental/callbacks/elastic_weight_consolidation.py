from keras_incremental.callbacks.weight_protection import DataProtection
from keras_incremental.regularizers.fisher import check_variant
from keras_incremental.regularizers.fisher import fisher_importance
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Importance


@export
class ElasticWeightConsolidation(DataProtection):
    """Protects weights according to their Fisher information.

    When `fit` ends, the callback computes the Fisher information of `data`
    with the final weights. The next `fit` has the additional loss `strength /
    2 * sum(importance * (weight - reference)**2)`. See
    `regularizers.fisher_importance` and `regularizers.consolidate`. It works
    with any Keras classifier and plain `fit`. Pass it last, after callbacks
    that restore weights, such as `EarlyStopping`.

    The data is cleared when the phase ends: set `callback.data` before each
    `fit`.

    Reference:
    - [Kirkpatrick et al., 2017](https://arxiv.org/abs/1612.00796)
    - [Schwarz et al., 2018](https://arxiv.org/abs/1805.06370), the online
      form

    Args:
        data: Data of the phase, without augmentation. See
            `fisher_importance`. Defaults to `None`: set the attribute
            `data`.
        strength: Float, 0 or more. A larger value keeps old classes better
            and learns new classes less. Its scale depends on the problem: try
            powers of ten from `1e1` to `1e5`. Defaults to `1e3`.
        mode: `"online"`, a penalty around the latest weights, or
            `"separate"`, the sum of one penalty for each phase. Defaults to
            `"online"`.
        decay: Float from 0 to 1. Factor of the importance of earlier phases,
            for `"online"` only. Defaults to `1.0`.
        variant: `"exact"`, `"sampled"` or `"empirical"`. See
            `fisher_importance`. Defaults to `"exact"`.
        num_samples: Int or `None`. Number of samples for the importance.
            Defaults to `1024`.
        batch_size: Int. Batch size for the importance. Defaults to `32`.
        from_logits: Boolean or `None`. See `fisher_importance`. Defaults to
            `None`.
        normalize: Boolean. Whether to divide the importance of each phase by
            its mean, so that a strength transfers to other models. The
            strength must then be much smaller. Defaults to `False`.
        clip_percentile: Float from 0 to 100, or `None`. The importance is
            clipped at this percentile, so that plain SGD can take larger
            steps. `99.9` is usual. Defaults to `None`.
        seed: Int. Seed of the draws. Defaults to `0`.

    Raises:
        ValueError: when `fit` begins without `data`, or with SGD if
            `learning_rate * strength * max(importance)` is 2 or more, so
            that training would diverge.
    """

    penalty_factor = 1.0

    def __init__(
        self,
        data: Data | None = None,
        strength: float = 1e3,
        mode: str = "online",
        decay: float = 1.0,
        variant: str = "exact",
        **options,
    ):
        check_variant(variant)
        self.mode = mode
        self.variant = variant
        super().__init__(data, strength, decay, **options)

    def compute_importance(self) -> Importance:
        return fisher_importance(
            self.model, self.data, variant=self.variant, **self.sampling
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "mode": self.mode,
            "variant": self.variant,
        }
