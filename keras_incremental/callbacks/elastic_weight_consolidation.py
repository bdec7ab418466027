from keras_incremental.callbacks.weight_protection import DataProtection
from keras_incremental.regularizers.fisher import check_variant
from keras_incremental.regularizers.fisher import fisher_importance
from keras_incremental.utils.export import export


@export
class ElasticWeightConsolidation(DataProtection):
    """Protects, after each `fit`, the weights that its data depends on.

    A phase is one `fit`. When it ends, the Fisher information of `data` is
    computed with the final weights, and `consolidate` makes the next `fit`
    pay `strength / 2 * sum(importance * (weight - reference)**2)`. Works with
    any Keras classifier, in plain `fit`. Put it last in the list, after
    callbacks that restore weights at the end, as `EarlyStopping` does.

    The data of a phase is forgotten with the phase: set `callback.data`
    before each `fit`.

    Reference:
    - [Kirkpatrick et al., 2017](https://arxiv.org/abs/1612.00796)
    - [Schwarz et al., 2018](https://arxiv.org/abs/1805.06370), the online
      form

    Args:
        data: Data of the phase, as `fisher_importance` takes it, without
            augmentation. Defaults to `None`: set the attribute `data`.
        strength: Float, 0 or more. A larger value keeps old classes better
            and learns new ones less. Its scale is that of the problem; try
            powers of ten from `1e1` to `1e5`. Defaults to `1e3`.
        mode: `"online"`, around the latest weights, or `"separate"`, equal
            to one penalty for each phase. Defaults to `"online"`.
        decay: Float from 0 to 1, only for `"online"`: what earlier phases
            keep of their importance. Defaults to `1.0`.
        variant: `"exact"`, `"sampled"` or `"empirical"`, see
            `fisher_importance`. Defaults to `"exact"`.
        num_samples: Int or `None`, how many examples the importance is
            computed on. Defaults to `1024`.
        batch_size: Int, of that computation. Defaults to `32`.
        from_logits: Bool or `None`, see `fisher_importance`.
        normalize: Bool. Whether the importance of each phase is divided by
            its mean, so that a strength transfers to other models; it then
            wants to be much smaller. Defaults to `False`.
        clip_percentile: Float from 0 to 100 or `None`. Larger values of the
            importance are cut there, which lets plain SGD take larger steps;
            `99.9` is usual. Defaults to `None`.
        seed: Int, of the draws. Defaults to `0`.

    Raises:
        ValueError: when a `fit` begins without `data`, or would diverge:
            with SGD once `learning_rate * strength * max(importance)` is 2
            or more.
    """

    penalty_factor = 1.0

    def __init__(
        self,
        data=None,
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

    def measured(self):
        return fisher_importance(
            self.model, self.data, variant=self.variant, **self.reading
        )

    def get_config(self):
        return {
            **super().get_config(),
            "mode": self.mode,
            "variant": self.variant,
        }
