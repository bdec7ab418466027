import keras

PACKAGE = "keras_incremental"


def export(cls):
    """Registers a public class, so that nothing public is unsaveable."""
    return keras.saving.register_keras_serializable(package=PACKAGE)(cls)
