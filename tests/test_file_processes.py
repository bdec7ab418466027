"""A run of tests in processes, as `pytest --processes 2` makes it."""

import pathlib
import subprocess
import sys

import file_processes
import pytest

CONFTEST = """
from file_processes import FileProcesses

def pytest_configure(config):
    config.pluginmanager.register(FileProcesses(2))
"""

TESTS = """
import os
import pytest

@pytest.fixture(scope="module")
def seen():
    names = []
    yield names
    print("seen at the end:", *names)

def test_first(seen):
    seen.append("first")

def test_that_fails():
    print("It was", 2)
    assert False, "as it should"

def test_that_ends_its_process():
    os._exit(7)

@pytest.mark.skip
def test_that_is_skipped():
    pass

def test_last(seen):
    assert not seen
    seen.append("last")
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs two files of the tests above, and returns what pytest says."""
    folder = str(pathlib.Path(file_processes.__file__).parent)
    monkeypatch.setenv("PYTHONPATH", folder)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for name in ("one", "two"):
        (tmp_path / f"test_{name}.py").write_text(TESTS)

    def call(*arguments):
        command = [sys.executable, "-m", "pytest", *arguments, "."]
        done = subprocess.run(
            command, cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        return done.returncode, done.stdout

    return call


def test_every_test_is_reported_whatever_ends_its_process(run):
    code, said = run("-rA")
    assert code == 1
    assert said.splitlines()[-1].startswith("=")
    assert "4 failed, 4 passed, 2 skipped" in said
    for file in ("one", "two"):
        assert f"FAILED test_{file}.py::test_that_fails" in said
        assert f"FAILED test_{file}.py::test_that_ends_its_process" in said
        assert f"PASSED test_{file}.py::test_last" in said
    assert said.count("The process ended with exit code 7.") >= 2
    assert said.count("It was 2") == 2
    assert said.count("seen at the end: last") == 2


def test_the_first_failure_ends_the_run(run):
    code, said = run("-x")
    assert code == 1
    assert "stopping after 1 failures" in said
    assert "test_last" not in said
