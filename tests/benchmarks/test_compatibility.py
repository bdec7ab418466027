"""A sample of the classifiers that users have, through all steps."""

import pathlib
import warnings

import keras
import pytest
from benchmarks import compatibility
from benchmarks import known_networks
from benchmarks import model_forms
from benchmarks import outcomes

pytest.importorskip("tensorflow")
ROOT = pathlib.Path(__file__).parents[2]
TAKEN = {
    "1x1 convolution, then Flatten": "heads",
    "image and metadata in a dict": "inputs",
    "FeatureSpace, raw": "inputs",
    "strings": "inputs",
    "ResNetImageClassifier": "hub",
}
OF_STRINGS = ("FeatureSpace, raw", "strings")
FORMS = {
    "heads": model_forms.HEADS,
    "inputs": model_forms.INPUTS,
    "hub": known_networks.hub(),
}


def tried(group, name):
    with warnings.catch_warnings(action="ignore"):
        return compatibility.tried(name, FORMS[group][name])


@pytest.mark.parametrize("name", TAKEN)
def test_what_users_have_passes_all_steps(name):
    if name in OF_STRINGS and keras.config.backend() != "tensorflow":
        pytest.skip("Only TensorFlow has tensors of strings.")
    row = tried(TAKEN[name], name)
    assert row.steps == dict.fromkeys(row.steps, True)
    assert set(row.steps) == set(compatibility.STEPS)
    assert name in outcomes.table([row], compatibility.STEPS)


def test_what_is_refused_is_told():
    row = tried("heads", "sum of two heads")
    assert set(row.steps) == {"adopted"}
    page = outcomes.page("heads", [row], compatibility.STEPS)
    assert "one `Dense` layer" in page and "0 of 1 pass" in page
    assert "| sum of two heads | refused |" in page


def test_the_page_tells_of_all_that_is_tried():
    page = (ROOT / "examples" / "compatibility.md").read_text()
    for group, attempts in compatibility.groups().items():
        section = page.split(f"## {group}")[1].split("\n## ")[0]
        told = {name for name in attempts if f"| {name} |" in section}
        missing = {name.split(",")[0] for name in set(attempts) - told}
        unsaid = [name for name in missing if name not in section]
        assert not unsaid, (group, unsaid)
