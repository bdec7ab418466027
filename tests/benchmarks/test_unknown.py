import numpy as np
from benchmarks import unknown


def clouds(count=400):
    random = np.random.default_rng(0)
    labels = np.arange(10 * count) % 10
    centers = 4 * random.normal(size=(10, 6))
    features = centers[labels] + random.normal(size=(len(labels), 6))
    return features.astype("float32"), labels


def test_the_table_has_a_row_for_each_place(monkeypatch, capsys):
    def features_of(name, *others):
        x, y = clouds()
        return (x + 20 * (name == "fashion_mnist"), y, 0.5)

    monkeypatch.setattr(unknown.sets, "features_of", features_of)
    monkeypatch.setattr(unknown, "SAMPLES", (None,))
    monkeypatch.setattr(unknown, "TWO", unknown.MANY)
    monkeypatch.setattr(unknown.sets, "EPOCHS", 60)
    unknown.main(["--splits", "1", "--data", "digits", "fashion_mnist"])
    areas, alarms = capsys.readouterr().out.split("\n\n")
    header, _, *rows = areas.splitlines()
    assert header.split(" | ")[1:] == [
        "distance",
        "energy",
        "max_softmax",
        "distance_and_energy",
        "distance_and_discriminant |",
    ]
    places = [row.strip("| ").split(" | ") for row in rows]
    assert [place for place, *_ in places] == [
        f"{known} of {name}, {place}"
        for name in ("digits", "fashion_mnist")
        for known in (3, 6)
        for place in ("near", "far")
    ]
    values = np.array([[float(v) for v in row] for _, *row in places])
    assert (values[1::2, 3] > 0.99).all()
    assert values[:, 3].mean() > values[:, 2].mean()
    # Within a factor of two.
    rates = np.array(
        [row.split(" | ")[-2].split(" ")[0] for row in alarms.splitlines()[2:]],
        float,
    )
    assert len(rates) == 2
    assert ((rates > 2.5) & (rates < 10)).all(), rates


def test_the_area_is_the_share_of_pairs_in_order():
    held = {"energy": np.array([0.0, 2.0])}
    known, new = {"energy": np.array([1, 3])}, {"energy": np.array([2, 4])}
    assert unknown.area(known, new, held, ["energy"]) == 0.75
