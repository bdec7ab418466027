import numpy as np
import pytest

from keras_incremental.utils.affine_logits import fit_affine

NEW = slice(3, 5)


def drawn(alpha, beta, size=20_000, seed=0):
    """Logits, and labels drawn from them after an affine map."""
    generator = np.random.default_rng(seed)
    logits = 2 * generator.normal(size=(size, 5))
    return logits, labels_of(mapped(logits, alpha, beta), generator)


def labels_of(logits, generator):
    shares = np.exp(logits)
    shares /= shares.sum(-1, keepdims=True)
    draws = generator.random((len(logits), 1))
    return np.minimum((shares.cumsum(-1) < draws).sum(-1), 4)


def mapped(logits, alpha, beta):
    logits = logits.copy()
    logits[:, NEW] = alpha * logits[:, NEW] + beta
    return logits


def objective(logits, labels, alpha, beta, prior):
    mapped_logits = mapped(logits, alpha, beta)
    own = mapped_logits[np.arange(len(labels)), labels]
    loss = np.sum(np.log(np.exp(mapped_logits).sum(-1)) - own)
    return loss + prior / 2 * ((alpha - 1) ** 2 + beta**2)


def test_bic_recovers_affine():
    alpha, beta = fit_affine(*drawn(0.6, -1.0), NEW)
    assert alpha == pytest.approx(0.6, abs=0.03)
    assert beta == pytest.approx(-1.0, abs=0.05)


def test_labels_that_follow_the_logits_need_no_correction():
    alpha, beta = fit_affine(*drawn(1.0, 0.0), NEW)
    assert alpha == pytest.approx(1.0, abs=0.03)
    assert beta == pytest.approx(0.0, abs=0.05)


def test_perfect_logits_stay_as_they_are():
    labels = np.arange(50) % 5
    found = fit_affine(100 * np.eye(5)[labels], labels, NEW)
    np.testing.assert_allclose(found, [1.0, 0.0], atol=1e-6)


@pytest.mark.parametrize("scale", [0.1, 1.0, 20.0])
def test_it_finds_the_least_value(scale):
    logits, labels = drawn(0.5, 1.0, size=60)
    logits = scale * logits
    alpha, beta = fit_affine(logits, labels, NEW, prior=0.3)
    least = objective(logits, labels, alpha, beta, 0.3)
    for da, db in [(1e-3, 0), (-1e-3, 0), (0, 1e-3), (0, -1e-3)]:
        beside = objective(logits, labels, alpha + da, beta + db, 0.3)
        assert beside > least or alpha + da < 0.05


def test_a_stronger_prior_stays_nearer_to_the_identity():
    logits, labels = drawn(0.5, -1.0, size=40)
    found = [fit_affine(logits, labels, NEW, p) for p in (0.1, 10.0, 1e6)]
    distances = [np.hypot(alpha - 1, beta) for alpha, beta in found]
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 1e-3


def test_the_scale_does_not_turn_around():
    labels = np.arange(50) % 5
    swapped = np.where(labels < 3, labels, 7 - labels)
    alpha, _ = fit_affine(100 * np.eye(5)[labels], swapped, NEW)
    assert alpha == 0.05


def test_logits_far_from_a_decision_are_moved():
    labels = np.full(20, 3)
    logits = 50 * np.eye(5)[np.zeros(20, int)]
    _, beta = fit_affine(logits, labels, NEW, prior=1e-3)
    assert beta > 49


@pytest.mark.parametrize("labels", [[], [0], [0, 5], [-1, 0]])
def test_impossible_labels_are_refused(labels):
    with pytest.raises(ValueError, match="[Ll]abel"):
        fit_affine(np.zeros((2, 5)), np.array(labels, int), NEW)
