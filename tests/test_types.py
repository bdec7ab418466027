"""Public functions, constructors, methods and properties have annotations."""

import configparser
import importlib
import inspect
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
NAME = "keras_incremental"
MANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def typed_parts():
    """Dotted names of what `files` of mypy in `setup.cfg` lists."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    for path in config["mypy"]["files"].split(","):
        yield ".".join(pathlib.Path(path.strip()).with_suffix("").parts)


def is_ours(thing):
    return getattr(thing, "__module__", "").startswith(NAME)


def public(part):
    """What a part exports, and functions of all its classes, by name."""
    for name, value in vars(importlib.import_module(part)).items():
        if name.startswith("_") or not is_ours(value):
            continue
        if not isinstance(value, type):
            yield name, value
            continue
        for owner in filter(is_ours, value.__mro__):
            for method, function in methods(owner):
                yield f"{owner.__name__}.{method}", function


def methods(owner):
    for name, value in vars(owner).items():
        if name == "__init__" or not name.startswith("_"):
            if isinstance(value, property):
                value = value.fget
            yield name, inspect.unwrap(getattr(value, "__func__", value))


def untyped(function):
    """The parameters without an annotation, and `return`."""
    signature = inspect.signature(function)
    missing = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.annotation is inspect.Parameter.empty
        and parameter.name not in ("self", "cls")
        and parameter.kind not in MANY
    ]
    returns = signature.return_annotation is not inspect.Signature.empty
    return missing if returns else [*missing, "return"]


FUNCTIONS = {
    f"{function.__module__}.{name}": function
    for part in typed_parts()
    for name, function in public(part)
    if inspect.isfunction(function)
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_public_function_is_annotated(name):
    missing = set(untyped(FUNCTIONS[name]))
    if name.endswith(".__init__"):
        missing -= {"return"}
    assert not missing, f"{name} has no annotations of {sorted(missing)}."


def test_functions_of_all_typed_parts_are_found():
    assert len(FUNCTIONS) > 60


def test_annotations_that_are_left_out_are_found():
    def function(self, x, y: int, *rest, **options):
        pass

    assert untyped(function) == ["x", "return"]
