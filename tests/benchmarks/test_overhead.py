import json

import keras
import numpy as np
import pytest
from benchmarks import overhead
from benchmarks import passes
from benchmarks.ratios import TOY
from benchmarks.ratios import Row
from benchmarks.timing import interleaved

PARTS = {
    "network": (
        "noise",
        "replay of exemplars, arrays",
        "replay of exemplars, tf.data",
        "live teacher",
        "cached teacher",
        "EWC by penalties",
        "EWCLoss",
        "replay + live teacher + penalties",
    ),
    "frozen": ("shared trunk",),
    "head": ("noise", "distillation"),
    "large": ("noise", "EWC by penalties", "floor of EWC"),
    "fisher": ("Fisher per label",),
    "lesson": ("whole `learn`, 2 epochs", "no tracing, 2 epochs"),
    "solved": ("`learn` of 20 pictures",),
    "growth": ("first step",),
}
MINUTES_ON_JAX = ("network", "lesson")


@pytest.mark.parametrize("group", overhead.GROUPS)
def test_every_part_has_a_row_of_finite_ratios(group):
    if keras.config.backend() == "jax" and group in MINUTES_ON_JAX:
        pytest.skip("JAX compiles a minute for what other backends cover")
    rows = list(overhead.measure(TOY, 1, [group]))
    for part in PARTS[group]:
        assert any(part in row.name for row in rows)
    ratios = np.array([row.ratios for row in rows])
    assert ratios.shape == (len(rows), 1, 2)
    assert np.all(np.isfinite(ratios)) and np.all(ratios > 0)


def test_the_table_and_the_file_have_every_row(monkeypatch, tmp_path, capsys):
    row = Row("a part", np.array([[1.0, 2.0], [3.0, 4.0]]), 1.5)
    monkeypatch.setattr(overhead, "one_thread", lambda: None)
    groups = dict.fromkeys(("one", "two"), lambda size, rounds: [row])
    monkeypatch.setattr(overhead, "GROUPS", groups)
    path = tmp_path / "rows.json"
    overhead.main(["--only", "one", "two", "--json", str(path)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[2:]] == [
        ["a", "part", "2.000"]
    ] * 2
    written = json.loads(path.read_text())
    assert written["rows"][1] == {
        "name": "a part",
        "cpu": {"median": 2.0, "quartiles": [1.5, 2.5]},
        "wall": {"median": 3.0, "quartiles": [2.5, 3.5]},
        "aim": 1.5,
        "reached": "unclear",
    }


@pytest.mark.parametrize(
    "ratios, aim, at_least, verdict",
    [
        ([1.0, 1.1, 1.2], 1.1, False, "yes"),
        ([1.0, 1.1, 1.2], 1.05, False, "unclear"),
        ([1.0, 1.1, 1.2], 1.0, False, "no"),
        ([0.7, 0.8, 0.9], 0.8, True, "yes"),
        ([0.7, 0.8, 0.9], 0.82, True, "unclear"),
        ([0.7, 0.8, 0.9], 0.9, True, "no"),
        ([0.7, 0.8, 0.9], None, False, ""),
    ],
)
def test_an_aim_between_median_and_quartile_is_unclear(
    ratios, aim, at_least, verdict
):
    both = np.stack([ratios, np.ones(3)], axis=1)
    assert Row("row", both, aim, at_least).verdict == verdict


def test_runs_take_turns_after_one_that_does_not_count():
    calls = []
    runs = {name: lambda name=name: calls.append(name) or 1 for name in "ab"}
    assert interleaved(runs, 2)["a"].tolist() == [1, 1]
    assert calls == ["a", "b"] * 3


def test_the_bare_gradient_is_that_of_the_loss():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.set_weights([np.zeros((2, 2)), np.zeros(2)])
    x = np.array([[1.0, 2.0]], "float32")
    kernel, bias = passes.forward_backward(model, x, np.array([1]))()
    np.testing.assert_allclose(bias, [0.5, -0.5])
    np.testing.assert_allclose(kernel, [[0.5, -0.5], [1.0, -1.0]])


def test_the_elementwise_pass_gives_an_array_for_each_variable():
    variables = [keras.Variable([1.0, 3.0]), keras.Variable([[2.0]])]
    first, second = passes.elementwise(variables)()
    np.testing.assert_allclose(first, [1.0, 5.0])
    np.testing.assert_allclose(second, [[3.0]])


def test_the_elementwise_pass_outlives_a_step_of_training():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    add_pull = passes.elementwise(model.trainable_variables)
    model.fit(np.ones((1, 2)), np.ones((1, 1)), verbose=0)
    assert [tuple(pull.shape) for pull in add_pull()] == [(2, 1), (1,)]
