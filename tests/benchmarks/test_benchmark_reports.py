import csv
import dataclasses
import json
import sys

import numpy as np
import pytest
from benchmarks import plots
from benchmarks import results
from benchmarks import tables
from benchmarks.__main__ import main
from benchmarks.protocols import S1
from benchmarks.protocols import Protocol
from benchmarks.summary import Figure
from benchmarks.summary import rows_of
from toy_benchmarks import toys as toys

PROTOCOL = Protocol(data="toy")


def values_of(recipe, seed, old, new, protocol=PROTOCOL):
    """A run: `old` of 10 samples right at the end, `new` of 30; all before."""
    rows = [
        {
            "total": [10],
            "correct": [10],
            "within_group": [10],
            "right_group": [10],
        },
        {
            "total": [10, 30],
            "correct": [old, new],
            "within_group": [10, 30],
            "right_group": [old, new],
        },
    ]
    return {
        "recipe": recipe,
        "seed": seed,
        "protocol": protocol.to_dict(),
        "phases": [["a"], ["b"]],
        "matrix": {"group_sizes": [1, 1], "rows": rows},
        "seconds": [1.0, 2.5],
        "exemplar_megabytes": 0.5,
        "peak_megabytes": 12.0,
        "versions": {"keras_incremental": "1", "backend": "torch"},
    }


@pytest.fixture
def folder(tmp_path):
    for values in (
        values_of("er", 1, 5, 27),
        values_of("er", 2, 7, 27),
        values_of("naive", 1, 0, 30),
        values_of("naive", 2, 0, 28),
        values_of("once", 2, 9, 29),
    ):
        results.write(tmp_path, values)
    return tmp_path


def test_figures_of_a_run_follow_from_its_counts(folder):
    run = results.read(folder)[1]
    assert (run.recipe, run.seed) == ("er", 2)
    assert run.last == pytest.approx(100 * 34 / 40)
    assert run.average == pytest.approx((100 + 85) / 2)
    assert run.curve == pytest.approx([100, 85])
    assert run.forgetting == pytest.approx(30)
    assert run.task_aware == 100
    assert run.seconds == 3.5


def test_rows_are_means_and_deviations_over_runs(folder):
    rows = {row.name: row for row in rows_of(results.read(folder))}
    assert rows["er"].runs == 2
    last = rows["er"].figures["last"]
    assert last.mean == pytest.approx((80 + 85) / 2)
    assert last.deviation == pytest.approx(5 / np.sqrt(2))
    assert np.isnan(rows["once"].figures["last"].deviation)


def test_differences_to_replay_are_of_the_same_seeds(folder):
    rows = {row.name: row for row in rows_of(results.read(folder))}
    # 75 - 80 and 70 - 85 per cent.
    difference = rows["naive"].figures["to_replay"]
    assert difference.mean == pytest.approx(-10)
    assert difference.deviation == pytest.approx(10 / np.sqrt(2))
    assert rows["once"].figures["to_replay"].mean == pytest.approx(95 - 85)
    assert rows["er"].figures["to_replay"] == Figure(0.0, 0.0)


def test_without_the_baseline_there_is_no_difference(folder):
    rows = rows_of(results.read(folder), baseline="magic")
    assert all("to_replay" not in row.figures for row in rows)


def test_the_markdown_table_has_the_best_method_first(folder):
    lines = tables.report(results.read(folder)).splitlines()
    table = [line for line in lines if line.startswith("|")]
    names = [line.split(" | ")[0].strip("| ") for line in table[2:]]
    assert names == ["once", "er", "naive"]
    assert len({line.count("|") for line in table}) == 1
    replay = [cell.strip() for cell in table[3].strip("|").split("|")]
    assert replay == [
        "er",
        "2",
        "91.2 ± 1.8",
        "82.5 ± 3.5",
        "+0.0 ± 0.0",
        "40.0 ± 14.1",
        "100.0 ± 0.0",
        "3.5 ± 0.0",
        "0.50 ± 0.00",
        "12 ± 0",
    ]


def test_the_csv_table_has_numbers(folder):
    text = tables.report(results.read(folder), form="csv")
    rows = {row["method"]: row for row in csv.DictReader(text.splitlines())}
    assert float(rows["naive"]["last"]) == 72.5
    assert rows["once"]["last_deviation"] == ""


def test_peers_are_beside_our_rows_under_their_protocol(tmp_path):
    results.write(tmp_path, values_of("er", 0, 5, 27, S1))
    text = tables.report(results.read(tmp_path), "s1")
    bic = next(x for x in text.splitlines() if x.startswith("| *avalanche BiC"))
    cells = [cell.strip() for cell in bic.strip("|").split("|")]
    assert cells[2] == "85.4"
    assert cells[3].startswith("78.4 ± ")
    # 77.8 - 78.1, 79.3 - 80.7 and 78.0 - 78.5.
    assert cells[4] == "-0.7 ± 0.6"
    assert cells[7] == "-"
    assert "not resolved" in text and S1.remark in text


def test_peers_of_another_protocol_are_refused(folder):
    with pytest.raises(ValueError, match="protocol='s1'"):
        tables.report(results.read(folder), "s1")


def test_nothing_to_report_is_said(tmp_path):
    with pytest.raises(ValueError, match="no finished runs"):
        tables.report(results.read(tmp_path))


def test_runs_of_two_protocols_are_not_mixed(folder):
    other = dataclasses.replace(PROTOCOL, epochs=9)
    with pytest.raises(ValueError, match=r"\['epochs'\] differ"):
        results.check_protocol(folder, results.read(folder), other)
    more_seeds = dataclasses.replace(PROTOCOL, seeds=(4,), data_dir="there")
    results.check_protocol(folder, results.read(folder), more_seeds)


def test_an_unfinished_file_is_no_result(folder):
    (folder / "er-seed3.unfinished").write_text("{")
    assert len(results.read(folder)) == 5


def test_the_band_is_the_interval_of_the_mean():
    mean, half = plots.band([[1.0, 4.0], [3.0, 4.0], [2.0, 4.0]])
    np.testing.assert_allclose(mean, [2, 4])
    np.testing.assert_allclose(half, [4.30 * 1 / np.sqrt(3), 0])
    mean, half = plots.band([[1.0, 4.0]])
    np.testing.assert_allclose(half, [0, 0])


def test_curves_are_drawn_to_a_file(folder, tmp_path):
    path = tmp_path / "curves.png"
    plots.draw(results.read(folder), path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_remedy_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        plots.draw(results.read(folder), "curves.png")


COMMAND = ["run", "--data", "toy", "--quiet", "--epochs", "1", "--recipes"]


def test_the_commands_run_and_report(toys, tmp_path, capsys):
    out = ["--out", str(tmp_path), "--seeds", "1", "--per-class", "2"]
    command = [*COMMAND, "er", "--backbone", "toy", *out]
    assert main(command) == 0
    values = json.loads((tmp_path / "er-seed1.json").read_text())
    assert values["options"] == {"per_class": 2}
    assert values["protocol"]["epochs"] == 1
    picture = tmp_path / "curves.png"
    assert main(["report", str(tmp_path), "--curves", str(picture)]) == 0
    assert "| er | 1 |" in capsys.readouterr().out
    assert picture.exists()


def test_defaults_of_a_network_are_written_down(toys, tmp_path):
    from benchmarks import __main__ as commands

    parser = commands._parser()
    options = parser.parse_args(["run", "--out", "x", "--seeds", "3"])
    protocol = commands.protocol_of(options)
    assert (protocol.image_size, protocol.weights) == (64, "hed")
    assert protocol.seeds == (3,)
    options = parser.parse_args(["run", "--out", "x", "--weights", "none"])
    assert commands.protocol_of(options).weights is None


def test_a_named_protocol_cannot_be_changed(toys, tmp_path, capsys):
    command = ["run", "--protocol", "s1", "--epochs", "9", "--out", "x"]
    assert main(command) == 2
    assert "'s1' fixes ['epochs']" in capsys.readouterr().err


def test_a_failed_run_ends_in_an_error_code(
    toys, monkeypatch, tmp_path, capsys
):
    from benchmarks import runner

    def fail(*arguments):
        raise RuntimeError("diverged")

    monkeypatch.setattr(runner, "run_one", fail)
    out = ["--out", str(tmp_path), "--seeds", "1", "--backbone", "toy"]
    assert main([*COMMAND, "fine_tuning", *out]) == 1
    assert "failed: fine_tuning-seed1" in capsys.readouterr().err
