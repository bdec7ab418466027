"""New classes for trained Keras classifiers, without losing the old ones."""

from keras_incremental.utils.importing import is_light
from keras_incremental.version import __version__ as __version__

if is_light():
    from keras_incremental.utils.importing import from_api as __getattr__  # noqa: F401
else:
    from keras_incremental.api import *  # noqa: F403
