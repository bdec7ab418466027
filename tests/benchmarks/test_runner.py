import dataclasses
import gc
import json
import sys

import numpy as np
import pytest
from benchmarks import methods
from benchmarks import peak_memory
from benchmarks import results
from benchmarks import runner
from benchmarks.material import prepare
from benchmarks.one_run import optimizer_of
from benchmarks.one_run import run_one
from toy_benchmarks import PROTOCOL
from toy_benchmarks import install
from toy_benchmarks import toys as toys

from keras_incremental import contrib

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture(scope="module")
def values():
    """What a run of replay measured."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        install(monkeypatch)
        return run_one(prepare(PROTOCOL), PROTOCOL, "er", 1)


@pytest.fixture
def seeds(monkeypatch):
    """Seeds of the runs that were started; nothing is run."""
    started = []

    def fake(material, protocol, recipe, seed, after_phase):
        started.append(seed)
        for _ in range(2):
            after_phase()
        return {
            "recipe": recipe,
            "seed": seed,
            "protocol": protocol.to_dict(),
        }

    monkeypatch.setattr(runner, "run_one", fake)
    return started


def test_a_run_counts_all_seen_test_samples_after_each_phase(
    values,
):
    assert values["phases"] == [["a", "b"], ["c", "d"]]
    first, last = values["matrix"]["rows"]
    assert first["total"] == [3, 3, 0, 0]
    assert last["total"] == [3, 3, 3, 3]
    counts = [np.array(last[k]) for k in ("correct", "within_group")]
    assert np.all(counts[0] <= counts[1])


def test_a_run_says_what_it_did_and_took(values):
    # 12 new samples in batches of 4 for 2 epochs; exemplars come on top.
    assert values["steps"] == [6, 6]
    assert len(values["seconds"]) == 2 and min(values["seconds"]) > 0
    assert values["words"][0] == "plain Keras"
    assert "replay of exemplars" in values["words"][1]
    assert values["options"] == {"budget": 6}
    assert values["exemplars"] <= 6
    assert values["versions"]["backend"] in values["versions"]
    assert sum(values["confusion"].values()) == 12
    assert 0 <= values["calibration_error"]["old"] <= 1
    json.dumps(values, allow_nan=False)


def test_a_recipe_with_epochs_of_its_own_has_these():
    # 6 exemplars in batches of 4, 30 times.
    assert run_one(prepare(PROTOCOL), PROTOCOL, "gdumb", 1)["steps"] == [6, 60]


def test_a_run_is_the_same_twice_and_another_by_another_seed(values):
    material = prepare(PROTOCOL)
    again, other = (run_one(material, PROTOCOL, "er", seed) for seed in (1, 7))
    for key in ("matrix", "calibration_error", "confusion"):
        assert again[key] == values[key]
    assert other["calibration_error"] != values["calibration_error"]


def test_the_rate_of_a_protocol_is_that_of_all_weights(monkeypatch):
    protocol = dataclasses.replace(
        PROTOCOL, backbone="toy_dense", learning_rate=0.25
    )
    given = {}
    original = methods.classifier

    def spied(*arguments):
        made = original(*arguments)
        learn = made.learn

        def learn_spied(*args, **kwargs):
            given.update(kwargs, rate=made.backbone_learning_rate)
            return learn(*args, **kwargs)

        object.__setattr__(made, "learn", learn_spied)
        return made

    monkeypatch.setattr(methods, "classifier", spied)
    run_one(prepare(protocol), protocol, "fine_tuning", 1)
    assert given["rate"] == 0.25
    assert float(given["optimizer"].learning_rate) == 0.25
    assert given["optimizer"].momentum == 0.9
    assert optimizer_of(PROTOCOL) is None


def test_finished_runs_are_not_run_again(tmp_path, seeds):
    assert runner.run_all(PROTOCOL, ["fine_tuning"], tmp_path, quiet=True) == []
    assert seeds == [1, 2]
    first, second = sorted(tmp_path.iterdir())
    assert (first.name, second.name) == (
        "fine_tuning-seed1.json",
        "fine_tuning-seed2.json",
    )
    second.unlink()
    written = first.stat().st_mtime_ns
    runner.run_all(PROTOCOL, ["fine_tuning"], tmp_path, quiet=True)
    assert seeds == [1, 2, 2]
    assert first.stat().st_mtime_ns == written


def test_a_failed_run_leaves_its_error_and_the_others_go_on(
    tmp_path, monkeypatch
):
    def fake(material, protocol, recipe, seed, after_phase):
        if recipe == "fine_tuning":
            raise RuntimeError("diverged")
        return {"recipe": recipe, "seed": seed}

    monkeypatch.setattr(runner, "run_one", fake)
    protocol = dataclasses.replace(PROTOCOL, seeds=(1,))
    recipes = ["fine_tuning", "er"]
    failed = runner.run_all(protocol, recipes, tmp_path, quiet=True)
    assert failed == ["fine_tuning-seed1"]
    assert "diverged" in (tmp_path / "fine_tuning-seed1.error").read_text()
    assert results.path_of(tmp_path, "er", 1).exists()


def test_a_run_that_succeeds_at_last_removes_its_error(tmp_path, monkeypatch):
    (tmp_path / "fine_tuning-seed1.error").write_text("diverged")
    monkeypatch.setattr(
        runner, "run_one", lambda *args: {"recipe": "fine_tuning", "seed": 1}
    )
    protocol = dataclasses.replace(PROTOCOL, seeds=(1,))
    runner.run_all(protocol, ["fine_tuning"], tmp_path, quiet=True)
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


def test_progress_counts_phases_and_quiet_shows_nothing(
    tmp_path, seeds, capsys
):
    runner.run_all(PROTOCOL, ["fine_tuning"], tmp_path / "quiet", quiet=True)
    assert capsys.readouterr() == ("", "")
    pytest.importorskip("tqdm")
    runner.run_all(PROTOCOL, ["fine_tuning"], tmp_path / "loud")
    assert "fine_tuning, seed 2: 100%" in capsys.readouterr().err


def test_without_tqdm_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match="--quiet"):
        runner.run_all(PROTOCOL, ["fine_tuning"], tmp_path)


def test_an_unknown_network_is_refused_before_anything_is_read(tmp_path):
    protocol = dataclasses.replace(PROTOCOL, backbone="resnet", data="none")
    with pytest.raises(ValueError, match="backbone='resnet'"):
        runner.run_all(protocol, ["fine_tuning"], tmp_path, quiet=True)


def test_a_recipe_is_given_the_exemplars_that_it_can_keep():
    per_class = dataclasses.replace(PROTOCOL, budget=None, per_class=3)
    own = dataclasses.replace(PROTOCOL, budget=None)
    assert methods.options_of("er", PROTOCOL) == {"budget": 6}
    assert methods.options_of("er", per_class) == {"per_class": 3}
    assert methods.options_of("er", own) == {}
    assert methods.options_of("fine_tuning", PROTOCOL) == {}


def test_all_recipes_are_those_that_learn_in_phases():
    chosen = methods.chosen(["all"])
    assert set(methods.names()) - set(chosen) == set(contrib.names())
    assert methods.chosen(["gdumb", "er"]) == ["gdumb", "er"]
    with pytest.raises(ValueError, match=r"no recipes \['magic'\]"):
        methods.chosen(["er", "magic"])


def test_a_recipe_may_be_followed_by_its_arguments():
    name = "er+mixing=concatenate+per_class=5"
    assert methods.chosen([name]) == [name]
    assert methods.options_of(name, PROTOCOL) == {
        "budget": 6,
        "mixing": "concatenate",
        "per_class": 5,
    }
    with pytest.raises(ValueError, match=r"no arguments \['mixng'\]"):
        methods.chosen(["er+mixng=concatenate"])


def test_peak_memory_is_what_was_taken_since_the_start():
    # Tests before this one may give memory back while it runs.
    gc.collect()
    memory = peak_memory.PeakMemory()
    before = memory.megabytes
    block = np.ones(300_000_000, "uint8")
    assert memory.megabytes >= before + 0.5 * block.nbytes / 1e6


def test_without_linux_peak_memory_is_that_of_the_process(
    tmp_path, monkeypatch
):
    for name in ("STATUS", "RESET"):
        monkeypatch.setattr(peak_memory, name, tmp_path / "none" / "file")
    memory = peak_memory.PeakMemory()
    assert memory.since == "start of the process"
    assert memory.megabytes > 10
