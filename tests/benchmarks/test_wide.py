import numpy as np
from benchmarks import wide


def test_the_tables_have_a_row_for_each_width_and_data_set(monkeypatch, capsys):
    generator = np.random.default_rng(0)
    labels = np.arange(240) % 3
    centers = 4 * generator.standard_normal((3, 40))
    features = centers[labels] + generator.standard_normal((240, 40))
    monkeypatch.setattr(
        wide.sets, "features_of", lambda *names: (features, labels, 0.5)
    )
    wide.main(["--widths", "16", "4097", "--splits", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:4]] == ["| 16", "| 4,097"]
    sizes = [float(line.strip("| ").split(" | ")[-1]) for line in lines[2:4]]
    assert 0 < sizes[0] < sizes[1] < 10
    accuracies = lines[-1].strip("| ").split(" | ")[1:]
    assert len(accuracies) == 4
    assert float(accuracies[0]) > 95
