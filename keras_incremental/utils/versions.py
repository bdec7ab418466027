import platform
import sys

import keras

from keras_incremental.version import __version__


def versions() -> dict[str, str]:
    """Returns the versions of this package, Keras, its backend and Python."""
    backend = keras.config.backend()
    module = sys.modules.get(backend)
    return {
        "keras_incremental": __version__,
        "keras": keras.__version__,
        backend: str(getattr(module, "__version__", "unknown")),
        "python": platform.python_version(),
    }
