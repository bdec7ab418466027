"""A sample of the classifiers that users have, through all steps."""

import warnings

import pytest
from benchmarks import compatibility
from benchmarks import known_networks
from benchmarks import model_forms

pytest.importorskip("tensorflow")
TAKEN = {
    "1x1 convolution, then Flatten": "heads",
    "image and metadata in a dict": "inputs",
    "FeatureSpace, raw": "inputs",
    "strings": "inputs",
    "ResNetImageClassifier": "hub",
}
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
    row = tried(TAKEN[name], name)
    assert row.steps == dict.fromkeys(row.steps, True)
    assert set(row.steps) == set(compatibility.STEPS)
    assert name in compatibility.table([row])


def test_what_is_refused_is_told():
    row = tried("heads", "sum of two heads")
    assert set(row.steps) == {"adopted"}
    assert "one `Dense` layer" in compatibility.messages([row])
    found = compatibility.summary({"heads": [row]})
    assert found.splitlines()[-1] == "| heads | 1 | 0 | 0 | 0 | 0 | 0 |"
