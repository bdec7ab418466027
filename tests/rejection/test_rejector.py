import math

import keras
import numpy as np
import pytest

from keras_incremental.rejection import Rejector
from keras_incremental.rejection.intervals import interval_of_exceedance


def test_the_threshold_is_an_exact_quantile():
    scores = np.random.default_rng(0).permutation(99)
    # A hundredth sample is the 90th largest or above with a chance of 10 %.
    assert Rejector().calibrate(scores, 0.1).threshold == 89


def test_no_more_known_samples_than_stated_are_unknown_on_average():
    generator = np.random.default_rng(0)
    rates = [
        1 - Rejector().calibrate(generator.uniform(size=60), 0.1).threshold
        for _ in range(2000)
    ]
    # 6 of 61 places for the next sample; standard error 0.0008.
    assert abs(np.mean(rates) - 6 / 61) < 0.004


def test_the_interval_holds_the_true_rate_as_often_as_it_says():
    generator = np.random.default_rng(1)
    held = []
    for _ in range(400):
        rejector = Rejector().calibrate(generator.uniform(size=100))
        low, high = rejector.interval
        held.append(low <= 1 - rejector.threshold <= high)
    assert 0.92 < np.mean(held) < 0.98


def test_the_interval_is_that_of_the_binomial_distribution():
    low, high = interval_of_exceedance(20, 2)

    def at_most_two(p):
        return sum(
            math.comb(20, i) * p**i * (1 - p) ** (20 - i) for i in (0, 1, 2)
        )

    np.testing.assert_allclose(at_most_two(low), 0.975, rtol=1e-9)
    np.testing.assert_allclose(at_most_two(high), 0.025, rtol=1e-9)


def test_the_interval_of_many_samples_is_finite_and_narrow():
    low, high = interval_of_exceedance(10**6, 50_000)
    assert 0.0495 < low < 0.05 < high < 0.0505


def test_more_samples_narrow_the_interval():
    few = Rejector().calibrate(np.arange(100)).interval
    many = Rejector().calibrate(np.arange(1000)).interval
    assert few[0] < many[0] < 0.05 < many[1] < few[1]


def test_equal_scores_are_all_known():
    rejector = Rejector().calibrate(np.ones(50))
    assert not rejector.is_unknown(np.ones(3)).any()
    assert rejector.alarms == 0


def test_too_few_samples_are_refused_with_the_number_needed():
    rejector = Rejector()
    with pytest.raises(ValueError, match="Pass 19 or more"):
        rejector.calibrate(np.arange(18), 0.05)
    assert rejector.threshold is None
    assert rejector.calibrate(np.arange(19), 0.05).threshold == 18


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="2 of 30"):
        Rejector().calibrate([np.nan, np.inf, *range(28)])


def test_a_score_that_is_not_a_number_is_unknown():
    rejector = Rejector().calibrate(np.arange(30))
    unknown = rejector.is_unknown([[0.0, np.nan], [np.inf, -np.inf]])
    assert unknown.tolist() == [[False, True], [True, False]]


def test_without_calibration_nothing_is_judged():
    with pytest.raises(ValueError, match="calibrate"):
        Rejector().is_unknown([1.0])
    assert "not calibrated" in str(Rejector())


@pytest.mark.parametrize("rate", [0, 1, -0.1, "5 %"])
def test_rates_outside_zero_and_one_are_refused(rate):
    with pytest.raises(ValueError, match="false_alarm"):
        Rejector(false_alarm=rate)
    with pytest.raises(ValueError, match="false_alarm"):
        Rejector().calibrate(np.arange(30), rate)


def test_a_score_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="max_softmax"):
        Rejector("entropy")


def test_it_is_saved_as_a_keras_object():
    rejector = Rejector("energy").calibrate(np.arange(200) / 7, 0.02)
    config = keras.saving.serialize_keras_object(rejector)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is Rejector
    assert again.get_config() == rejector.get_config()
    assert again.interval == rejector.interval


@pytest.mark.parametrize("count", [19, 100, 10**6])
def test_the_threshold_of_an_estimate_is_that_of_so_many_samples(count):
    grid = np.linspace(0, 1, 10**4)
    smooth = Rejector().estimate(grid, np.ones_like(grid), count)
    assert 1 - smooth.threshold == pytest.approx(
        (0.05 * (count + 1) - 0.5) / count, abs=2e-4
    )
    places = (np.arange(19) + 0.5) / 19
    same = Rejector().estimate(places, np.ones(19), 19)
    assert same.threshold == Rejector().calibrate(places).threshold
