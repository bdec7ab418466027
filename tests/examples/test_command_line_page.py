"""The commands of `examples/command_line.md`, on made-up pictures."""

import pathlib
import re
import shlex
import shutil

import pytest
from click.testing import CliRunner
from toy_photos import write_folder
from toy_photos import write_model

from keras_incremental.cli.app import app
from keras_incremental.metrics import drop_interval
from keras_incremental.metrics import samples_to_decide
from keras_incremental.models import read_class_names

PAGE = pathlib.Path(__file__).parents[2] / "examples" / "command_line.md"
TEXT = PAGE.read_text()
PROGRAM = "keras-incremental "


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def commands(text):
    """The commands in a text, lines that go on joined."""
    lines = text.replace("\\\n", " ").splitlines()
    lines = (line.strip().removeprefix("- run: ") for line in lines)
    return [line for line in lines if line.startswith(PROGRAM)]


def run(commands):
    """Runs commands up to the first that fails, and returns results."""
    results = []
    for command in commands:
        arguments = shlex.split(command.removeprefix(PROGRAM))
        results.append(CliRunner().invoke(app, arguments))
        if results[-1].exit_code:
            break
    return results


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """What the page has at the start."""
    folder = tmp_path_factory.mktemp("page")
    write_folder(folder / "photos/train", 12, seed=1, names=("cat", "dog"))
    write_folder(folder / "photos/test", 100, seed=2)
    write_folder(folder / "all", 12, seed=3, names=("bird",))
    (folder / "all" / "bird").rename(folder / "birds")
    shutil.copytree(folder / "photos/test/dog", folder / "holidays")
    write_model(folder / "cats_dogs.keras")
    return folder


@pytest.fixture(scope="module")
def after_five(start):
    """Results of the five commands, in the folder of the page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(start)
        return run(commands("".join(blocks("shell"))))


def test_five_commands_teach_a_class(after_five, start):
    assert [result.exit_code for result in after_five] == [0] * 5
    _, _, learned, evaluated, predicted = (r.stdout for r in after_five)
    assert "accepted" in learned and (start / "report.html").exists()
    assert read_class_names(start / "pets2.keras") == ["cat", "dog", "bird"]
    assert float(evaluated.split()[-3]) > 95
    assert predicted.count("dog") > 95


@pytest.mark.parametrize(
    ("photos", "codes"),
    [("birds", [0, 0]), ("photos/test/cat", [3])],
    ids=["birds", "cats that are labeled birds"],
)
def test_the_job_refuses_a_bad_update(
    after_five, start, photos, codes, tmp_path, monkeypatch
):
    for name in ("photos", "pets.keras"):
        (tmp_path / name).symlink_to(start / name)
    shutil.copytree(start / photos, tmp_path / "new" / "bird")
    monkeypatch.chdir(tmp_path)
    results = run(commands(blocks("yaml")[0]))
    assert [result.exit_code for result in results] == codes
    assert ("REFUSED" in results[0].stdout) == (3 in codes)
    assert (tmp_path / "candidate.keras").exists() != (3 in codes)
    assert (tmp_path / "learned.html").exists()


def test_the_numbers_of_pictures_are_those_of_the_functions():
    limits, text = (0.05, 0.02, 0.01), re.sub(r"\s+", " ", TEXT)
    proven, decided = [], []
    for limit in limits:
        count = 1
        while drop_interval(0, 0, count)[1] > limit:
            count += 1
        proven.append(count)
        decided.append(samples_to_decide(100, 100, 10_000, limit))
    for count, limit in zip(proven, limits, strict=True):
        assert re.search(rf"\b{count}\b.*{100 * limit:.0f} point", text)
    assert "{}, {} and {:,}".format(*decided) in text


def test_every_command_of_the_page_exists():
    for language in ("shell", "yaml", "bash"):
        for command in commands("".join(blocks(language))):
            assert command.split()[1] in app.commands
