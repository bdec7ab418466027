from keras_incremental.callbacks.weight_protection import DataProtection
from keras_incremental.regularizers.output_sensitivity import output_sensitivity
from keras_incremental.utils.export import export


@export
class MemoryAwareSynapses(DataProtection):
    """Protects, after each `fit`, the weights that its outputs depend on.

    A phase is one `fit`. When it ends, `output_sensitivity` of the final
    weights is added to the importance of earlier phases, and the next `fit`
    pays `strength * sum(importance * (weight - reference)**2)`, around the
    latest weights. Labels are not used, so `data` may be any inputs that the
    model will meet. Put it last in the list, after callbacks that restore
    weights at the end, as `EarlyStopping` does.

    The data of a phase is forgotten with the phase: set `callback.data`
    before each `fit`.

    Reference:
    - [Aljundi et al., 2018](https://arxiv.org/abs/1711.09601), in its global
      form, with absolute values for each example

    Args:
        data: Data of the phase, inputs or `(x, y)`, as `output_sensitivity`
            takes it. Defaults to `None`: set the attribute `data`.
        strength: Float, 0 or more. A larger value keeps old classes better
            and learns new ones less. It depends on the scale of the logits.
            Defaults to `1.0`.
        decay: Float from 0 to 1: what earlier phases keep of their
            importance. Defaults to `1.0`.
        num_samples: Int or `None`, how many examples the importance is
            computed on. Defaults to `1024`.
        batch_size: Int, of that computation. Defaults to `32`.
        from_logits: Bool or `None`, see `output_sensitivity`.
        normalize: Bool. Whether the importance of each phase is divided by
            its mean, so that a strength transfers to other models. Defaults
            to `False`.
        clip_percentile: Float from 0 to 100 or `None`. Larger values of the
            importance are cut there, which lets plain SGD take larger steps.
            Defaults to `None`.
        seed: Int, of the draw of examples. Defaults to `0`.

    Raises:
        ValueError: when a `fit` begins without `data`, or would diverge:
            with SGD once `learning_rate * 2 * strength * max(importance)`
            is 2 or more.
    """

    def measured(self):
        return output_sensitivity(self.model, self.data, **self.reading)
