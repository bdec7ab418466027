"""Warnings that name the line of the user."""

import contextlib
import os
import sys
import warnings
from types import FrameType

import keras

# Code that is between the line of the user and what a warning is about.
PASSED = (
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep,
    os.path.dirname(keras.__file__) + os.sep,
    contextlib.__file__,
)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warns at the line of the innermost caller outside of the package.

    Args:
        message: String.
        category: Class of the warning. Defaults to `UserWarning`.
    """
    level = 2 + _passed(sys._getframe(1))
    warnings.warn(message, category, stacklevel=level)


def _passed(frame: FrameType) -> int:
    """Returns how many calls lie between a frame and the line of the user."""
    count = 0
    outer: FrameType | None = frame
    while outer is not None and outer.f_code.co_filename.startswith(PASSED):
        count, outer = count + 1, outer.f_back
    return count
