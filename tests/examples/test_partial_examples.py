import importlib
import pathlib

import keras
import pytest

from keras_incremental.problems import PartialLabelWarning

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"

# The same steps are tested on every backend in tests/models.
pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="the examples' backend"
)


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    # The examples set it; this brings it back.
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    return importlib.import_module


def leave_out(monkeypatch, module, function, names):
    """Lets a function of a module return its dict without some keys."""
    whole = getattr(module, function)

    def without(*arguments):
        found = whole(*arguments)
        for name in names:
            del found[name]
        return found

    monkeypatch.setattr(module, function, without)


def test_partial_labels_learns_and_draws(
    example, tmp_path, monkeypatch, capsys
):
    module, picture = example("partial_labels"), tmp_path / "scenes.png"
    leave_out(monkeypatch, module, "ways", ["all labelled"])
    reports = module.main(["--toy", "--picture", str(picture)])
    assert list(reports) == ["naive", "ours"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert (
        "| labels of the new scenes | A-F before | A-F after | 7 |" in printed
    )
    assert "MergedDistillation" in reports["ours"].used["method"]
    assert "MergedDistillation" not in reports["naive"].used["method"]


def test_hidden_class_compares_the_remedies(example, monkeypatch, capsys):
    module = example("hidden_class")
    monkeypatch.setattr(module, "SHARES", (0.5,))
    others = ["20 old shoes labelled anew", "old labels taken at their word"]
    leave_out(monkeypatch, module, "remedies", others)
    rows, caught = module.main(["--toy"])
    values = {remedy: values for _, remedy, values in rows}
    assert len(values) == 3
    assert [w.category for w in caught] == [PartialLabelWarning]
    best = values["all boots labelled in new pictures"]
    assert min(best) > 0.6
    assert "recall of boots" in capsys.readouterr().out
