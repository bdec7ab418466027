import keras


class PhaseCallback(keras.callbacks.Callback):
    """Base of the callbacks of this package: a phase is one `fit`.

    What starts with the phase starts in `on_train_begin`, what follows it
    happens in `on_train_end`, with the final weights. No callback changes
    the structure of the model. A callback with an attribute `data` looks at
    the data of the phase; set it before each `fit`.

    Attributes:
        protects_weights: Bool, of the class. Whether it sets penalties that
            refer to the values that weights have.
        corrects_bias: Bool, of the class. Whether it corrects the bias to
            new classes. Only one such callback serves a phase.
        wants: String, of the class. The data that `IncrementalClassifier`
            gives a callback with an attribute `data`: `"new"`, `"all"` (new
            and replayed) or `"held_out"` (kept out of training, as many of
            each class; its share is the attribute `validation_share`).
    """

    protects_weights = False
    corrects_bias = False
    wants = "new"

    @property
    def verbose(self):
        """`1` where the `fit` that runs shows its progress, else `0`."""
        return int(bool((self.params or {}).get("verbose")))

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
