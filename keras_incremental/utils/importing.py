"""Imports of parts that need no Keras, or not yet."""

import importlib
import importlib.util
import inspect
from typing import Any

PACKAGE = "keras_incremental"
# Devices have no Keras, and the completion of a command must not wait for it.
LIGHT = (f"{PACKAGE}.edge", f"{PACKAGE}.cli")


def is_light() -> bool:
    """Returns whether the package is imported for a part without Keras.

    So it is where Keras is not installed, and in `import
    keras_incremental.edge` or `keras_incremental.cli`. Anything else imports
    all parts at once: `.keras` files name classes, which are registered then.
    """
    if importlib.util.find_spec("keras") is None:
        return True
    frame = inspect.currentframe()
    while frame is not None:
        # Python imports a package before what is in it.
        if frame.f_code.co_name == "_find_and_load_unlocked":
            name = str(frame.f_locals.get("name"))
            if f"{name}.".startswith(tuple(f"{part}." for part in LIGHT)):
                return True
        frame = frame.f_back
    return False


def from_api(name: str) -> Any:
    """Returns what the package offers under a name, imported on first use.

    Raises:
        AttributeError: if it offers no such name.
    """
    if name.startswith("_"):
        raise AttributeError(f"module '{PACKAGE}' has no attribute '{name}'")
    if name == "edge":
        return importlib.import_module(f"{PACKAGE}.edge")
    api = importlib.import_module(f"{PACKAGE}.api")
    return getattr(api, name)
