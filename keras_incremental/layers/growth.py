from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_incremental.layers import group_layout
from keras_incremental.layers.expandable_head import ExpandableHead
from keras_incremental.utils import output_shapes
from keras_incremental.utils import state
from keras_incremental.utils.compilation import Compilation
from keras_incremental.utils.compilation import exclude
from keras_incremental.utils.compilation import excludes
from keras_incremental.utils.compilation import warn_of_lowered_rate
from keras_incremental.utils.model_outputs import layout_of_layer
from keras_incremental.utils.transactions import Transaction
from keras_incremental.utils.types import InitializerLike


def expand(
    model: keras.Model,
    units: int,
    initializer: InitializerLike = "match_old_scale",
    seed: int | None = None,
    parents: Sequence[int | None] | None = None,
) -> ExpandableHead:
    """Adds classes to the head of a Keras model, and compiles it again.

    The model must have one `ExpandableHead`, at any depth. It is compiled
    with the same arguments and a new optimizer. A Keras optimizer does not
    accept variables that are added after it was built, and a compiled
    `predict` would ignore the new columns.

    The new optimizer has the options and the learning rate of the old one.
    A warning says if the last `fit` has lowered that rate, as
    `ReduceLROnPlateau` does: set `model.optimizer.learning_rate`. A schedule
    starts again. New columns are excluded from weight decay if the old ones
    are. Metrics that are built for a number of classes, such as
    `MeanIoU(num_classes=2)`, are built for the new one; of a model with
    several outputs, those of the output that the head gives. The shapes that
    `model.output_shape` and `model.summary()` tell are those of all classes.

    Args:
        model: Built Keras model with one expandable head.
        units: Int, 1 or more: how many classes arrive.
        initializer: See `ExpandableHead.expand`. Defaults to
            `"match_old_scale"`.
        seed: Int or `None`, of the random initializers.
        parents: See `ExpandableDense.expand`. Defaults to `None`.

    Returns:
        The head.

    Raises:
        ValueError: if the model has no expandable head, or several; if it
            was compiled with a loss or a metric for as many classes as it
            has, which cannot grow; if a layer reads the head that was built
            for as many; or if its class has a `compile` of its own without
            `compile_from_config`. Nothing is changed.

    Example:

    >>> import keras
    >>> import keras_incremental as ki
    >>> head = ki.layers.ExpandableDense(2)
    >>> model = keras.Sequential([keras.Input((4,)), head])
    >>> model.compile("sgd", "mse")
    >>> ki.expand(model, 1).units
    3
    """
    head = find_head(model)
    group_layout.check_units(units, type(head).__name__)
    before = HeadState(model, head)
    before.compilation.check(units)
    warn_of_lowered_rate(model)
    calls = output_shapes.calls_of(model, head)
    with Transaction(before):
        head.expand(units, initializer, seed, parents)
        output_shapes.infer_again(model, head)
        output_shapes.check_calls(calls, head)
        before.compilation.apply()
    return head


class HeadCompilation:
    """How a model is compiled, for as many classes as its head has then.

    Args:
        model: `keras.Model`, before its head changes.
        head: Its `ExpandableHead`.

    Raises:
        ValueError: if the model could not be compiled again.
    """

    def __init__(self, model: keras.Model, head: ExpandableHead):
        self._model, self._head = model, head
        self._units = head.units
        self._compilation = Compilation(model)
        self._layout = layout_of_layer(model, head)
        self._excluded = [
            name
            for name, variables in head.column_variables.items()
            if variables and excludes(self._compilation.optimizer, variables)
        ]

    def check(self, units: int) -> None:
        """Raises if a loss or a metric could not follow.

        Args:
            units: Int, the number of new classes.
        """
        self._grown(self._units + units)

    def apply(self, build: bool = True) -> None:
        """Compiles the model for the classes that the head has now.

        Args:
            build: See `Compilation.apply`. Defaults to `True`.
        """
        self.apply_to(self._model, self._head, build)

    def apply_to(
        self, model: keras.Model, head: ExpandableHead, build: bool = True
    ) -> None:
        """Compiles a model as this one was compiled.

        Args:
            model: `keras.Model`.
            head: Its head.
            build: See `Compilation.apply`. Defaults to `True`.
        """
        compilation = self._grown(head.units)
        columns = head.column_variables
        for name in self._excluded:
            exclude(compilation.optimizer, columns[name])
        compilation.apply(model, build)

    def _grown(self, units):
        return self._compilation.grown(
            self._units, units, self._head.exclusive, self._layout
        )


class HeadState:
    """Head of a model, and how the model is compiled, to be restored.

    Args:
        model: `keras.Model`.
        head: Its `ExpandableHead`.

    Attributes:
        compilation: `HeadCompilation`.
    """

    def __init__(self, model: keras.Model, head: ExpandableHead):
        self.compilation = HeadCompilation(model, head)
        self._model, self._head = model, head
        self._groups = head.group_sizes, head.blocks
        self._columns = head.snapshot() if head.built else None
        self._optimizer = OptimizerState(model)

    def restore(self) -> None:
        """Restores groups, weights, compile state and optimizer."""
        if self._columns is None:
            self._head.group_sizes, self._head.blocks = self._groups
        else:
            self._head.restore(self._columns)
        output_shapes.infer_again(self._model, self._head)
        self.compilation.apply(build=False)
        self._optimizer.restore()


def find_head(
    model: keras.Model, head: ExpandableHead | str | None = None
) -> ExpandableHead:
    """Returns the expandable head of a model, at any depth.

    Args:
        model: `keras.Model`.
        head: The head, its name, or `None` for the only one. Defaults to
            `None`.

    Returns:
        An `ExpandableHead`.

    Raises:
        ValueError: if there is none, or more than one.
    """
    layers = state.flatten_layers(model)
    heads = [x for x in layers if isinstance(x, ExpandableHead)]
    if head is not None:
        heads = [x for x in heads if x is head or x.name == head]
    if len(heads) != 1:
        raise ValueError(
            "The model must have one ExpandableHead. Received: "
            f"head={head!r}, and model '{model.name}' with "
            f"{[x.name for x in heads]}. End the model in an ExpandableDense, "
            "and name it by `head` if there are several."
        )
    return heads[0]


class OptimizerState:
    """Values of all variables of the optimizer of a model.

    Args:
        model: `keras.Model`, compiled or not.
    """

    def __init__(self, model: keras.Model):
        self._model = model
        optimizer = getattr(model, "optimizer", None)
        places = {id(v): place for place, v in enumerate(model.variables)}
        self._places = [
            places.get(id(variable))
            for variable in state.variables_built_for(optimizer)
        ]
        self._values: list[np.ndarray] = [
            ops.convert_to_numpy(variable)
            for variable in getattr(optimizer, "variables", ())
        ]

    def restore(self) -> None:
        """Gives the values to the optimizer, which is as new and not built.

        Where the model has other variables by now, there is nothing that the
        values would be of.
        """
        optimizer = getattr(self._model, "optimizer", None)
        variables = self._model.variables
        known = [p for p in self._places if p is not None]
        if optimizer is None or len(known) < len(self._places):
            return
        if known:
            optimizer.build([variables[place] for place in known])
        for variable, value in zip(
            optimizer.variables, self._values, strict=True
        ):
            variable.assign(value)
