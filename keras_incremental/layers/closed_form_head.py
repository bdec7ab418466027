import numpy as np
from keras import ops

from keras_incremental.layers.closed_form_columns import UNSEEN
from keras_incremental.layers.closed_form_columns import Unseen
from keras_incremental.layers.closed_form_columns import check_positive
from keras_incremental.layers.closed_form_columns import start
from keras_incremental.layers.closed_form_data import checked_features
from keras_incremental.layers.closed_form_data import checked_labels
from keras_incremental.layers.exact_operations import ExactOperations
from keras_incremental.layers.expandable_head import DEFAULT_INITIALIZER
from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.layers.plain_form import PlainForm
from keras_incremental.utils.feature_statistics import FeatureStatistics

STATISTICS = ("counts", "means", "scatter")
LARGEST = {"float16": 65504.0}


class ClosedFormHead(ExactOperations, PlainForm, ExpandableHead):
    """Base of the heads that are solved, not trained.

    `adapt` counts features into statistics and solves for the weights. The
    result is the same whatever the order and the chunks, so classes that
    arrive one after the other are learnt as if all had come at once, without
    any picture kept. That holds while the features do not change: where the
    backbone trains, `reset` and adapt to features that are computed anew.

    The head never trains, whatever a model around it says. A class that was
    never adapted to has a score of -1e9. Statistics are kept in float64,
    beside the weights, and are saved with them.

    A subclass names its statistics (`statistics_class`) and solves for its
    columns (`solve`). Most are linear: `columns("kernel")` and
    `columns("bias")` are those of a `Dense` layer that reads what
    `represent` makes of the features.

    Args:
        units: Int, or a list of ints, one for each group in order of
            arrival: the number of classes, 1 or more.
        scale: Float above 0. Multiplies the scores; larger values make a
            softmax over them surer, and never change which class wins.
        **kwargs: Arguments of `ExpandableHead`.
    """

    statistics_class = FeatureStatistics
    # Options that the statistics depend on.
    statistics_options = ()

    def __init__(self, units, scale=1.0, **kwargs):
        super().__init__(units, **kwargs)
        check_positive(self, "scale", scale)
        self.scale = float(scale)
        self.trainable = False
        self._statistics = self.statistics_class()

    # What a subclass gives.

    def represent(self, features, numpy):
        """What the head reads of the features; `numpy` or `keras.ops`."""
        return features

    def solve(self, statistics):
        """Arrays of the columns of classes that have all been seen."""
        raise NotImplementedError

    def constants(self):
        """Variables, by name, that are saved beside the columns."""
        return {}

    # What a linear head has, and a subclass may have otherwise.

    def column_shapes(self, input_dim, units):
        return {"kernel": (input_dim, units), "bias": (units,)}

    def column_initializer(self, name):
        return lambda shape, dtype=None: ops.full(shape, start(name), dtype)

    def call_block(self, inputs, columns):
        return ops.matmul(inputs, columns["kernel"]) + columns["bias"]

    # What a user reads and does.

    @property
    def statistics(self):
        """The immutable statistics of all features that were adapted to."""
        return self._statistics

    @property
    def trainable(self):
        return False

    @trainable.setter
    def trainable(self, value):
        # A parent that is made trainable must not make this head so.
        ExpandableHead.trainable.fset(self, False)

    def adapt(self, features, labels):
        """Learns from more features; the earlier ones count on.

        Args:
            features: Array of shape `(num_samples, ..., input_dim)`: what
                the layer below the head gives, in inference mode.
            labels: Ints from 0 to `units - 1`, of shape
                `(num_samples, ...)`.

        Raises:
            ValueError: if they do not fit each other or the head.
        """
        self._solve_for(self.statistics + self._counted(features, labels))

    def update_state(self, features, labels):
        """Counts features as `adapt` does, and leaves the weights alone.

        Solving takes time that grows with the cube of the width. Where data
        come in many small parts, count them all, then `finalize_state()`.
        """
        self._statistics = self.statistics + self._counted(features, labels)

    def finalize_state(self):
        """Solves for the weights that belong to the statistics."""
        self._check_built()
        self._solve_for(self.statistics)

    def reset(self):
        """Forgets all features; needed where the layers below trained."""
        self._statistics = self.statistics_class()
        if self.built:
            self._assign(self._solved(self.statistics))

    instead_of_parents = "`relabel` features of the old class after growing"

    def expand(
        self, units, initializer=DEFAULT_INITIALIZER, seed=None, parents=None
    ):
        """Appends classes, unseen until `adapt`; old scores stay.

        Args:
            units: Int, 1 or more: how many classes arrive.
            initializer: Left at its default: `adapt` finds the columns.
            seed: Not used.
            parents: Not taken; `relabel` splits a class exactly.
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

    def call(self, inputs):
        inputs = ops.cast(inputs, self.variable_dtype)
        scores = super().call(self.represent(inputs, ops))
        limit = LARGEST.get(self.compute_dtype)
        if limit is not None:
            scores = ops.clip(scores, -limit, limit)
        return ops.cast(scores, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}

    def save_own_variables(self, store):
        super().save_own_variables(store)
        for name, variable in self.constants().items():
            store[name] = ops.convert_to_numpy(variable)
        if len(self.statistics):
            for name in STATISTICS:
                store[name] = getattr(self.statistics, name)

    def load_own_variables(self, store):
        names, constants = set(store.keys()), self.constants()
        found = [np.asarray(store[n]) for n in STATISTICS if n in names]
        columns = {name for name in names if name.isdigit()}
        self._check_loaded(names.difference(STATISTICS, columns), found)
        super().load_own_variables({name: store[name] for name in columns})
        for name, variable in constants.items():
            variable.assign(np.asarray(store[name]))
        self._statistics = self.statistics_class(*found)

    def snapshot(self):
        return {**super().snapshot(), "statistics": self.statistics}

    def restore(self, snapshot):
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
        ndim = self.statistics_class.scatter_ndim
        if constants != set(self.constants()) or (
            statistics and statistics[-1].ndim != ndim
        ):
            raise ValueError(
                f"The file holds another kind of head than "
                f"{type(self).__name__} '{self.name}'. Received: constants "
                f"{sorted(constants)} and {len(statistics)} statistics. Make "
                "the head with the arguments that it was saved with."
            )
