"""Writes the API reference from docstrings: `python docs/reference.py`.

Pages go to `docs/reference`, or to the folder that is given. A warning of
pdoc, such as a docstring that cannot be parsed, is an error.
"""

import importlib
import importlib.util
import inspect
import pathlib
import pkgutil
import sys
import types
import warnings

import pdoc
from numpy.typing import ArrayLike

import keras_incremental

NAME = keras_incremental.__name__
# What the README promises nothing about.
INTERNAL = ("conversion", "utils", "version")
HERE = pathlib.Path(__file__).parent


def packages():
    """The public packages, the top one first."""
    found = [
        importlib.import_module(f"{NAME}.{module.name}")
        for module in pkgutil.iter_modules(keras_incremental.__path__)
        if module.ispkg and module.name not in _left_out()
    ]
    return [keras_incremental, *found]


def _left_out():
    """What is internal, and `beam` where Beam is not installed."""
    has_beam = importlib.util.find_spec("apache_beam") is not None
    return INTERNAL if has_beam else (*INTERNAL, "beam")


def public_names(package):
    """What a package offers, in the order of its `__init__`."""
    return [
        name
        for name, value in vars(package).items()
        if not name.startswith("_") and not _is_left_out(value)
    ]


def _is_left_out(value):
    """Whether it is no package of its own here, or a constant."""
    if isinstance(value, types.ModuleType):
        return value not in packages()
    return not callable(value)


def name_array_likes():
    """Lets signatures say `ArrayLike`, not the union that it stands for."""
    written_out = inspect.formatannotation
    members = written_out(ArrayLike)[len("Union[") : -1]

    def with_name(*arguments, **options):
        text = written_out(*arguments, **options)
        text = text.replace(members, "ArrayLike")
        return text.replace("Union[ArrayLike]", "ArrayLike")

    inspect.formatannotation = with_name


def write(folder):
    name_array_likes()
    for package in packages():
        package.__all__ = public_names(package)
    pdoc.render.configure(
        docformat="google",
        footer_text=f"{NAME} {keras_incremental.__version__}",
        include_undocumented=False,
        show_source=False,
        template_directory=HERE / "templates",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pdoc.pdoc(
            NAME,
            f"!{NAME}[.][a-z_]+[.]",
            *(f"!{NAME}.{name}" for name in INTERNAL),
            output_directory=folder,
        )


if __name__ == "__main__":
    write(pathlib.Path([*sys.argv, HERE / "reference"][1]))
