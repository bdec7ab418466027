import re

from benchmarks import large_data


def test_the_table_has_a_row_for_each_road(monkeypatch, capsys):
    monkeypatch.setattr(large_data, "row_of", large_data.run)
    large_data.main(["--count", "40", "--size", "32"])
    lines = capsys.readouterr().out.splitlines()
    rows = [re.sub(r"\d+", "1", line) for line in lines[-4:]]
    roads = "predict", "solved", "exemplars", "collected"
    assert rows == [f"| {road} | 1.1 | 1 |" for road in roads]
