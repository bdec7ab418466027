import warnings
import zlib

import numpy as np
from keras import ops

from keras_incremental.callbacks.weight_protection import WeightProtection
from keras_incremental.callbacks.weight_protection import earlier_importance
from keras_incremental.callbacks.weight_protection import innermost
from keras_incremental.optimizers.path_integral import PathIntegral
from keras_incremental.optimizers.path_integral import path_integrals
from keras_incremental.regularizers.importance import check_paths


class PathProtection(WeightProtection):
    """Base of the callbacks that read importance off the way of training.

    A subclass names the optimizer that it needs (`path_class`) and says, in
    `along_path`, what its slots mean.
    """

    path_class = PathIntegral
    # What `measured` returns takes the place of earlier importance.
    decay = 0.0

    def wrap_optimizer(self, optimizer):
        """An optimizer that moves weights alike, and notes what they do.

        Args:
            optimizer: `keras.optimizers.Optimizer`, not built yet, or the
                name of one.

        Returns:
            The optimizer to compile the model with.
        """
        return self.path_class(optimizer)

    def along_path(self, slots, moved, earlier):
        """The importance of all weights after a phase.

        Args:
            slots: Dict from names of slots to dicts from paths to arrays,
                what the optimizer added up.
            moved: Dict from paths to arrays, how far each weight is from
                where it started.
            earlier: Dict from paths to arrays, the importance before the
                phase of weights that have one.

        Returns:
            A dict from paths to arrays.
        """
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        check_paths(self.model)
        for path in self._paths():
            path.reset()
        super().on_train_begin(logs)
        self._start = _values(self.model)
        self._seen = [_prints(self._start)]

    def on_epoch_end(self, epoch, logs=None):
        self._seen.append(_prints(_values(self.model)))

    def on_train_end(self, logs=None):
        super().on_train_end(logs)
        self._start = self._seen = None

    def measured(self):
        end = _values(self.model)
        self._warn_of_restored(end)
        slots = self._slots()
        # What an optimizer leaves alone is not important.
        moved = {p: end[p] - self._start[p] for p in end if p in slots["work"]}
        return self.along_path(slots, moved, earlier_importance(self.model))

    def _slots(self):
        slots = {name: {} for name in self.path_class.slot_names}
        for name, found in slots.items():
            for integral in self._paths():
                found.update(integral.slot_values(name))
        return slots

    def _paths(self):
        optimizer, name = self.model.optimizer, type(self).__name__
        found = path_integrals(optimizer)
        if not found or not all(isinstance(x, self.path_class) for x in found):
            raise ValueError(
                f"{name} reads what the optimizer notes on its way. Received: "
                f"a model compiled with {type(optimizer).__name__}. Compile "
                "it with `callback.wrap_optimizer(optimizer)`."
            )
        if innermost(optimizer).use_ema:
            raise ValueError(
                f"{name} cannot follow weights that an average replaces in "
                "the end. Received: an optimizer with use_ema=True. Leave it "
                "out."
            )
        return found

    def _warn_of_restored(self, end):
        *earlier, last = self._seen
        now = _prints(end)
        if any(now[p] == e[p] != last[p] for e in earlier for p in now):
            warnings.warn(
                f"{type(self).__name__} measured a way that leads past the "
                "present weights: an earlier epoch was brought back. Train "
                "without `restore_best_weights`.",
                stacklevel=2,
            )


def _values(model):
    return {
        v.path: np.array(ops.convert_to_numpy(v), "float32")
        for v in model.trainable_variables
    }


def _prints(values):
    return {path: zlib.crc32(v.tobytes()) for path, v in values.items()}
