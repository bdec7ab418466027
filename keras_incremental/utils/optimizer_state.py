"""What an optimizer has gathered, kept for another one of its kind."""

import keras
import numpy as np
from keras import ops

from keras_incremental.utils import state


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
            ops.convert_to_numpy(variable).copy()
            for variable in getattr(optimizer, "variables", ())
        ]

    def restore(self) -> None:
        """Gives the values to the optimizer, which is as new and not built.

        Where the model has other variables by now, there is nothing that the
        values would be of.
        """
        optimizer, variables = self._model.optimizer, self._model.variables
        known = [p for p in self._places if p is not None]
        if optimizer is None or len(known) < len(self._places):
            return
        if known:
            optimizer.build([variables[place] for place in known])
        for variable, value in zip(
            optimizer.variables, self._values, strict=True
        ):
            variable.assign(value)
