from benchmarks import large_data


def test_the_table_has_a_row_for_each_road(monkeypatch, capsys):
    monkeypatch.setattr(large_data, "row_of", large_data.run)
    large_data.main(["--count", "40", "--size", "32"])
    lines = capsys.readouterr().out.splitlines()
    roads = [line.split(" | ")[0] for line in lines[-3:]]
    assert roads == ["| predict", "| solved", "| exemplars"]
    assert all(float(line.split(" | ")[1]) > 0 for line in lines[-3:])
