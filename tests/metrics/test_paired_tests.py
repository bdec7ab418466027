import itertools
import math

import numpy as np
import pytest

from keras_incremental.metrics import drop_interval
from keras_incremental.metrics import mcnemar_p_value
from keras_incremental.metrics import samples_to_decide


def outcomes(count, lost, gained):
    """Numbers of lost and of gained samples, and their probabilities."""
    for b in range(count + 1):
        for c in range(count + 1 - b):
            ways = math.comb(count, b) * math.comb(count - b, c)
            rest = (1 - lost - gained) ** (count - b - c)
            chance = ways * lost**b * gained**c * rest
            if chance > 1e-8:
                yield b, c, chance


@pytest.mark.parametrize("flips", range(9))
def test_mcnemar_counts_all_ways_to_flip(flips):
    lost = [sum(coins) for coins in itertools.product((0, 1), repeat=flips)]
    off = np.abs(2 * np.array(lost) - flips)
    for k in range(flips + 1):
        wanted = np.mean(off >= abs(2 * k - flips))
        assert mcnemar_p_value(k, flips - k) == pytest.approx(wanted)


def test_mcnemar_knows_many_samples():
    # A normal distribution of 5,500 coins, with a correction of 1/2.
    distance = (249.5 - 0.5) / math.sqrt(5500 / 4)
    wanted = math.erfc(distance / math.sqrt(2))
    assert mcnemar_p_value(3000, 2500) == pytest.approx(wanted, rel=0.2)


def test_the_interval_without_a_flip_is_that_of_wilson():
    square = 1.959964**2
    for count in (1, 10, 189, 10_000):
        limit = square / (count + square)
        wanted = (-limit, limit)
        assert drop_interval(0, 0, count) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("lost", "gained", "count"), [(5, 1, 44), (0, 1, 44), (30, 2, 50)]
)
def test_the_interval_ends_where_the_score_test_rejects(lost, gained, count):
    # The rates that are most likely for a drop, on a fine grid.
    for drop in drop_interval(lost, gained, count):
        rates = np.linspace(max(0, -drop), (1 - drop) / 2, 200_001)[1:-1]
        likelihood = (
            lost * np.log(rates + drop)
            + gained * np.log(rates)
            + (count - lost - gained) * np.log(1 - 2 * rates - drop)
        )
        rate = rates[likelihood.argmax()]
        variance = count * (2 * rate + drop - drop**2)
        score = (lost - gained - count * drop) / math.sqrt(variance)
        assert abs(score) == pytest.approx(1.959964, abs=2e-3)


def test_the_interval_of_the_change_back_is_its_mirror():
    low, high = drop_interval(7, 2, 50, level=0.9)
    assert drop_interval(2, 7, 50, level=0.9) == pytest.approx((-high, -low))
    wide = drop_interval(7, 2, 50, level=0.99)
    assert wide[0] < low < 0.1 < high < wide[1]


@pytest.mark.parametrize(
    ("count", "lost", "gained"), [(30, 0.05, 0.02), (60, 0.1, 0.1)]
)
def test_the_interval_holds_the_true_drop_as_often_as_it_says(
    count, lost, gained
):
    covered = 0.0
    for b, c, chance in outcomes(count, lost, gained):
        low, high = drop_interval(b, c, count)
        covered += chance * (low <= lost - gained <= high)
    assert covered > 0.945


@pytest.mark.parametrize(
    ("lost", "gained", "limit"), [(20, 0, 0.05), (2, 1, 0.1)]
)
def test_so_many_samples_tell_four_times_in_five(lost, gained, limit):
    count = samples_to_decide(lost, gained, 100, limit)
    told = 0.0
    for b, c, chance in outcomes(count, lost / 100, max(gained / 100, 1e-9)):
        low, high = drop_interval(b, c, count)
        told += chance * (high <= limit or low > limit)
    assert 0.75 < told < 0.97


def test_no_number_of_samples_tells_at_the_limit():
    assert samples_to_decide(3, 1, 100, 0.02) is None
    assert samples_to_decide(0, 0, 100, 0.0) is None
    few = samples_to_decide(0, 0, 100, 0.02)
    assert few == math.ceil((1.959964 + 0.841621) ** 2 * 0.98 / 0.02)
    assert samples_to_decide(0, 0, 100, 0.02, power=0.5) == 189


@pytest.mark.parametrize("level", [0, 1, 95])
def test_refuses_levels_that_are_no_confidence(level):
    with pytest.raises(ValueError, match="Received: level="):
        drop_interval(1, 2, 10, level)
