"""Checks of files: what they say, and whether they will open elsewhere."""

import weakref

import keras
import numpy as np

from keras_incremental.errors import DamagedFileError
from keras_incremental.statistics.deviations import Deviations
from keras_incremental.utils import state
from keras_incremental.utils.archives import check_whole
from keras_incremental.utils.copies import first_lost
from keras_incremental.utils.user_warnings import warn

# Packages whose layers write all of their state.
LIBRARIES = ("keras", "keras_hub", "keras_incremental")
# Models whose copies compute the same. It takes a while to find out.
_COMPARED: weakref.WeakSet = weakref.WeakSet()
# Of what `get_config` and `save_own_variables` of a classifier write.
FORMAT = 1


def check_format(value):
    """Raises if a file is of a format that this version does not read."""
    if isinstance(value, bool) or value != FORMAT:
        raise DamagedFileError(
            None,
            "config of IncrementalClassifier",
            f"format={value!r}, where this version reads {FORMAT}",
            "Load it with the version of keras_incremental that wrote it.",
        )


def check_preprocessor(preprocessor):
    """Raises if it does not look like one that makes tokens of texts."""
    if getattr(preprocessor, "tokenizer", None) is None:
        raise DamagedFileError(
            None,
            "config of IncrementalClassifier",
            f"a preprocessor of class {type(preprocessor).__name__}, without "
            "a tokenizer",
        )


def check_label_space(label_space, classes):
    """Raises if a `LabelSpace` is not one of these classes."""
    problem = _problem_of(label_space, len(classes))
    if list(label_space.classes) != list(classes):
        problem = f"classes {label_space.classes}, not {tuple(classes)}"
    if problem:
        raise DamagedFileError(None, "`label_space` of the config", problem)


def read_count(name, value):
    """Returns an int that was stored as an array.

    Raises:
        DamagedFileError: if it is none, or negative.
    """
    value = np.asarray(value)
    try:
        return check_whole(name, value[()], most=2**31)
    except ValueError as error:
        raise DamagedFileError(None, f"variable `{name}`", error) from error


def check_statistics(statistics, num_classes, width, name="statistics"):
    """Raises if statistics are not of such classes and features.

    Args:
        statistics: `FeatureStatistics` as they were read.
        num_classes: Int, the most classes that they can be of.
        width: Int, number of features.
        name: String, for the message.
    """
    counts, means = statistics.counts, statistics.means
    if not len(counts):
        return
    size = len(counts)
    wrong = (
        counts.ndim != 1
        or size > num_classes
        or counts.min() < 0
        or np.shape(means) != (size, width)
        or not statistics.fits(width)
        or not np.isfinite(means).all()
    )
    if wrong:
        raise DamagedFileError(
            None,
            f"variables `{name}`",
            f"{counts.shape} counts, {np.shape(means)} means and a "
            f"{np.shape(statistics.scatter)} scatter, of {num_classes} "
            f"classes and {width} features, finite and not negative",
        )


def read_deviations(store, statistics, width, prefix):
    """Returns the `Deviations` in a store, of the classes of statistics.

    Raises:
        DamagedFileError: if they are not such ones.
    """
    name = f"variables `{prefix}*`"
    try:
        found = Deviations.load_from(store, width, prefix)
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFileError(None, name, str(error)) from error
    if len(found.classes) and found.classes[-1] >= len(statistics.counts):
        raise DamagedFileError(
            None,
            name,
            f"class {found.classes[-1]}, where the statistics have "
            f"{len(statistics.counts)}",
        )
    return found


def _problem_of(label_space, count):
    pairs = label_space.merged
    groups = [label_space.removed, *pairs]
    for size, splits in label_space.growths:
        groups += [(size,), *splits]
    if any(type(i) is not int for members in groups for i in members):
        return "indices that are no ints"
    groups = [label_space.removed, *pairs]
    strange = {i for members in groups for i in members if not 0 <= i < count}
    if strange:
        return f"classes {sorted(strange)} of {count}"
    if any(len(pair) != 2 for pair in pairs):
        return f"merged={pairs}"
    sizes = [size for size, _ in label_space.growths] + [count]
    for (size, splits), after in zip(
        label_space.growths, sizes[1:], strict=True
    ):
        children = [child for _, child in splits]
        fits = 0 < size <= after and len(set(children)) == len(children)
        if not fits or not all(_splits(pair, size, after) for pair in splits):
            return f"a growth of {size} classes to {after} by {splits!r:.200}"
    return ""


def _splits(pair, size, after):
    """Returns whether a pair is an old class and a new one."""
    if len(pair) != 2:
        return False
    parent, child = pair
    return 0 <= parent < size <= child < after


def warn_of_missing_code(model: keras.Model) -> None:
    """Warns of layers whose code a file does not hold.

    Args:
        model: `keras.Model` that is saved.
    """
    unsafe, unregistered = [], {}
    layers = state.flatten_layers(model)
    preprocessor = getattr(model, "preprocessor", None)
    if preprocessor is not None:
        layers = [*layers, *state.flatten_layers(preprocessor)]
    for layer in layers:
        functions = list(_functions_of(layer))
        if None in functions or isinstance(layer, keras.layers.TFSMLayer):
            unsafe.append(layer.name)
        names = [name for name in functions if name is not None]
        if not _is_found(type(layer)):
            names.append(type(layer).__name__)
        unregistered.update(dict.fromkeys(names, layer.name))
    if unsafe:
        warn(
            f"The code of the layers {unsafe} is not safe to load from a "
            "file: they have a Python lambda, or read a SavedModel. Received: "
            "a model to save. Put what they compute into a layer of your own, "
            "or load the file with `safe_mode=False` if you trust it."
        )
    if unregistered:
        warn(
            "The file opens only where the classes and functions of some "
            f"layers are known. Received: {unregistered}, each with one layer."
            " Decorate each with "
            "`@keras.saving.register_keras_serializable()` and import its "
            "module before loading, or pass `custom_objects`."
        )


def warn_of_lost_state(model: keras.Model) -> None:
    """Warns of a layer of one's own with a state that the file does not hold.

    Args:
        model: Model with a graph and one output, that is saved.
    """
    if model in _COMPARED or not any(map(_is_own, state.flatten_layers(model))):
        return
    lost = first_lost(model)
    if lost is None:
        _COMPARED.add(model)
        return
    warn(
        "What the file opens as computes something else than the model, from "
        f"layer '{lost}' on. Received: a layer with a state that it writes to "
        "no file. Give it `save_own_variables` and `load_own_variables`, or "
        "put what it computes into the data."
    )


def _is_own(layer):
    return type(layer).__module__.split(".")[0] not in LIBRARIES


def _functions_of(layer):
    """Yields names of functions that no file has, `None` for a lambda."""
    if isinstance(layer, keras.Model):
        # It lists its layers again.
        return
    try:
        config = layer.get_config()
    except NotImplementedError:
        # Keras says so when it writes the file.
        return
    yield from _functions_in(config)


def _functions_in(config):
    if isinstance(config, dict):
        kind, name = config.get("class_name"), config.get("config")
        if kind == "__lambda__":
            yield None
        elif kind == "function" and config.get("module") == "builtins":
            if keras.saving.get_registered_object(name) is None:
                yield name
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for value in config:
            yield from _functions_in(value)


def _is_found(cls):
    """Returns whether Keras finds a class by its name."""
    is_registered = keras.saving.get_registered_name(cls) != cls.__name__
    return is_registered or cls.__module__.split(".")[0] == "keras"
