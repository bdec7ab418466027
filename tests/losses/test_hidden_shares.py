import numpy as np
import pytest

from keras_incremental.losses import estimated_share
from keras_incremental.losses import prior_corrected

GRID = np.linspace(-8, 10, 2001)
POSITIVES = np.exp(-((GRID - 2) ** 2) / 2)
NEGATIVES = np.exp(-(GRID**2) / 2)
LOG_RATIO = 2 * GRID - 2


def drawn(share, count=20000):
    """Log-odds, at equal shares, of samples with this share of positives."""
    random = np.random.default_rng(0)
    x = random.normal(size=count) + 2 * (np.arange(count) < share * count)
    return 2 * x - 2


@pytest.mark.parametrize("share", [0.02, 0.2, 0.7])
def test_the_share_of_a_mixture_is_found(share):
    assert estimated_share(drawn(share)) == pytest.approx(share, abs=0.02)


def test_it_does_not_depend_on_the_share_in_training():
    logits = drawn(0.3)
    shifted = logits + np.log(0.1 / 0.9)
    found = estimated_share(shifted, prior=0.1)
    assert found == pytest.approx(estimated_share(logits), abs=1e-9)


def test_it_is_a_fixed_point_of_the_steps():
    logits = np.array([3.0, -1.0, 0.5, -2.0])
    share = estimated_share(logits, prior=0.4)
    moved = logits + np.log(share / (1 - share)) - np.log(0.4 / 0.6)
    assert np.mean(1 / (1 + np.exp(-moved))) == pytest.approx(share, abs=1e-9)


def test_all_or_nothing_is_found_too():
    assert estimated_share(np.full(5, -1e6)) == pytest.approx(0.0, abs=1e-9)
    assert estimated_share(np.full(5, 1e6)) == pytest.approx(1.0, abs=1e-9)


def test_corrected_probabilities_are_those_of_bayes():
    share, positive, unlabeled = 0.2, 500, 2000
    mixture = share * POSITIVES + (1 - share) * NEGATIVES
    logits = np.log(positive * POSITIVES / (unlabeled * mixture))
    expected = share * POSITIVES / mixture
    found = prior_corrected(logits, share, positive, unlabeled)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_corrected_probabilities_never_exceed_1():
    assert prior_corrected([1e6], 0.2, 1, 1).tolist() == [1.0]


def test_impossible_arguments_are_refused():
    with pytest.raises(ValueError, match="above 0"):
        estimated_share([1.0], prior=0.0)
    with pytest.raises(ValueError, match="finite"):
        estimated_share([np.nan])
    with pytest.raises(ValueError, match="at least one"):
        estimated_share([])
    with pytest.raises(ValueError, match="num_positive=0"):
        prior_corrected([1.0], 0.2, 0, 5)
