import numpy as np
import pytest

from keras_incremental.layers import AnalyticDense
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics.low_rank import LowRankStatistics
from keras_incremental.statistics.solved_columns import solve_in_units

# Of which feature is alive how often, after `Normalization` has divided it by
# nearly 0.
RARE, HUGE = 3, 1e7


def clouds(count, width=12, seed=0):
    centers = np.random.default_rng(9).normal(size=(3, width))
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    return centers[labels] + random.normal(size=(count, width)), labels


def spoiled(features):
    """The same, with a feature that is alive in few samples, and a dead one."""
    rare = np.zeros((len(features), 1))
    rare[:RARE] = HUGE
    still = np.full((len(features), 1), 1e3) / 3
    return np.concatenate([features, rare, still], 1)


def right(scores, labels):
    return np.mean(np.asarray(scores).argmax(-1) == labels)


@pytest.mark.parametrize("kind", [FeatureStatistics, LowRankStatistics])
@pytest.mark.parametrize("width", [12, 400])
def test_a_feature_of_huge_numbers_leaves_the_answers(kind, width):
    x, labels = clouds(90, width)
    test, test_labels = clouds(300, width, seed=1)
    rest = np.tile([0.0, 1e3 / 3], (300, 1))
    test = np.concatenate([test, rest], 1)
    found, left_out = solve_in_units(
        kind.of(spoiled(x), labels), spoiled(x), labels
    )
    plain, expected = solve_in_units(kind.of(x, labels), x, labels)
    base = right(plain.scores(test[:, :width]), test_labels)
    assert abs(right(found.scores(test), test_labels) - base) < 0.02
    assert found.kernel[-1].tolist() == [0, 0, 0]
    # What the head is compared on is as it was.
    np.testing.assert_array_equal(left_out.features, spoiled(x))
    assert (
        abs(right(left_out.logits, labels) - right(expected.logits, labels))
        < 0.05
    )


def test_the_size_of_a_unit_does_not_matter():
    x, labels = clouds(90)
    sizes = np.ones(12)
    sizes[:2] = 1e5, 1e-6
    statistics = FeatureStatistics.of(x * sizes, labels)
    assert statistics.units() is not None
    found = solve_in_units(statistics, x * sizes, labels)[1].logits
    sizes[:2] = 1e7, 1e-8
    again = FeatureStatistics.of(x * sizes, labels)
    expected = solve_in_units(again, x * sizes, labels)[1].logits
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_features_of_one_size_stay_as_they_are(scale):
    x, labels = clouds(90)
    x[:, 0] *= 100
    assert FeatureStatistics.of(scale * x, labels).units() is None
    same = np.ones((4, 3))
    assert FeatureStatistics.of(same, [0, 0, 1, 1]).units() is None


@pytest.mark.parametrize("options", [{}, {"balanced": True}])
def test_a_head_with_the_evidence_reads_huge_numbers(options):
    x, labels = clouds(90)
    head = AnalyticDense(3, **options)
    head.adapt(spoiled(x).astype("float32"), labels)
    plain = AnalyticDense(3, **options)
    plain.adapt(x.astype("float32"), labels)
    expected = right(plain(x.astype("float32")), labels)
    found = right(head(spoiled(x).astype("float32")), labels)
    assert found > expected - 0.05
