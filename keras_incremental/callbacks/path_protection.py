import zlib

import keras
import numpy as np
from keras import ops

from keras_incremental.callbacks.weight_protection import WeightProtection
from keras_incremental.callbacks.weight_protection import earlier_importance
from keras_incremental.optimizers.path_integral import PathIntegral
from keras_incremental.optimizers.path_integral import path_integrals
from keras_incremental.utils.compilation import wrapped_optimizers
from keras_incremental.utils.types import Importance
from keras_incremental.utils.types import Logs
from keras_incremental.utils.types import OptimizerLike
from keras_incremental.utils.user_warnings import warn
from keras_incremental.utils.variable_keys import trainable_keys


class PathProtection(WeightProtection):
    """Base class of callbacks that compute importance during training.

    A subclass sets the optimizer that it needs as `path_class`. Its method
    `path_importance` computes the importance from the slots of the optimizer.
    """

    path_class: type[PathIntegral] = PathIntegral
    # `compute_importance` already includes the earlier importance.
    decay = 0.0

    def wrap_optimizer(
        self, optimizer: OptimizerLike
    ) -> keras.optimizers.Optimizer:
        """Wraps an optimizer to record the work of each weight.

        Args:
            optimizer: `keras.optimizers.Optimizer`, not built yet, or the
                name of one.

        Returns:
            Optimizer with the same updates, to compile the model with.
        """
        return self.path_class(optimizer)

    def path_importance(
        self,
        slots: dict[str, Importance],
        moved: Importance,
        earlier: Importance,
    ) -> Importance:
        """Computes the importance of all weights after a phase.

        Args:
            slots: Dict of slot names and dicts of paths and arrays: the
                slots of the optimizer.
            moved: Dict of paths and arrays: distance of each weight from its
                start.
            earlier: Dict of paths and arrays: importance of earlier phases.

        Returns:
            Dict of paths and arrays.
        """
        raise NotImplementedError

    def on_train_begin(self, logs: Logs = None) -> None:
        _check_trainable(self.model, type(self).__name__)
        for path in self._paths():
            path.reset()
        super().on_train_begin(logs)
        self._start = _values(self.model)
        self._seen = [_prints(self._start)]

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._seen.append(_prints(_values(self.model)))

    def on_train_end(self, logs: Logs = None) -> None:
        super().on_train_end(logs)
        self._start, self._seen = {}, []

    def compute_importance(self) -> Importance:
        end = _values(self.model)
        self._warn_of_restored(end)
        slots = self._slots()
        # Weights that the optimizer does not update are not important.
        moved = {p: end[p] - self._start[p] for p in end if p in slots["work"]}
        return self.path_importance(
            slots, moved, earlier_importance(self.model)
        )

    def _slots(self):
        followed = [
            (key, variable, integral)
            for key, variable in trainable_keys(self.model)
            for integral in self._paths()
            if integral.follows(variable)
        ]
        return {
            name: {
                key: integral.slot_value(name, variable)
                for key, variable, integral in followed
            }
            for name in self.path_class.slot_names
        }

    def _paths(self):
        optimizer, name = self.model.optimizer, type(self).__name__
        found = path_integrals(optimizer)
        if not found or not all(isinstance(x, self.path_class) for x in found):
            raise ValueError(
                f"{name} needs a wrapped optimizer. Received: a model "
                f"compiled with {type(optimizer).__name__}. Compile it with "
                "`callback.wrap_optimizer(optimizer)`."
            )
        if wrapped_optimizers(optimizer)[-1].use_ema:
            raise ValueError(
                f"{name} does not support averages of weights. Received: an "
                "optimizer with use_ema=True. Use `use_ema=False`."
            )
        return found

    def _warn_of_restored(self, end):
        *earlier, last = self._seen
        now = _prints(end)
        if any(now[p] == e[p] != last[p] for e in earlier for p in now):
            warn(
                f"The importance of {type(self).__name__} includes steps that "
                "were undone, because weights of an earlier epoch were "
                "restored. Train without `restore_best_weights`."
            )


def _check_trainable(model, owner):
    if not model.trainable_variables:
        raise ValueError(
            f"{owner} protects weights that train. Received: model "
            f"'{model.name}' without any. Make a layer trainable."
        )


def _values(model):
    return {
        key: np.array(ops.convert_to_numpy(v), "float32")
        for key, v in trainable_keys(model)
    }


def _prints(values):
    return {path: zlib.crc32(v.tobytes()) for path, v in values.items()}
