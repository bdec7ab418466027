import numpy as np
import pytest

from keras_incremental import ExemplarMemory
from keras_incremental.data import as_source
from keras_incremental.utils import long_progress
from keras_incremental.utils.long_progress import LongProgress

BATCHES = [(np.zeros((2, 3)), np.array([0, 1]))] * 4


@pytest.fixture
def slow(monkeypatch):
    monkeypatch.setattr(long_progress, "PATIENCE", -1.0)


def count(target, verbose):
    progress = LongProgress("counting", target, verbose, "sheep")
    for _ in range(4):
        progress.add()


def test_what_is_soon_done_is_not_told(capsys):
    count(4, 1)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("target", [4, None])
def test_what_takes_long_is_told(target, slow, capsys):
    count(target, 1)
    out = capsys.readouterr().out
    assert out.startswith("counting\n") and out.count("counting") == 1
    assert "4/4" in out if target else "/Unknown" in out


def test_nothing_is_told_to_those_who_ask_for_nothing(slow, capsys):
    count(4, 0)
    assert capsys.readouterr().out == ""


def read(verbose):
    as_source(BATCHES).collect(verbose=verbose)


def select(verbose):
    memory = ExemplarMemory(4, selection="random")
    memory.update(np.eye(8), np.arange(8) % 4, verbose=verbose)


@pytest.mark.parametrize(
    "stage, told",
    [(read, "reading `x`"), (select, "selecting exemplars")],
)
def test_a_long_stage_is_told_if_it_is_asked_for(stage, told, slow, capsys):
    stage(0)
    assert capsys.readouterr().out == ""
    stage(1)
    out = capsys.readouterr().out
    assert out.startswith(told) and "4/4" in out
