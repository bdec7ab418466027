import numpy as np
import pytest

from keras_incremental.metrics import estimate_positive_share


def drawn(share, count=20000):
    """Log-odds, at equal shares, of samples with this share of positives."""
    random = np.random.default_rng(0)
    x = random.normal(size=count) + 2 * (np.arange(count) < share * count)
    return 2 * x - 2


@pytest.mark.parametrize("share", [0.02, 0.2, 0.7])
def test_the_share_of_a_mixture_is_found(share):
    assert estimate_positive_share(drawn(share)) == pytest.approx(
        share, abs=0.02
    )


def test_it_does_not_depend_on_the_share_in_training():
    logits = drawn(0.3)
    shifted = logits + np.log(0.1 / 0.9)
    found = estimate_positive_share(shifted, prior=0.1)
    assert found == pytest.approx(estimate_positive_share(logits), abs=1e-9)


def test_it_is_a_fixed_point_of_the_steps():
    logits = np.array([3.0, -1.0, 0.5, -2.0])
    share = estimate_positive_share(logits, prior=0.4)
    moved = logits + np.log(share / (1 - share)) - np.log(0.4 / 0.6)
    assert np.mean(1 / (1 + np.exp(-moved))) == pytest.approx(share, abs=1e-9)


def test_all_or_nothing_is_found_too():
    assert estimate_positive_share(np.full(5, -1e6)) == pytest.approx(
        0.0, abs=1e-9
    )
    assert estimate_positive_share(np.full(5, 1e6)) == pytest.approx(
        1.0, abs=1e-9
    )


def test_impossible_arguments_are_refused():
    with pytest.raises(ValueError, match="above 0"):
        estimate_positive_share([1.0], prior=0.0)
    with pytest.raises(ValueError, match="finite"):
        estimate_positive_share([np.nan])
    with pytest.raises(ValueError, match="at least one"):
        estimate_positive_share([])
