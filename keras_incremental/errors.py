"""Errors that a program may want to catch."""

import os


class DamagedFileError(ValueError):
    """Raised for a file that is damaged, or not of the expected kind.

    It was cut, a bit of it was flipped, it is of another kind, or someone
    changed it. Nothing was changed by reading it.

    Args:
        path: String or path of the file; `None` for text.
        part: String, what is damaged in it, such as `"config.json"`.
        reason: String or exception, what was found.
        fix: String, what to do. Defaults to `"Use another copy of it."`.

    Attributes:
        path: The file.
        part: What is damaged in it.
    """

    def __init__(
        self,
        path: str | os.PathLike | None,
        part: str,
        reason: str | Exception,
        fix: str = "Use another copy of it.",
    ):
        self.path = None if path is None else os.fspath(path)
        self.part = part
        if isinstance(reason, Exception):
            reason = f"{type(reason).__name__}: {reason}"
        where = "" if path is None else f"path='{self.path}', "
        super().__init__(
            f"The {part} is damaged or of another kind. Received: {where}"
            f"{reason}. {fix}"
        )
