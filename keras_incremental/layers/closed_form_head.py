from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_incremental.layers.column_initializers import ColumnInitializer
from keras_incremental.layers.exact_operations import ExactOperations
from keras_incremental.layers.expandable_head import DEFAULT_INITIALIZER
from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.layers.feature_checks import check_positive
from keras_incremental.layers.feature_checks import checked_features
from keras_incremental.layers.feature_checks import checked_labels
from keras_incremental.statistics import ClassMeans
from keras_incremental.statistics.feature_statistics import FeatureStatistics
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import InitializerLike
from keras_incremental.utils.types import Store
from keras_incremental.utils.types import Tensor

LARGEST = {"float16": 65504.0}
# The score of a class that was never seen; finite, so that a softmax is too.
UNSEEN = -1e9


class ClosedFormHead(ExactOperations, ExpandableHead):
    """Base class of the heads that are solved, not trained.

    `adapt` adds features to statistics and solves for the weights. The result
    does not depend on the order and the chunks of the data. Classes that
    arrive one after the other are learned as if all had arrived at once, and
    no sample is kept. This holds while the features do not change. After
    training the backbone, call `reset` and adapt to the new features.

    The head is never trainable, even if the model around it is. A class that
    the head was never adapted to has a score of -1e9. Statistics are kept in
    float64 and saved with the weights.

    A subclass names its statistics (`statistics_class`) and solves for its
    columns (`solve`). Most heads are linear: `columns("kernel")` and
    `columns("bias")` are those of a `Dense` layer that reads
    `represent(features)`.

    Args:
        units: Int, or a list of ints, one for each group in order of
            arrival: the number of classes, 1 or more.
        scale: Float above 0. Multiplies the scores; larger values make a
            softmax over them surer, and never change which class wins.
        **kwargs: Arguments of `ExpandableHead`.
    """

    statistics_class: type[ClassMeans] = FeatureStatistics
    # Options that the statistics depend on.
    statistics_options: tuple[str, ...] = ()

    def __init__(
        self, units: int | Sequence[int], scale: float = 1.0, **kwargs
    ):
        super().__init__(units, **kwargs)
        check_positive(self, "scale", scale)
        self.scale = float(scale)
        self.trainable = False
        self._statistics = self.statistics_class()

    # What a subclass gives.

    def represent(self, features: Tensor, numpy: Any) -> Tensor:
        """Returns the representation that the columns read.

        Args:
            features: Array or tensor of shape `(..., input_dim)`.
            numpy: Module to compute with: `numpy` or `keras.ops`.
        """
        return features

    def solve(self, statistics: Any) -> dict[str, np.ndarray]:
        """Returns the columns, by name, for statistics of seen classes.

        Args:
            statistics: `statistics_class`, with samples of each class.
        """
        raise NotImplementedError

    def constants(self) -> dict[str, keras.Variable]:
        """Returns the variables, by name, that are saved with the columns."""
        return {}

    # What a linear head has, and a subclass may have otherwise.

    def column_shapes(
        self, input_dim: int, units: int
    ) -> dict[str, tuple[int, ...]]:
        return {"kernel": (input_dim, units), "bias": (units,)}

    def column_initializer(self, name: str) -> Callable:
        return lambda shape, dtype=None: ops.full(shape, start(name), dtype)

    def call_block(self, inputs: Tensor, columns: dict[str, Tensor]) -> Tensor:
        return ops.matmul(inputs, columns["kernel"]) + columns["bias"]

    is_closed_form = True

    def start_from(self, columns: dict[str, np.ndarray]) -> None:
        """Does nothing: `adapt` solves for the columns."""

    def imprinting(self, features: Tensor, labels: Tensor) -> ColumnInitializer:
        """Raises a `ValueError`: `adapt` solves for the columns."""
        raise ValueError(
            f"{type(self).__name__} '{self.name}' solves for its columns. "
            "Received: initializer='imprinting'. `adapt` the head to the "
            "features instead."
        )

    def plain(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Builds the same scores, in float32, from what Keras has alone.

        Args:
            inputs: `keras.KerasTensor` of the features.

        Returns:
            `keras.KerasTensor` of the scores.

        Raises:
            ValueError: if the head is not linear.

        Example:

        >>> import keras
        >>> import numpy as np
        >>> import keras_incremental as ki
        >>> head = ki.layers.NearestClassMean(2)
        >>> head.adapt(np.eye(2), [0, 1])
        >>> inputs = keras.Input((2,))
        >>> model = keras.Model(inputs, head.plain(inputs))
        >>> [type(layer).__name__ for layer in model.layers[1:]]
        ['UnitNormalization', 'Dense']
        """
        if list(self.column_shapes(1, 1)) != ["kernel", "bias"]:
            raise ValueError(
                f"{type(self).__name__} '{self.name}' is not linear, so no "
                "`Dense` layer computes its scores. Keep the head itself."
            )
        columns = [self.columns("kernel"), self.columns("bias")]
        dense = keras.layers.Dense(self.units, dtype="float32", name=self.name)
        outputs = dense(self.plain_representation(inputs))
        dense.set_weights(columns)
        return outputs

    def plain_representation(
        self, inputs: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Builds the representation from what Keras has alone."""
        return inputs

    # What a user reads and does.

    @property
    def statistics(self) -> ClassMeans:
        """Statistics of all features so far, immutable."""
        return self._statistics

    @property
    def trainable(self) -> bool:
        return False

    @trainable.setter
    def trainable(self, value):
        # A parent that is made trainable must not make this head so.
        ExpandableHead.trainable.fset(self, False)

    def adapt(self, features: Tensor, labels: Tensor) -> None:
        """Adds features to the statistics, and solves for the weights.

        Args:
            features: Array of shape `(num_samples, ..., input_dim)`: the
                outputs of the layer below the head, in inference mode.
            labels: Ints from 0 to `units - 1`, of shape
                `(num_samples, ...)`.

        Raises:
            ValueError: if they do not fit each other or the head.
        """
        self._solve_for(self.statistics + self._counted(features, labels))

    def update_state(self, features: Tensor, labels: Tensor) -> None:
        """Adds features to the statistics, and keeps the weights.

        Solving takes time that grows with the cube of the width. For data in
        many small parts, add all of them, then call `finalize_state()`.

        Args:
            features: See `adapt`.
            labels: See `adapt`.
        """
        self._statistics = self.statistics + self._counted(features, labels)

    def finalize_state(self) -> None:
        """Solves for the weights of the current statistics."""
        self._check_built()
        self._solve_for(self.statistics)

    def forget_state(self, features: Tensor, labels: Tensor) -> None:
        """Takes features out of the statistics, and solves for the weights.

        Args:
            features: See `adapt`; they were added before.
            labels: See `adapt`.

        Raises:
            ValueError: if a class has fewer, or if the statistics are of so
                many features that none can be taken out.
        """
        self._solve_for(self.statistics - self._counted(features, labels))

    def forget_classes(self, classes: Sequence[int]) -> None:
        """Deletes the statistics of some classes, and solves without them.

        Args:
            classes: List of ints. Their columns stay, as of classes without
                features.
        """
        self._solve_for(self.statistics.without(classes))

    def reset(self) -> None:
        """Deletes the statistics. Call it after training the backbone."""
        self._statistics = self.statistics_class()
        if self.built:
            self._assign(self._solved(self.statistics))

    def adapt_readout(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        exemplars: tuple[np.ndarray, np.ndarray],
        new: tuple[np.ndarray, np.ndarray],
    ) -> None:
        samples, labels = exemplars
        self.reset()
        self.adapt(read(samples), labels)

    instead_of_parents = "`relabel` features of the old class after growing"

    def expand(
        self,
        units: int,
        initializer: InitializerLike = DEFAULT_INITIALIZER,
        seed: int | None = None,
        parents: Sequence[int | None] | None = None,
    ) -> None:
        """Appends classes without features; old scores stay the same.

        Args:
            units: Int, 1 or more: how many classes arrive.
            initializer: Must be the default: `adapt` solves for the columns.
            seed: Not used.
            parents: Must be `None`: `relabel` splits a class exactly.
        """
        if initializer != DEFAULT_INITIALIZER:
            raise ValueError(
                f"{type(self).__name__} '{self.name}' solves for its columns. "
                f"Received: initializer={initializer!r}. Leave it out, and "
                "`adapt` to features of the new classes."
            )
        start = Unseen() if self.built else initializer
        super().expand(units, start, parents=parents)

    # How Keras uses it.

    def call(self, inputs: Tensor) -> Tensor:
        inputs = ops.cast(inputs, self.variable_dtype)
        scores = super().call(self.represent(inputs, ops))
        limit = LARGEST.get(self.compute_dtype)
        if limit is not None:
            scores = ops.clip(scores, -limit, limit)
        return ops.cast(scores, self.compute_dtype)

    def get_config(self) -> Config:
        return {**super().get_config(), "scale": self.scale}

    def save_own_variables(self, store: Store) -> None:
        super().save_own_variables(store)
        for name, variable in self.constants().items():
            store[name] = ops.convert_to_numpy(variable)
        self.statistics.save_to(store)

    def load_own_variables(self, store: Store) -> None:
        names, constants = set(store.keys()), self.constants()
        statistics = self.statistics_class.load_from(store)
        columns = {name for name in names if name.isdigit()}
        others = names.difference(statistics.ARRAYS, columns)
        self._check_loaded(others, statistics)
        super().load_own_variables({name: store[name] for name in columns})
        for name, variable in constants.items():
            variable.assign(np.asarray(store[name]))
        self._statistics = statistics

    def snapshot(self) -> Config:
        return {**super().snapshot(), "statistics": self.statistics}

    def restore(self, snapshot: Config) -> None:
        super().restore(snapshot)
        self._statistics = snapshot["statistics"]

    def _add_columns(self, name, first_group, shape, initializer):
        # Scores may be large beside their differences: low precision would
        # lose what tells the classes apart.
        return self.add_weight(
            name=f"{name}_{first_group}",
            shape=shape,
            initializer=initializer,
            trainable=False,
            autocast=False,
        )

    # How features become columns.

    def _counted(self, features, labels):
        features = checked_features(self, features)
        labels = checked_labels(self, labels, features)
        if not self.built:
            self.build((None, features.shape[-1]))
        self._check_statistics()
        rows = features.reshape(-1, features.shape[-1])
        return self.statistics_class.of(self.represent(rows, np), labels)

    def _solve_for(self, statistics):
        columns = self._solved(statistics)
        self._statistics = statistics
        self._assign(columns)

    def _solved(self, statistics):
        shapes = self.column_shapes(self.input_dim, self.units)
        columns = {n: np.full(s, start(n)) for n, s in shapes.items()}
        seen = np.flatnonzero(statistics.counts)
        if len(seen):
            for name, value in self.solve(statistics.only(seen)).items():
                columns[name][..., seen] = value
        return columns

    def _assign(self, columns):
        for name, value in columns.items():
            self.assign_columns(name, value.astype(self.variable_dtype))

    def _check_statistics(self):
        seen = np.flatnonzero(self.columns("bias") > UNSEEN / 2)
        counts = self.statistics.counts
        unknown = [k for k in seen if k >= len(counts) or not counts[k]]
        if unknown:
            raise ValueError(
                f"{type(self).__name__} '{self.name}' has weights of the "
                f"classes {unknown} without their statistics, as `set_weights` "
                "leaves it. `load_weights` or `load_model` a file of the head, "
                "which has both, or `reset()` it and adapt to all classes."
            )

    def _check_loaded(self, constants, statistics):
        ndim = self.statistics_class.SCATTER.ndim
        if constants != set(self.constants()) or (
            len(statistics) and statistics.scatter.ndim != ndim
        ):
            raise ValueError(
                f"The file holds another kind of head than "
                f"{type(self).__name__} '{self.name}'. Received: constants "
                f"{sorted(constants)} and statistics of {len(statistics)} "
                "samples. Make the head with the arguments that it was saved "
                "with."
            )


class Unseen(ColumnInitializer):
    """Initializer of columns of classes without features yet."""

    def __call__(
        self, columns: dict[str, np.ndarray], units: int, seed: int | None
    ) -> dict[str, np.ndarray]:
        return {
            name: np.full((*v.shape[:-1], units), start(name), v.dtype)
            for name, v in columns.items()
        }


def start(name: str) -> float:
    """Returns the value of the columns of a class without features."""
    return UNSEEN if name == "bias" else 0.0
