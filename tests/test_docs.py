import importlib.util
import inspect
import pathlib
import re
import subprocess
import sys
import types

import keras
import pytest

DOCS = pathlib.Path(__file__).parents[1] / "docs"
SKIPPED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _reference():
    path = DOCS / "reference.py"
    spec = importlib.util.spec_from_file_location("reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE = _reference()
PUBLIC = {
    (package.__name__, name): getattr(package, name)
    for package in REFERENCE.packages()
    for name in REFERENCE.public_names(package)
}
THINGS = {
    f"{value.__module__}.{name}": value
    for (_, name), value in PUBLIC.items()
    if isinstance(value, type | types.FunctionType)
}


def summary_of(value):
    return inspect.cleandoc(value.__doc__ or "").split("\n\n")[0]


def parameters_of(value):
    """What a caller may name."""
    if isinstance(value, type) and issubclass(value, Warning):
        return []
    return [
        name
        for name, parameter in inspect.signature(value).parameters.items()
        if parameter.kind not in SKIPPED and not name.startswith("_")
    ]


def documented(value):
    """Names in the sections of arguments, or of attributes."""
    text = inspect.cleandoc(value.__doc__ or "")
    sections = re.findall(
        r"^(?:Args|Attributes):\n((?:(?: .*)?\n?)+)", text, re.MULTILINE
    )
    names = re.findall(r"^    ([\w, *]+):", "\n".join(sections), re.MULTILINE)
    return {part.strip(" *") for name in names for part in name.split(",")}


def test_all_packages_say_what_they_are_for():
    for package in REFERENCE.packages():
        assert "." in summary_of(package), package.__name__


@pytest.mark.parametrize("name", sorted(THINGS))
def test_a_public_name_has_a_summary(name):
    assert summary_of(THINGS[name]).endswith((".", ":")), name


@pytest.mark.parametrize("name", sorted(THINGS))
def test_each_argument_is_documented(name):
    missing = set(parameters_of(THINGS[name])) - documented(THINGS[name])
    assert not missing, f"{name} says nothing of {sorted(missing)}."


@pytest.mark.parametrize("package", REFERENCE.packages())
def test_no_class_has_the_name_of_a_class_of_keras(package):
    name = package.__name__.rpartition(".")[2]
    theirs = {**vars(getattr(keras, name, keras.distillation))}
    if name == "losses":
        theirs.update(vars(keras.distillation))
    names = set(REFERENCE.public_names(package))
    assert not {n for n in names if isinstance(theirs.get(n), type)}


def test_arguments_that_are_left_out_are_found():
    def function(x, y):
        """Adds.

        Args:
            x: Int.
        """

    assert set(parameters_of(function)) - documented(function) == {"y"}


@pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="one backend is enough"
)
def test_every_public_name_is_in_the_reference(tmp_path):
    command = [sys.executable, DOCS / "reference.py", tmp_path]
    subprocess.run(command, check=True, cwd=DOCS.parent, capture_output=True)
    pages = {}
    for package, name in PUBLIC:
        path = tmp_path / (package.replace(".", "/") + ".html")
        page = pages.setdefault(package, path.read_text())
        assert re.search(rf'id="{name}"|>{name}</a>', page), (package, name)
