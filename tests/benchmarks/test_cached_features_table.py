from benchmarks import cached_features as benchmark


def test_what_is_found_has_its_floor_beside_what_is_computed(
    monkeypatch, capsys
):
    shared = {benchmark.LEARN: 4.0, benchmark.NAME: 2.0}
    figures = {
        "first": {**shared, benchmark.FORWARD: 3.0},
        "again": {
            benchmark.LEARN: 1.0,
            benchmark.NAME: 0.1,
            benchmark.READ: 0.02,
            benchmark.KEYS: 0.03,
        },
    }
    monkeypatch.setattr(
        benchmark, "figures_of", lambda process, *_: figures[process]
    )
    benchmark.main(["--count", "1000"])
    assert capsys.readouterr().out.splitlines()[-5:] == [
        "| `learn` of 1,000 | 4.00 | 1.00 | 0.250 |",
        "| `predict_names` of 1,000 | 2.00 | 0.10 | 0.050 |",
        "| forward pass of 1,000 | 3.00 | | |",
        "| files of 2,000 | | 0.020 | |",
        "| keys of 1,000 | | 0.030 | |",
    ]


def test_files_of_features_are_read(tmp_path):
    path = tmp_path / "layers" / "segment" / "rows.npy"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"rows")
    assert benchmark.read(tmp_path) == [b"rows"]
