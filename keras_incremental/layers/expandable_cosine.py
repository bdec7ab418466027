import math
from collections.abc import Callable
from collections.abc import Sequence

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_incremental.layers.column_initializers import ColumnInitializer
from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.layers.proxy_imprinting import ProxyImprinting
from keras_incremental.statistics import ClassMeans
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import InitializerLike
from keras_incremental.utils.types import RegularizerLike
from keras_incremental.utils.types import Shape
from keras_incremental.utils.types import Store
from keras_incremental.utils.types import Tensor
from keras_incremental.utils.vectors import unit

# How far the proxies of an old class lie from its column, for its length.
PROXY_SPREAD = 0.1


@export
class ExpandableCosine(ExpandableHead):
    """An output layer of scaled cosines that grows by groups of classes.

    The logit of a class is the cosine between the features and the column of
    the class, times a scale that all classes share. The length of a column
    has no effect, so new classes cannot win by longer columns. There is no
    bias. With several proxies, the score of a class is

        sum(softmax(s) * s)

    over the cosines `s` of the features with each of its proxies.

    The softmax of cosines is not confident without a large scale: with a
    scale of 1 and 100 classes, no probability exceeds 0.07. Start at a scale
    of 10 or more, unless the optimizer can move it far.

    Positive features, such as the outputs of a ReLU, have small angles to
    each other, and their cosines differ little. If the network below is
    frozen, `assign_center` subtracts their mean first.

    Initialize new columns with `imprinting(features, labels)`. The
    initializer `Imprinting` centers the features by itself. A head without a
    bias cannot undo that, unless `center` is zeros.

    Reference:
    - [Hou et al., 2019](https://openaccess.thecvf.com/content_CVPR_2019/html/Hou_Learning_a_Unified_Classifier_Incrementally_via_Rebalancing_CVPR_2019_paper.html)
    - [Douillard et al., 2020](https://arxiv.org/abs/2004.13513), the proxies

    The scale is the softplus of its weight, so it stays above 0. The center
    is not part of either paper: LUCIR omits the last ReLU.

    Args:
        units: Int, or a list of ints, one for each group in order of
            arrival: the number of classes, 1 or more.
        proxies: Int, 1 or more. The number of columns of each class. With
            more of them, a class can have several clusters. Defaults to `1`.
        scale: Float above 0, the initial scale. A larger value makes
            predictions more confident. Defaults to `1.0`.
        learn_scale: Bool. Whether the scale is trained. Defaults to `True`.
        kernel_initializer: Initializer of the first columns. Defaults to
            `"glorot_uniform"`.
        kernel_regularizer: Regularizer of all columns. Under plain SGD their
            lengths only grow, which slows learning; weight decay helps.
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
        units: int | Sequence[int],
        proxies: int = 1,
        scale: float = 1.0,
        learn_scale: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        kernel_regularizer: RegularizerLike = None,
        **kwargs,
    ):
        self.proxies = _checked_proxies(proxies)
        super().__init__(units, **kwargs)
        self.initial_scale = _checked_scale(scale)
        self.learn_scale = learn_scale
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    @property
    def scale(self) -> Tensor:
        """Scalar tensor, the factor of the cosines."""
        self._check_built()
        return ops.softplus(ops.convert_to_tensor(self.raw_scale))

    def assign_center(self, value: Tensor) -> None:
        """Sets the vector that is subtracted from the features.

        It is stored with the layer and not trained. The columns stay the
        same, so they point at other features than before.

        Args:
            value: Array of shape `(input_dim,)`. It is zeros in a new head.
        """
        self._check_built()
        value = np.asarray(value)
        if value.shape != (self.input_dim,) or not np.isfinite(value).all():
            raise ValueError(
                f"The center of {type(self).__name__} '{self.name}' must hold "
                f"{self.input_dim} finite numbers, one for each feature. "
                f"Received: value={value!r}. Give it the mean of the features."
            )
        self.center.assign(value)

    def centered(self, features: Tensor) -> np.ndarray:
        """Returns the features minus the center, as an array."""
        self._check_built()
        return np.asarray(features) - ops.convert_to_numpy(self.center)

    def recenter(self, statistics: ClassMeans) -> None:
        """Moves the center to the mean of all features.

        The columns of seen classes are moved along: each still points at the
        same place, at the distance of the mean of its class.

        Args:
            statistics: `FeatureStatistics` of the features.
        """
        seen = np.flatnonzero(statistics.counts)
        means = self.centered(statistics.means[seen])
        reach = np.linalg.norm(means, axis=-1)
        step = self.centered(statistics.mean)
        kernel = self.columns("kernel")
        kernel[..., seen] = seen_from(kernel[..., seen], reach, step)
        self.assign_columns("kernel", kernel)
        self.assign_center(statistics.mean)

    needs_imprinting = True

    def imprinting(self, features: Tensor, labels: Tensor) -> ColumnInitializer:
        """Returns the `ProxyImprinting` of the centered features."""
        return ProxyImprinting(self.centered(features), labels)

    def start_from(self, columns: dict[str, np.ndarray]) -> None:
        """Copies the directions of columns, and spreads proxies around."""
        kernel, drawn = columns.get("kernel"), self.columns("kernel")
        if kernel is None or kernel.shape != (self.input_dim, self.units):
            return
        if self.proxies > 1:
            lengths = np.linalg.norm(kernel, axis=0)
            lengths = lengths / np.linalg.norm(drawn, axis=0)
            kernel = kernel[:, None] + PROXY_SPREAD * lengths * drawn
        self.assign_columns("kernel", kernel)

    def plain(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Builds the same logits, in float32, from layers of Keras alone.

        Args:
            inputs: `keras.KerasTensor` of the features, of two dimensions.

        Returns:
            `keras.KerasTensor` of the logits.
        """
        center = ops.convert_to_numpy(self.center)
        features = layers.Normalization(
            mean=center,
            variance=np.ones_like(center),
            dtype="float32",
            name=f"{self.name}_center",
        )(inputs)
        directions = layers.UnitNormalization(
            dtype="float32", name=f"{self.name}_directions"
        )(features)
        cosines = self._plain_cosines(directions)
        if self.proxies > 1:
            cosines = _pooled(cosines, (self.proxies, self.units))
        scale = float(ops.convert_to_numpy(self.scale))
        return layers.Rescaling(scale, dtype="float32", name=self.name)(cosines)

    def _plain_cosines(self, directions):
        """Builds the cosines with all columns, the first proxies first."""
        kernel = self.columns("kernel")
        lengths = np.maximum(np.linalg.norm(kernel, axis=0), 1e-12)
        kernel = (kernel / lengths).reshape(len(kernel), -1)
        dense = layers.Dense(
            kernel.shape[-1],
            use_bias=False,
            dtype="float32",
            name=f"{self.name}_cosines",
        )
        outputs = dense(directions)
        dense.set_weights([kernel])
        return outputs

    def scores(self, inputs: Tensor) -> Tensor:
        """Returns the cosines, of shape `(batch_size, ..., units)`."""
        return super().call(inputs)

    def column_shapes(
        self, input_dim: int, units: int
    ) -> dict[str, tuple[int, ...]]:
        if self.proxies == 1:
            return {"kernel": (input_dim, units)}
        return {"kernel": (input_dim, self.proxies, units)}

    def column_initializer(self, name: str) -> Callable:
        return self.kernel_initializer

    def column_regularizer(self, name: str) -> RegularizerLike:
        return self.kernel_regularizer

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.raw_scale = self.add_weight(
            name="raw_scale",
            shape=(),
            initializer=keras.initializers.Constant(
                _inverse_softplus(self.initial_scale)
            ),
            trainable=self.learn_scale,
        )
        self.center = self.add_weight(
            name="center",
            shape=(self.input_dim,),
            initializer="zeros",
            trainable=False,
        )

    def call(self, inputs: Tensor) -> Tensor:
        scores = self.scores(inputs)
        return scores * ops.cast(self.scale, scores.dtype)

    def call_block(self, inputs: Tensor, columns: dict[str, Tensor]) -> Tensor:
        # The squares of half precision reach neither small nor large lengths.
        features = ops.cast(inputs, "float32")
        features = unit(features - ops.cast(self.center, "float32"))
        kernel = unit(ops.cast(columns["kernel"], "float32"), axis=0)
        scores = ops.tensordot(features, kernel, axes=1)
        if self.proxies > 1:
            weights = ops.softmax(scores, axis=-2)
            scores = ops.sum(weights * scores, axis=-2)
        return ops.cast(scores, self.compute_dtype)

    def snapshot(self) -> Config:
        kept = [ops.convert_to_numpy(v) for v in self._shared()]
        return {**super().snapshot(), "shared": kept}

    def restore(self, snapshot: Config) -> None:
        super().restore(snapshot)
        self._assign_shared(snapshot["shared"])

    def save_own_variables(self, store: Store) -> None:
        super().save_own_variables(store)
        for name, variable in self._stored().items():
            store[name] = ops.convert_to_numpy(variable)

    def load_own_variables(self, store: Store) -> None:
        shared = self._stored()
        if not set(shared) <= set(store.keys()):
            return super().load_own_variables(store)
        columns = {n: store[n] for n in store.keys() if n not in shared}
        super().load_own_variables(columns)
        self._assign_shared([np.asarray(store[name]) for name in shared])

    def get_config(self) -> Config:
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

    def _shared(self):
        """Returns the variables of all classes, in the order of saving."""
        return [self.raw_scale, self.center] if self.built else []

    def _assign_shared(self, values):
        for variable, value in zip(self._shared(), values, strict=True):
            variable.assign(value)

    def _stored(self):
        """Returns the variables of all classes, by their names in files."""
        first = len(self._columns)
        return {str(i): v for i, v in enumerate(self._shared(), first)}


def seen_from(
    kernel: np.ndarray, reach: np.ndarray, step: np.ndarray
) -> np.ndarray:
    """Returns the directions of the same places from a moved center.

    Args:
        kernel: Array of shape `(features, ..., classes)`.
        reach: Array of shape `(classes,)`: how far from the old center the
            place of a class lies.
        step: Array of shape `(features,)`, from the old to the new center.
    """
    lengths = np.linalg.norm(kernel, axis=0)
    places = kernel / np.maximum(lengths, 1e-12) * reach
    places = places - step.reshape(-1, *[1] * (kernel.ndim - 1))
    new = np.linalg.norm(places, axis=0)
    return places * (lengths / np.maximum(new, 1e-12))


def _pooled(cosines, shape):
    """Builds the sum over proxies, weighted by their softmax."""
    parts = layers.Reshape(shape, dtype="float32")(cosines)
    weights = layers.Softmax(axis=1, dtype="float32")(parts)
    weighted = layers.Multiply(dtype="float32")([weights, parts])
    mean = layers.GlobalAveragePooling1D(dtype="float32")(weighted)
    return layers.Rescaling(float(shape[0]), dtype="float32")(mean)


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
