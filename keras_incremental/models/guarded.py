import keras

from keras_incremental.models import session
from keras_incremental.models.conversion.loss_outputs import check_loss
from keras_incremental.models.inputs import checks
from keras_incremental.utils import state


class Guarded:
    """`fit` and `evaluate` of Keras, for labels that may be names."""

    def fit(self, x=None, y=None, *args, **kwargs):
        self._check_loss()
        kwargs = checks.checked_validation(self, kwargs)
        x, y = checks.checked_data(self, x, y)
        session.make_ready_to_fit(self)
        self._check_optimizer()
        return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        self._check_loss()
        x, y = checks.checked_data(self, x, y)
        return super().evaluate(x, y, *args, **kwargs)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        if skip_mismatch:
            raise ValueError(
                "`skip_mismatch` would leave the columns of old classes as "
                "they are now, not as they are in the file. Received: "
                f"skip_mismatch={skip_mismatch}. Load the classifier by "
                "`keras.models.load_model`, and call `learn` to add classes."
            )
        super().load_weights(filepath, skip_mismatch, **kwargs)

    def _check_loss(self):
        # Not in `compile`, which Keras calls anew only if it is its own.
        check_loss(
            getattr(self, "loss", None),
            self.activation is None,
            f"the head '{self.head.name}'",
        )

    def _check_optimizer(self):
        optimizer = getattr(self, "optimizer", None)
        known = {id(v) for v in state.variables_built_for(optimizer)}
        strange = [v for v in self.trainable_variables if id(v) not in known]
        if known and strange:
            raise ValueError(
                "The optimizer was built before the classifier got all of "
                f"its weights. Received: optimizer={optimizer!r}, without "
                f"{[v.path for v in strange[:3]]}. Compile with a new one, "
                f"such as `keras.optimizers.{type(optimizer).__name__}()`."
            )

    def compile_like(self, model):
        """Compiles with the optimizer of a model, as new. For this package."""
        optimizer = getattr(model, "optimizer", None)
        if isinstance(optimizer, keras.optimizers.Optimizer):
            optimizer = type(optimizer).from_config(optimizer.get_config())
        loss, metrics = self.problem.objective.compile_defaults(
            self.activation is None
        )
        self.compile(optimizer or "adam", loss=loss, metrics=metrics)
