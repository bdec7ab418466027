import keras

from keras_incremental.models import door
from keras_incremental.models import verbs


class Guarded:
    """`fit` and `evaluate` of Keras, for labels that may be names."""

    def fit(self, x=None, y=None, *args, **kwargs):
        kwargs = door.checked_validation(kwargs, self.classes)
        x, y = door.checked_data(x, y, self.classes)
        verbs.make_ready_to_fit(self)
        return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        x, y = door.checked_data(x, y, self.classes)
        return super().evaluate(x, y, *args, **kwargs)

    def compile_like(self, model):
        """Compiles with the optimizer of a model, as new. For this package."""
        optimizer = getattr(model, "optimizer", None)
        if isinstance(optimizer, keras.optimizers.Optimizer):
            optimizer = type(optimizer).from_config(optimizer.get_config())
        self.compile(
            optimizer=optimizer or "adam",
            loss=keras.losses.SparseCategoricalCrossentropy(
                from_logits=self.activation is None
            ),
            metrics=["accuracy"],
        )
