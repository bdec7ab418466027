"""What holds for all commands: errors, exit codes, output."""

import json
import os
import pathlib
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from toy_photos import copy
from toy_photos import run
from toy_photos import run_json
from toy_photos import write_folder
from toy_photos import write_pets
from toy_photos import write_photos

import keras_incremental.cli
from keras_incremental.cli.app import COMMANDS
from keras_incremental.cli.app import app

ROOT = pathlib.Path(keras_incremental.cli.__file__).parents[2]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def pets(photos):
    return write_pets(photos)


def leaves(commands):
    for command in commands:
        if isinstance(command, click.Group):
            yield from leaves(command.commands.values())
        else:
            yield command


LEAVES = list(leaves(COMMANDS))


@pytest.mark.parametrize("command", LEAVES, ids=lambda c: c.name)
def test_a_command_has_help_with_an_example_and_json(command):
    text = CliRunner().invoke(command, ["--help"]).stdout
    assert "$ keras-incremental " in text and command.name in text
    assert "--json" in text and max(map(len, text.splitlines())) <= 80
    example = command.epilog.split("keras-incremental ")[1]
    given = [word for word in example.split(" > ")[0].split()]
    options = {o for p in command.params for o in p.opts}
    assert {word for word in given if word.startswith("--")} <= options


def test_help_lists_the_commands_in_order_of_use():
    text = run("--help").stdout
    assert text.index("adopt") < text.index("learn ") < text.index("predict")


def test_errors_are_one_line_and_code_2(pets, tmp_path):
    done = run("evaluate", pets, tmp_path / "nowhere", code=2)
    assert done.stdout == "" and "nowhere" in done.stderr
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
    values = run_json("evaluate", pets, tmp_path / "nowhere", code=2)
    assert (
        values["type"] == "FileNotFoundError" and "nowhere" in values["error"]
    )


def test_debug_shows_where(pets, tmp_path):
    with pytest.raises(FileNotFoundError):
        run("evaluate", pets, tmp_path / "nowhere", "--debug")


def test_files_are_never_replaced_without_force(photos, pets, tmp_path):
    before = pets.read_bytes()
    done = run("learn", pets, photos / "birds", code=2)
    assert "only with --force" in done.stderr
    run("remember", pets, photos / "train", code=2)
    model = photos / "cats_dogs.keras"
    run("adopt", model, "--classes", "a,b", "--out", pets, code=2)
    assert pets.read_bytes() == before
    done = run("learn", pets, photos / "birds", "--out", "a/b.keras", code=2)
    assert "no folder 'a'" in done.stderr
    done = run("learn", pets, photos / "birds", "--out", "a.h5", code=2)
    assert "ends in .keras" in done.stderr


def test_a_report_that_cannot_be_written_is_an_error_before_all_else(
    photos, pets, tmp_path, monkeypatch
):
    arguments = ("learn", pets, photos / "birds", "--out", tmp_path / "a.keras")
    done = run(*arguments, "--report", "report.pdf", code=2)
    assert "Received: --report report.pdf" in done.stderr
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run(*arguments, "--report", tmp_path / "a.html", code=2)
    assert "drawn by matplotlib" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_broken_pictures_are_named_and_skipped_only_if_told(pets, tmp_path):
    folder = write_folder(tmp_path / "new", count=4, names=("bird",))
    (folder / "bird" / "2.png").write_bytes(b"no picture")
    arguments = ("learn", pets, folder, "--out", tmp_path / "out.keras")
    done = run(*arguments, code=2)
    assert "1 of 4 pictures" in done.stderr and "2.png" in done.stderr
    assert not (tmp_path / "out.keras").exists()
    done = run(*arguments, "--skip-broken", "--json")
    assert json.loads(done.stdout)["broken"] == [str(folder / "bird/2.png")]
    assert "Warning: Left out." in done.stderr and "2.png" in done.stderr


def test_a_folder_of_broken_pictures_is_no_data(pets, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    values = run_json("predict", pets, tmp_path, "--skip-broken")
    assert values == {"predictions": [], "broken": [str(tmp_path / "a.png")]}


def test_a_damaged_classifier_is_named(pets, photos, tmp_path):
    path = copy(pets, tmp_path)
    path.write_bytes(path.read_bytes()[:2000])
    done = run("evaluate", path, photos / "test", code=2)
    assert "damaged" in done.stderr and str(path) in done.stderr


def test_progress_is_in_lines_where_there_is_no_terminal(
    pets, photos, tmp_path
):
    out = ("--epochs", 2, "--out", tmp_path / "out.keras")
    done = run("learn", pets, photos / "birds", *out)
    assert "reading 12 files" in done.stderr and "Epoch 1/2" in done.stderr
    assert "\r" not in done.stderr and "\b" not in done.stderr
    quiet = run("predict", pets, photos / "test", "--quiet")
    assert quiet.stderr == ""


def run_module(*arguments, code="-m keras_incremental"):
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, *code.split(maxsplit=1), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment
    )


def test_the_module_runs_in_a_process_and_gives_the_exit_code(pets, tmp_path):
    done = run_module("predict", pets, tmp_path, "--json")
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["type"] == "ValueError"
    assert "Error: There are no pictures." in done.stderr
    assert "Traceback" not in done.stderr


def test_without_click_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "click", None)
    with pytest.raises(SystemExit, match="Run: pip install"):
        keras_incremental.cli.main()


def test_the_program_is_the_same_as_the_module(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["keras-incremental", "--version"])
    with pytest.raises(SystemExit) as done:
        keras_incremental.cli.main()
    assert done.value.code == 0 and app.name == "app"
    assert "keras-incremental, version" in capsys.readouterr().out


def test_tensorflow_tells_nothing_of_itself(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.setattr("keras_incremental.cli.app.app", lambda **_: None)
    keras_incremental.cli.main()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    keras_incremental.cli.main()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "1"
