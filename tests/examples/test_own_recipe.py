import importlib
import inspect
import pathlib

import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


@pytest.fixture
def own_recipe(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("own_recipe")


def test_each_part_is_short(own_recipe):
    for part in ("KeepLargeWeights", "spread", "NaiveBayes"):
        source = inspect.getsource(getattr(own_recipe, part))
        assert len(source.splitlines()) < 40, part


def test_the_page_runs_and_says_what_it_shows(own_recipe, monkeypatch, capsys):
    monkeypatch.setattr(own_recipe, "PHASES", ([2, 3, 4],))
    own_recipe.main()
    printed = capsys.readouterr().out
    rows = [line.rsplit(maxsplit=3) for line in printed.splitlines()[3:]]
    accuracy = {name.strip(): float(a.rstrip("%")) for name, a, *_ in rows}
    assert set(accuracy) == set(own_recipe.own_recipes())
    for name in ("replay", "own penalty", "own selection", "own head"):
        assert accuracy[name] > accuracy["fine_tuning"] + 10, name
