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
    """

    protects_weights = False

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
