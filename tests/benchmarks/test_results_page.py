"""The page of what data of any size cost, and the benchmarks it is made of."""

import subprocess

import numpy as np
import pytest
from benchmarks import growth
from benchmarks import results_page


def test_only_the_sections_that_are_asked_for_are_made_anew(
    tmp_path, monkeypatch
):
    made = []

    def run(command, **options):
        made.append(command[2])
        table = f"| {len(made)} |\n|---|\n| 1 |\n"
        return subprocess.CompletedProcess(command, 0, stdout=table)

    monkeypatch.setattr(results_page.subprocess, "run", run)
    page = tmp_path / "RESULTS.md"
    results_page.main(["--page", str(page)])
    titles = [section.title for section in results_page.SECTIONS]
    assert list(results_page.sections_of(page.read_text())) == titles
    assert len(made) == len(set(made)) == len(titles)
    before = results_page.sections_of(page.read_text())
    results_page.main(["--page", str(page), "--only", "growth"])
    after = results_page.sections_of(page.read_text())
    changed = [title for title in titles if before[title] != after[title]]
    assert changed == ["Thousands of classes"]


@pytest.mark.parametrize("section", results_page.SECTIONS)
def test_each_section_names_a_benchmark(section):
    folder = results_page.PAGE.parent
    assert (folder / f"{section.module}.py").exists()
    assert section.text.endswith(".")


def test_classes_arrive_one_by_one_and_then_many_at_once(monkeypatch, capsys):
    monkeypatch.setattr(growth, "ONE_BY_ONE", 10)
    monkeypatch.setattr(growth, "BULK", 8)
    phases = []
    learn = growth.Growth.learn

    def counted(self, count=1, **options):
        phases.append(count)
        return learn(self, count, **options)

    monkeypatch.setattr(growth.Growth, "learn", counted)
    growth.main(["--classes", "1", "30"])
    # A phase after each row is for its report.
    assert phases == [*[1] * 10, 8, 7, *[1] * 5, 1]
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines()]
    assert [row[1].strip() for row in rows[2:]] == ["1", "30"]
    assert np.all([float(row[5]) >= float(row[6]) for row in rows[2:]])
