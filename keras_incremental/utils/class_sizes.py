"""Losses and metrics that are built for a number of classes."""

from typing import Any

import keras
import numpy as np

# Entries of configurations that are the number of classes.
COUNTS = ("num_classes", "num_labels")
# Entries with one value for each class, in their last axis.
PER_CLASS = (
    "alpha",
    "class_weight",
    "class_weights",
    "counts",
    "denominator",
    "label_weights",
    "table",
)
LATER = (
    "Compile without it before classes are added, and with it again afterwards"
)


def grown(
    value: Any, old: int, new: int, exclusive: bool, argument: str
) -> Any:
    """Returns losses or metrics for a larger number of classes.

    Metrics are made anew: some have a state for each class that they have
    seen.

    Args:
        value: A loss or a metric, a list or dict of them, or a configuration.
        old: Int. The number of classes.
        new: Int. The number that there will be.
        exclusive: Bool. Whether classes exclude each other.
        argument: String. The argument of `compile`, for messages.

    Raises:
        ValueError: if one of them is for the old number only.
    """
    if isinstance(value, dict) and "class_name" not in value:
        return {
            key: grown(item, old, new, exclusive, argument)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        items = [grown(item, old, new, exclusive, argument) for item in value]
        return type(value)(items)
    if old == 1 and exclusive:
        _check_two_sided(value, argument)
    if isinstance(value, dict):
        name = value["class_name"]
        return _grown_config(value, old, new, f"{argument}={name}")
    if isinstance(value, keras.metrics.Metric):
        return _grown_metric(value, old, new, argument)
    return _grown_loss(value, old, new, argument)


def check_lists(value: Any, num_classes: int, argument: str) -> None:
    """Raises if a loss has values for another number of classes."""
    if isinstance(value, keras.losses.Loss):
        config = _config_of(value)
        _grown_config(config, num_classes, num_classes, _told(argument, value))


def _grown_metric(metric, old, new, argument):
    config = _config_of(metric)
    changed = _grown_config(config, old, new, _told(argument, metric))
    made = _made(metric, changed)
    if changed == config and not _is_of_keras(metric):
        _check_state(made, old, argument)
    return made


def _grown_loss(loss, old, new, argument):
    if not isinstance(loss, keras.losses.Loss):
        return loss
    config = _config_of(loss)
    changed = _grown_config(config, old, new, _told(argument, loss))
    # The loss itself may know what its configuration does not.
    return loss if _same(config, changed) else _made(loss, changed)


def _grown_config(config, old, new, told):
    """Returns a configuration for more classes, nested ones as well."""
    changed = {}
    for name, value in config.items():
        if isinstance(value, dict):
            value = _grown_config(value, old, new, told)
        elif name in COUNTS and value is not None and old <= value < new:
            value = new
        elif name in PER_CLASS:
            _check_values(name, value, new, told)
        changed[name] = value
    return changed


def _check_values(name, value, new, told):
    shape = np.shape(value)
    if shape and shape[-1] != new:
        raise ValueError(
            f"`{name}` of a loss or metric has a value for each of "
            f"{shape[-1]} classes, and there will be {new}. Received: {told} "
            f"with {name}={value!r}. {LATER}, with {new} values."
        )


def _check_state(metric, old, argument):
    """Raises if a metric still has a state for the old classes."""
    sizes = [size for v in metric.variables for size in v.shape]
    if old > 1 and old in sizes:
        raise ValueError(
            f"The state of a metric is for {old} classes, and its "
            "configuration does not say so. Received: "
            f"{_told(argument, metric)}. Give it an argument `num_classes` "
            f"that its `get_config` returns. Or: {LATER}."
        )


def _check_two_sided(value, argument):
    """Raises if a loss or metric asks one output for a yes or a no."""
    name = value if isinstance(value, str) else _name_of(value)
    if name.lower().startswith("binary"):
        raise ValueError(
            "A head of one class grows to several that exclude each other, "
            f"and `{argument}` has a yes or a no for each output. Received: "
            f"{argument}={name}. Compile with `keras.losses."
            "SparseCategoricalCrossentropy(from_logits=True)` and "
            "`metrics=['accuracy']` before, or give the head "
            "`exclusive=False`."
        )


def _config_of(value):
    try:
        return value.get_config()
    except NotImplementedError:
        return {}


def _made(value, config):
    try:
        return type(value).from_config(dict(config))
    except TypeError:
        # Its configuration is not all of its arguments.
        return value


def _same(config, changed):
    return all(
        value is changed[name] or _same_nested(value, changed[name])
        for name, value in config.items()
    )


def _same_nested(value, changed):
    nested = isinstance(value, dict) and isinstance(changed, dict)
    return nested and _same(value, changed)


def _told(argument, value):
    return f"{argument}={_name_of(value)}"


def _name_of(value):
    if isinstance(value, dict):
        return str(value.get("class_name"))
    if isinstance(value, (keras.losses.Loss, keras.metrics.Metric)):
        own = (
            f" '{value.name}'"
            if isinstance(value, keras.metrics.Metric)
            else ""
        )
        return type(value).__name__ + own
    return getattr(value, "__name__", type(value).__name__)


def _is_of_keras(value):
    """Whether its configuration is known to name the number of classes."""
    return type(value).__module__.startswith("keras.")
