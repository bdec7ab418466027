"""The tutorials: their format, and what they show at toy size."""

import ast
import importlib
import json
import pathlib
import re
import runpy
import sys

import keras
import numpy as np
import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
START = '"""\nTitle: '
SCRIPTS = [
    path for path in EXAMPLES.glob("*.py") if path.read_text().startswith(START)
]
TUTORIALS = (
    "transfer_learning_cats_vs_dogs",
    "vgg16_bottleneck_features",
    "mobilenet_folders",
    "kerashub_classifier",
)
HEADER = (
    r"Title: \S.*",
    r"Authors?: \S.*",
    r"Date created: \d{4}/\d\d/\d\d",
    r"Last modified: \d{4}/\d\d/\d\d",
    r"Description: [A-Z].{,98}\.",
    r"Accelerator: (GPU|TPU|None)",
    '"""',
)
only_on_tensorflow = pytest.mark.skipif(
    keras.config.backend() != "tensorflow",
    reason="reads `tf.data`; the bottleneck features run on every backend",
)
all_scripts = pytest.mark.parametrize("path", SCRIPTS, ids=lambda x: x.stem)
all_tutorials = pytest.mark.parametrize("name", TUTORIALS)


@pytest.fixture
def notebooks(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("to_notebooks")


@all_scripts
def test_a_script_has_the_header_of_keras_examples(path):
    lines = path.read_text().splitlines()[1 : 1 + len(HEADER)]
    for pattern, line in zip(HEADER, lines, strict=True):
        assert re.fullmatch(pattern, line), line


@all_scripts
def test_a_script_is_formatted_as_keras_examples_are(path):
    for line in path.read_text().splitlines():
        assert line == line.rstrip(), f"trailing space: {line!r}"
        assert len(line) <= 90 or "](http" in line, f"too long: {line!r}"
        alone = line.startswith('"""') and line.endswith('"""')
        assert line == '"""' or not alone, f"text on one line: {line!r}"


@all_scripts
def test_text_and_code_take_turns(path):
    assert path.read_text().splitlines().count('"""') % 2 == 0


def cells_of(notebooks, name):
    return notebooks.read_cells((EXAMPLES / f"{name}.py").read_text())


def sections(cells):
    texts = (text for kind, text in cells if kind == "markdown")
    return re.findall(r"^## (.*)$", "\n".join(texts), re.M)


@all_tutorials
def test_a_tutorial_begins_and_ends_as_all_do(notebooks, name):
    titles = sections(cells_of(notebooks, name))
    assert titles[0] == "Introduction"
    assert titles[-1] == "Next steps"
    wanted = ["New classes", "What was kept and lost", "Next steps"]
    assert [title for title in titles if title in wanted] == wanted


@all_tutorials
def test_the_new_classes_are_three_lines_of_code(notebooks, name):
    cells = cells_of(notebooks, name)
    (index,) = (
        i for i, (_, text) in enumerate(cells) if "## New classes\n" in text
    )
    kind, code = cells[index + 1]
    assert kind == "code"
    assert 2 <= len(ast.parse(code).body) <= 4
    assert "ki.IncrementalClassifier(" in code


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a tutorial at toy size, and returns its names."""
    from matplotlib import pyplot

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLES)

    def run_script(name):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", "--toy"])
        return runpy.run_path(str(EXAMPLES / f"{name}.py"))

    yield run_script
    pyplot.close("all")


def check_kept(report, least=0.9):
    assert report.old_score_before > least
    assert report.old_score > least
    assert report.new_score > least
    assert report.accepted
    assert report.seconds > 0
    assert report.nbytes["exemplars"] > 0


# Keras says so of every `tf.data` that `fit` is given.
quiet = pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")


@quiet
@only_on_tensorflow
def test_cats_and_dogs_get_two_classes(run, tmp_path, capsys):
    names = run("transfer_learning_cats_vs_dogs")
    for report in names["reports"]:
        check_kept(report)
    assert names["classifier"].classes == ("cat", "dog", "digit", "garment")
    for report in names["naive_reports"]:
        assert report.new_score == 1
        assert report.old_score < 0.5
    assert "with keras_incremental" in capsys.readouterr().out
    page = (tmp_path / "transfer_learning.html").read_text()
    assert "garment" in page and "MB" in page
    assert (tmp_path / "transfer_learning.png").stat().st_size > 10_000
    again = keras.saving.load_model(tmp_path / "pets.keras")
    assert again.classes == names["classifier"].classes


@quiet
def test_a_class_is_added_to_bottleneck_features(run, tmp_path):
    names = run("vgg16_bottleneck_features")
    check_kept(names["report"])
    assert (tmp_path / "vgg16_bottleneck.png").stat().st_size > 10_000


@quiet
@only_on_tensorflow
def test_a_folder_of_one_class_is_enough(run, tmp_path):
    names = run("mobilenet_folders")
    check_kept(names["report"])
    assert names["classifier"].classes == ("cat", "dog", "garment")
    assert (tmp_path / "mobilenet_folders.png").stat().st_size > 10_000


@quiet
@only_on_tensorflow
def test_a_task_of_kerashub_stays_one(run, tmp_path):
    names = run("kerashub_classifier")
    check_kept(names["report"])
    assert names["difference"] < 1e-4
    assert names["wider_classifier"].get_config()["num_classes"] == 3
    assert (tmp_path / "kerashub_classifier.png").stat().st_size > 10_000


def test_a_notebook_has_the_cells_of_its_script(notebooks, tmp_path):
    scripts = notebooks.literate_scripts()
    assert {path.stem for path in scripts} >= set(TUTORIALS)
    for script, path in zip(
        scripts, notebooks.write_notebooks(scripts, tmp_path), strict=True
    ):
        notebook = json.loads(path.read_text())
        title, *cells = notebook["cells"]
        assert title["source"][0].startswith("# ")
        code = [
            "".join(cell["source"])
            for cell in cells
            if cell["cell_type"] == "code"
        ]
        script = ast.parse(script.read_text())
        texts = [
            x
            for x in script.body
            if isinstance(x, ast.Expr) and isinstance(x.value, ast.Constant)
        ]
        kept = [ast.dump(x) for x in script.body if x not in texts]
        assert [ast.dump(x) for x in ast.parse("\n".join(code)).body] == kept
        assert len(texts) == 1 + sum(
            cell["cell_type"] == "markdown" for cell in cells
        )
        assert len({cell["id"] for cell in notebook["cells"]}) == 1 + len(cells)


def test_cells_are_cut_at_lines_of_quotes(notebooks):
    header = "\n".join(["x: y"] * notebooks.FIELDS)
    source = f'"""\n{header}\n"""\n\na = 1\n\n"""\n## B\n"""\n\nb = "2"\n'
    assert notebooks.read_cells(source) == [
        ("code", "a = 1"),
        ("markdown", "## B"),
        ("code", 'b = "2"'),
    ]


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("offline")


def test_nothing_is_replaced_in_a_notebook(offline):
    stand_ins = offline.read_stand_ins(["-f", "kernel.json"])
    assert not stand_ins.offline
    assert stand_ins.backbone((8, 8, 3)) is None
    assert stand_ins.vgg16((8, 8, 3)) is None


def test_downloaded_flowers_get_a_folder_of_their_own(
    offline, tmp_path, monkeypatch
):
    for name in "cba":
        photo = tmp_path / "flower_photos" / "tulips" / f"{name}.jpg"
        photo.parent.mkdir(parents=True, exist_ok=True)
        photo.touch()
    monkeypatch.setattr(keras.utils, "get_file", lambda **_: str(tmp_path))
    monkeypatch.chdir(tmp_path)
    pets, flowers = offline.download(held_out=1)
    assert pets == tmp_path / "cats_and_dogs_filtered"
    parts = {
        part: [path.name for path in (flowers / part / "tulips").iterdir()]
        for part in ("train", "validation")
    }
    assert parts["validation"] == ["a.jpg"]
    assert sorted(parts["train"]) == ["b.jpg", "c.jpg"]


def test_parts_of_the_made_up_pictures_differ(offline):
    parts = {
        part: offline.toy_pictures(("cat", "dog"), part)[0]
        for part in ("train", "validation", "test")
    }
    assert not np.array_equal(parts["train"], parts["test"])
    assert not np.array_equal(parts["train"], parts["validation"])
    again = offline.toy_pictures(("cat", "dog"), "train")[0]
    np.testing.assert_array_equal(parts["train"], again)


def test_splits_of_the_guide_become_three_parts(offline):
    splits = ["train[:40%]", "train[40%:50%]", "train[50%:60%]"]
    parts = [offline._part_of(split) for split in splits]
    assert parts == ["train", "validation", "test"]
    assert [offline._part_of(x) for x in ("train[:2%]", "test[:5%]")] == [
        "train",
        "test",
    ]
