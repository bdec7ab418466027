import keras

PACKAGE = "keras_incremental"


def export(cls: type) -> type:
    """Registers a public class for saving."""
    return keras.saving.register_keras_serializable(package=PACKAGE)(cls)
