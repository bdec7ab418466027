import math

import keras
import numpy as np
from keras import ops

from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.utils.export import export
from keras_incremental.utils.vectors import unit


@export
class ExpandableCosine(ExpandableHead):
    """A growing output layer of cosines, on which no class weighs more.

    The logit of a class is the cosine of the angle between the features and
    the column of the class, times a scale that all classes share. So the
    length of a column says nothing, and new classes do not win by it. There
    is no bias. With several proxies the class scores

        sum(softmax(s) * s)

    over the cosines `s` of the features with each of its proxies.

    Softmax of cosines cannot be confident without a large scale: with a
    scale of 1 and 100 classes no probability exceeds 0.07. Start it at 10 or
    more, unless the optimizer may move it far.

    Start new columns by `ProxyImprinting`; `Imprinting` centres features,
    which a head without a bias cannot undo, unless `center` is zeros.

    Reference:
    - [Hou et al., 2019](https://openaccess.thecvf.com/content_CVPR_2019/html/Hou_Learning_a_Unified_Classifier_Incrementally_via_Rebalancing_CVPR_2019_paper.html)
    - [Douillard et al., 2020](https://arxiv.org/abs/2004.13513), the proxies

    The scale is the softplus of its weight, so that it stays above 0.

    Args:
        units: Int, or a list of ints, one for each group in order of
            arrival: the number of classes, 1 or more.
        proxies: Int, 1 or more. How many columns a class has; more let a
            class be several clusters. Defaults to `1`.
        scale: Float above 0, where the scale starts. A larger value makes
            surer predictions. Defaults to `1.0`.
        learn_scale: Bool. Whether the scale is trained. Defaults to `True`.
        kernel_initializer: Initializer of the first columns. Defaults to
            `"glorot_uniform"`.
        kernel_regularizer: Regularizer of all columns. Their lengths only
            grow under plain SGD, which slows learning; weight decay helps.
            Defaults to `None`.
        **kwargs: Arguments of `ExpandableHead`.

    Input shape:
        `(batch_size, ..., input_dim)`.

    Output shape:
        `(batch_size, ..., units)`.

    Example:

    >>> import numpy as np
    >>> head = ExpandableCosine(3, scale=10.0)
    >>> features = np.ones((1, 4), "float32")
    >>> logits = head(features)
    >>> bool(keras.ops.all(keras.ops.abs(logits) <= 10.0))
    True
    >>> same = keras.ops.isclose(head(7 * features), logits, atol=1e-4)
    >>> bool(keras.ops.all(same))
    True
    """

    def __init__(
        self,
        units,
        proxies: int = 1,
        scale: float = 1.0,
        learn_scale: bool = True,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        **kwargs,
    ):
        self.proxies = _checked_proxies(proxies)
        super().__init__(units, **kwargs)
        self.initial_scale = _checked_scale(scale)
        self.learn_scale = learn_scale
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    @property
    def scale(self):
        """Tensor, a scalar: what the cosines are multiplied by."""
        self._check_built()
        return ops.softplus(ops.convert_to_tensor(self.raw_scale))

    def scores(self, inputs):
        """Cosines before the scale, shape `(batch_size, ..., units)`."""
        return super().call(inputs)

    def column_shapes(self, input_dim, units):
        if self.proxies == 1:
            return {"kernel": (input_dim, units)}
        return {"kernel": (input_dim, self.proxies, units)}

    def column_initializer(self, name):
        return self.kernel_initializer

    def column_regularizer(self, name):
        return self.kernel_regularizer

    def build(self, input_shape):
        super().build(input_shape)
        self.raw_scale = self.add_weight(
            name="raw_scale",
            shape=(),
            initializer=keras.initializers.Constant(
                _inverse_softplus(self.initial_scale)
            ),
            trainable=self.learn_scale,
        )

    def call(self, inputs):
        scores = self.scores(inputs)
        return scores * ops.cast(self.scale, scores.dtype)

    def call_block(self, inputs, columns):
        # The squares of half precision reach neither small nor large lengths.
        features = unit(ops.cast(inputs, "float32"))
        kernel = unit(ops.cast(columns["kernel"], "float32"), axis=0)
        scores = ops.tensordot(features, kernel, axes=1)
        if self.proxies > 1:
            weights = ops.softmax(scores, axis=-2)
            scores = ops.sum(weights * scores, axis=-2)
        return ops.cast(scores, self.compute_dtype)

    def snapshot(self):
        scale = float(ops.convert_to_numpy(self.raw_scale))
        return {**super().snapshot(), "raw_scale": scale}

    def restore(self, snapshot):
        super().restore(snapshot)
        self.raw_scale.assign(snapshot["raw_scale"])

    def save_own_variables(self, store):
        super().save_own_variables(store)
        if self.built:
            store[str(len(self._columns))] = np.asarray(
                ops.convert_to_numpy(self.raw_scale)
            )

    def load_own_variables(self, store):
        last = str(len(self._columns))
        if not self.built or last not in store.keys():
            return super().load_own_variables(store)
        columns = {name: store[name] for name in store.keys() if name != last}
        super().load_own_variables(columns)
        self.raw_scale.assign(np.asarray(store[last]))

    def get_config(self):
        return {
            **super().get_config(),
            "proxies": self.proxies,
            "scale": self.initial_scale,
            "learn_scale": self.learn_scale,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
            "kernel_regularizer": keras.regularizers.serialize(
                self.kernel_regularizer
            ),
        }


def _inverse_softplus(value):
    return value + math.log(-math.expm1(-value))


def _checked_proxies(proxies):
    if isinstance(proxies, bool) or not isinstance(proxies, (int, np.integer)):
        raise TypeError(
            "`proxies` of ExpandableCosine must be an int. Received: "
            f"proxies={proxies!r}."
        )
    if proxies < 1:
        raise ValueError(
            "`proxies` of ExpandableCosine must be 1 or more. Received: "
            f"proxies={proxies}."
        )
    return int(proxies)


def _checked_scale(scale):
    if not 0 < scale < float("inf"):
        raise ValueError(
            "`scale` of ExpandableCosine must be a finite number above 0. "
            f"Received: scale={scale}."
        )
    return float(scale)
