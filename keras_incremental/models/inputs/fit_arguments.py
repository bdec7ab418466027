"""Arguments of `fit` that other methods have under another name, or not."""

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec
from typing import TypeVar

P = ParamSpec("P")
R = TypeVar("R")

FIXES = {
    "sample_weight": "Set `class_weight` of the classifier; once its classes "
    "are known, `fit` takes weights of samples",
    "class_weight": "Set it for the classifier, by names: `clf.class_weight = "
    '{"bird": 2.0}`',
    "validation_split": "Split the data, and pass `validation_data=(x, y)`",
    "validation_steps": "Pass `validation_data=dataset.take(steps)`",
    "validation_batch_size": "Leave it out",
    "validation_freq": "Leave it out: what is measured is reported",
    "steps_per_epoch": "Pass `steps`, the number of batches to read",
    "initial_epoch": "Pass fewer `epochs`: each call begins with the first",
    "shuffle": "Leave it out: `seed` of the classifier decides the order",
}


def refuses_fit_arguments(method: Callable[P, R]) -> Callable[P, R]:
    """Decorates a method to say what to pass for an argument of `fit`.

    Args:
        method: Method of a classifier.
    """
    known = inspect.signature(method).parameters
    fixes = {name: fix for name, fix in FIXES.items() if name not in known}

    @functools.wraps(method)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs.keys() & fixes.keys():
            raise TypeError(
                f"`{method.__name__}` has no argument `{name}`, unlike `fit`. "
                f"Received: {name} of type {type(kwargs[name]).__name__}. "
                f"{fixes[name]}."
            )
        return method(*args, **kwargs)

    return checked
