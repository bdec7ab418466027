import ast
import functools
import graphlib
import importlib
import os
import pathlib
import re
import subprocess
import sys
from importlib.util import find_spec

import conftest
import keras
import pytest

import keras_incremental.layers

ROOT = pathlib.Path(keras_incremental.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
TESTS = pathlib.Path(__file__).parent

# What may be imported from where: only from a level before one's own, or
# from a peer.
LEVELS = (
    ("version", "errors", "utils", "statistics"),
    (
        "edge",
        "layers",
        "losses",
        "distillation",
        "regularizers",
        "optimizers",
        "memory",
        "metrics",
        "data",
        "rejection",
    ),
    ("callbacks",),
    ("conversion",),
    ("recipes",),
    ("problems",),
    ("reporting",),
    ("models",),
    ("testing",),
    ("contrib",),
    ("api",),
    ("cli",),
    ("beam",),
    ("__main__",),
)

# Public bases that nobody makes an object of.
ABSTRACT = (
    keras_incremental.layers.ClosedFormHead,
    keras_incremental.layers.ExpandableHead,
)

OPTIONAL = (
    "tensorflow",
    "tensorflow_datasets",
    "matplotlib",
    "sklearn",
    "click",
    "PIL",
)


def run(code, backend):
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT.parent,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def modules():
    """Dotted names of all modules, those that run when imported left out.

    What is in the command line needs the packages of its extra.
    """
    for path in FILES:
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        of_extra = "cli" in parts and parts[1:] != ("cli", "__init__")
        of_extra = of_extra or "beam" in parts
        if parts[-1] != "__main__" and not of_extra:
            yield ".".join(p for p in parts if p != "__init__")


@functools.cache
def own_imports(path):
    """Dotted names of the modules of this package that a file imports."""
    return tuple(_own_imports(path))


def _own_imports(path):
    for node in walk_what_runs(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import."
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (n for n in names if n.startswith("keras_incremental."))


def walk_what_runs(node):
    """Statements but those that only a type checker reads."""
    yield node
    for child in ast.iter_child_nodes(node):
        # No expression holds a statement.
        if isinstance(child, (ast.expr, ast.expr_context)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(
            child.test
        ):
            continue
        yield from walk_what_runs(child)


def part_of(name):
    """The part of the package that a dotted name lies in."""
    return name.split(".")[1]


def part_of_file(path):
    return path.relative_to(ROOT).with_suffix("").parts[0]


def level_of(part):
    for level, parts in enumerate(LEVELS):
        if part in parts:
            return level
    raise AssertionError(f"The part '{part}' has no level in LEVELS.")


def part_imports():
    """The parts that each part imports."""
    graph = {}
    for path in FILES:
        part = part_of_file(path)
        found = {part_of(name) for name in own_imports(path)} - {part}
        graph.setdefault(part, set()).update(found)
    return graph


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_module_imports_without_tensorflow(backend):
    # An import of what is `None` there says that there is no such module.
    block = f"import sys; sys.modules.update(dict.fromkeys({OPTIONAL}))\n"
    run(block + "\n".join(f"import {name}" for name in modules()), backend)


def test_the_package_imports_no_heavy_package_of_its_own():
    heavy = ("tensorflow", "jax", "torch", "matplotlib", "sklearn", "PIL")
    heavy += ("tensorflow_datasets", "scipy", "pandas", "h5py")
    report = f"import sys; print([x for x in {heavy} if x in sys.modules])"
    backend = "jax"
    alone = ast.literal_eval(run(f"import keras; {report}", backend))
    with_us = ast.literal_eval(
        run(f"import keras; import keras_incremental; {report}", backend)
    )
    assert with_us == alone


def test_completion_of_commands_does_not_import_keras():
    report = "import sys; print('keras' in sys.modules)"
    completed = (
        "import os; os.environ.update(_X_COMPLETE='bash_complete', "
        "COMP_WORDS='x learn --mem', COMP_CWORD='2')\n"
        "from keras_incremental.cli.app import app\n"
        "try: app(prog_name='x')\n"
        "except SystemExit: "
    )
    assert run(completed + report, "jax") == "plain,--memory\nFalse\n"


def test_devices_import_their_part_without_keras():
    report = "import sys; print('keras' in sys.modules)"
    assert run(f"import keras_incremental.edge; {report}", "jax") == "False\n"
    # What else there is comes when it is asked for.
    later = "import keras_incremental as ki; print(ki.IncrementalClassifier)"
    out = run(f"import keras_incremental.edge; {later}; {report}", "jax")
    assert out.endswith("IncrementalClassifier'>\nTrue\n")
    without = "import sys; sys.modules['keras'] = None"
    run(f"{without}\nfrom keras_incremental import edge", "jax")


@pytest.mark.parametrize("part", sorted(part_imports()))
def test_a_part_imports_only_from_before_it(part):
    if part == "__init__":
        return
    late = {
        other
        for other in part_imports()[part]
        if level_of(other) > level_of(part)
    }
    assert not late, f"{part} imports {sorted(late)}, which come after it."


def test_rooms_of_models_import_in_one_direction():
    graph = {}
    for path in (ROOT / "models").rglob("*.py"):
        room, *_ = path.relative_to(ROOT / "models").with_suffix("").parts
        found = {
            name.split(".")[2]
            for name in own_imports(path)
            if part_of(name) == "models"
        }
        graph.setdefault(room, set()).update(found - {room})
    del graph["__init__"]
    rooms = list(graphlib.TopologicalSorter(graph).static_order())
    assert rooms[-1] == "incremental_classifier"


def test_parts_do_not_import_each_other_in_circles():
    graph = {p: set(found) for p, found in part_imports().items()}
    while graph:
        free = {part for part, found in graph.items() if not found & set(graph)}
        assert free, f"These parts import each other in circles: {graph}."
        graph = {p: found for p, found in graph.items() if p not in free}


def test_private_names_of_keras_are_in_one_file():
    private = re.compile(r"keras\.src|\._tracker|make_train_function")
    found = [
        str(path.relative_to(ROOT))
        for path in FILES
        if private.search(path.read_text())
    ]
    assert found == ["utils/state.py"]


def test_no_underscore_attribute_of_a_keras_object_is_used_elsewhere():
    own = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            own.update(names_defined_by(node))
    layer = set(dir(keras.layers.Dense(1))) | set(dir(keras.Sequential()))
    layer |= set(dir(keras.optimizers.Adam())) | set(dir(keras.losses.Loss()))
    layer |= set(dir(keras.callbacks.Callback()))
    strangers = {}
    for path in FILES:
        if path.name == "state.py":
            continue
        used = {
            node.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr)
        }
        if (used & layer) - own:
            strangers[path.name] = sorted((used & layer) - own)
    assert not strangers


def names_defined_by(node):
    """What a function, or an assignment to `self`, calls by its own name."""
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        return {node.attr}
    return set()


def lines_of_code(path):
    """How many lines are neither blank nor text between the code."""
    source = path.read_text()
    lines = {i for i, x in enumerate(source.splitlines(), 1) if x.strip()}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, node.end_lineno + 1))
    return len(lines)


def test_no_file_has_more_than_300_lines_of_code():
    lines = {
        str(path): lines_of_code(path)
        for folder in (ROOT, TESTS, TESTS.parent / "examples")
        for path in folder.rglob("*.py")
    }
    assert not {path: n for path, n in lines.items() if n > 300}


def test_docstrings_and_blank_lines_are_no_code(tmp_path):
    path = tmp_path / "module.py"
    path.write_text('"""Two.\n\nLines.\n"""\n\n# Why.\nx = 1\n\n"""Text."""\n')
    assert lines_of_code(path) == 2


def test_test_files_have_names_of_their_own():
    names = [path.name for path in TESTS.rglob("*.py")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "README.md"])
def test_files_that_a_page_names_exist(page):
    text = (TESTS.parent / page).read_text()
    names = set(re.findall(r"[`(]((?:\w+/)+\w+\.py)[`)]", text))
    places = (TESTS.parent, ROOT)
    assert names
    assert not {n for n in names if not any((p / n).exists() for p in places)}


@pytest.mark.parametrize("place", conftest.ON_EACH_BACKEND)
def test_what_is_marked_for_each_backend_exists(place):
    assert (TESTS / place).exists(), "Its name in `conftest.py` is an old one."


def test_every_public_class_that_keras_saves_is_registered():
    savable = (
        keras.layers.Layer,
        keras.losses.Loss,
        keras.metrics.Metric,
        keras.regularizers.Regularizer,
        keras.optimizers.Optimizer,
    )
    for part in ROOT.glob("*/__init__.py"):
        if part.parent.name == "beam" and not find_spec("apache_beam"):
            continue
        package = importlib.import_module(f"{ROOT.name}.{part.parent.name}")
        for thing in vars(package).values():
            if isinstance(thing, type) and issubclass(thing, savable):
                name = keras.saving.get_registered_name(thing)
                assert thing in ABSTRACT or name.startswith(
                    "keras_incremental>"
                ), f"{thing} is not decorated with `export`."
