"""Statistics of several sites, merged without a sample."""

import functools
import operator

import numpy as np
import pytest

from keras_incremental.errors import DamagedFileError
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics import LowRankStatistics
from keras_incremental.statistics import SiteStatistics
from keras_incremental.statistics import low_rank
from keras_incremental.statistics.kept_rows import digests

NAMES = np.array(["fish", "bird", "cat", "dog"])
GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.integers(0, 4, 60)
PROBE = GENERATOR.normal(size=(3, 5))


def features(width=5):
    generator = np.random.default_rng(1)
    return generator.normal(size=(60, width)).astype("float32")


def site(rows=slice(None), width=5, **options):
    options = {"samples_per_class": 4, **options}
    names = NAMES[LABELS[rows]].tolist()
    return SiteStatistics.of(features(width)[rows], names, **options)


def assert_same(one, two):
    assert one.counts == two.counts and one.sites == two.sites
    a, b = one.statistics, two.statistics
    assert type(a) is type(b)
    np.testing.assert_allclose(a.means, b.means, atol=1e-12)
    point = np.zeros(one.width)
    expected = b.scatter_around(point)
    np.testing.assert_allclose(
        a.scatter_around(point), expected, atol=1e-10 * np.abs(expected).max()
    )
    for name in ("features", "labels", "keys"):
        np.testing.assert_array_equal(
            getattr(one.kept, name), getattr(two.kept, name)
        )


@pytest.fixture(params=[FeatureStatistics, LowRankStatistics])
def kind(request, monkeypatch):
    """The class of statistics, of few features and of many."""
    if request.param is LowRankStatistics:
        monkeypatch.setattr(low_rank, "MOST_FEATURES", 4)
    return request.param


@pytest.mark.parametrize("seed", range(4))
def test_any_split_and_order_gives_the_statistics_of_all(seed, kind):
    generator = np.random.default_rng(seed)
    cuts = np.sort(generator.integers(0, 60, 6))
    parts = np.split(generator.permutation(60), cuts)
    found = [site(rows) for rows in parts]
    generator.shuffle(found)
    while len(found) > 1:
        k = int(generator.integers(len(found) - 1))
        found[k : k + 2] = [found[k] + found[k + 1]]
    assert isinstance(found[0].statistics, kind)
    assert_same(found[0], site())


def test_statistics_are_those_of_the_formula():
    found = site()
    x = features().astype("float64")
    assert found.classes == ("bird", "cat", "dog", "fish")
    for k, name in enumerate(found.classes):
        rows = x[NAMES[LABELS] == name]
        assert found.counts[name] == len(rows)
        np.testing.assert_allclose(found.statistics.means[k], rows.mean(0))
    within = [x[LABELS == k] - x[LABELS == k].mean(0) for k in range(4)]
    expected = sum(part.T @ part for part in within)
    np.testing.assert_allclose(found.statistics.scatter, expected)
    assert isinstance(found.statistics, FeatureStatistics)
    assert np.bincount(found.kept.labels).tolist() == [4] * 4


def test_sites_may_have_other_classes_and_keep_fewer_samples():
    one = SiteStatistics.of(features()[:5], ["cat"] * 5, site="north")
    two = SiteStatistics.of(
        features()[5:9], ["cat", "emu"] * 2, samples_per_class=0, site="south"
    )
    both = one + two
    assert both.counts == {"cat": 7, "emu": 2}
    assert both.sites == ("north", "south")
    # Else the sample of one site would stand for both.
    assert len(both.kept) == 0
    assert_same(one + SiteStatistics(), one)


@pytest.mark.parametrize("probe", [None, PROBE])
def test_a_file_brings_back_the_same(tmp_path, kind, probe):
    saved = site(site="north", probe=probe)
    saved.save(tmp_path / "north.npz")
    loaded = SiteStatistics.load(tmp_path / "north.npz")
    assert_same(loaded, saved)
    assert (loaded.probe is None) == (probe is None)
    assert type(loaded.statistics) is kind
    SiteStatistics().save(tmp_path / "none.npz")
    assert not len(SiteStatistics.load(tmp_path / "none.npz"))


def changed(path, **arrays):
    with np.load(path) as old:
        kept = {**old, **arrays}
    np.savez(path, **{k: v for k, v in kept.items() if v is not None})


@pytest.mark.parametrize(
    "change",
    [
        {"counts": np.array([-1, 1, 1, 1])},
        {"counts": np.array([1])},
        {"means": np.zeros((3, 5))},
        {"scatter": np.full((5, 5), np.nan)},
        {"scatter": None},
        {"labels": np.full(16, 4)},
        {"keys": np.zeros(3, "uint64")},
        {"features": np.zeros((16, 5), "int64")},
        {"classes": np.array(["a", "a", "b", "c"])},
        {"probe": np.zeros((3, 4))},
        {"most": np.asarray(-1)},
        {"site_format": None},
    ],
    ids=lambda change: "-".join(change),
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, change):
    path = tmp_path / "north.npz"
    site(probe=PROBE).save(path)
    changed(path, **change)
    with pytest.raises(DamagedFileError, match="file of statistics"):
        SiteStatistics.load(path)


def test_a_later_format_and_a_cut_file_are_told(tmp_path):
    path = tmp_path / "north.npz"
    site().save(path)
    data = path.read_bytes()
    changed(path, site_format=np.asarray(2))
    with pytest.raises(ValueError, match="format 2.*Update the package"):
        SiteStatistics.load(path)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DamagedFileError):
        SiteStatistics.load(path)


def add(**options):
    return lambda: site(probe=PROBE, site="north") + site(**options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (add(width=6), "5 and 6 features"),
        (add(probe=PROBE + 0.1), "different backbones"),
        (add(probe=PROBE[:2]), "different backbones"),
        (add(site="north"), r"\['north'\] in both"),
        (lambda: SiteStatistics.of(np.zeros((2, 3)), ["a"]), "2 samples"),
        (lambda: SiteStatistics.of(np.zeros((2, 3)), "ab"), "2 samples"),
        (lambda: SiteStatistics.of(np.zeros((1, 3)), [""]), "non-empty"),
        (lambda: SiteStatistics.of(np.zeros((1, 3)), [3]), "non-empty"),
        (lambda: SiteStatistics.of(np.zeros((1, 2, 3)), ["a"]), "shape"),
        (lambda: SiteStatistics.of([[np.nan]], ["a"]), r"samples \[0\]"),
        (lambda: SiteStatistics.of([[1.0]], ["a"], [1, 2]), "`keys`"),
        (lambda: site(samples_per_class=-1), "samples_per_class=-1"),
    ],
    ids=range(12),
)
def test_what_cannot_be_added_or_made_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_another_backend_of_the_same_backbone_is_no_other_backbone():
    parts = [site(probe=PROBE), site(probe=PROBE * (1 + 1e-5)), site()]
    total = functools.reduce(operator.add, parts)
    assert len(total) == 180 and total.probe is not None


def test_the_digest_of_a_sample_is_that_of_its_values():
    rows = np.array([[0, 7], [255, 1]], "uint8")
    floats = rows.astype("float32")
    floats[0, 0] = -0.0
    expected = digests(rows)
    for same in (floats, rows.astype("int64"), np.asfortranarray(rows)):
        np.testing.assert_array_equal(digests(same), expected)
    texts = digests(np.array(["a", "bc"]))
    assert digests(np.array(["bc", "long"]))[0] == texts[1]
    assert digests(np.array(["bc"], object))[0] == texts[1]
    records = np.zeros(2, [("a", "f4", 2), ("b", "U3")])
    records["b"] = ["x", "y"]
    assert len(set(digests(records))) == 2
    assert len({*expected, *texts, *digests(records)}) == 6
