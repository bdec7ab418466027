import numpy as np
import pytest

from keras_incremental.layers import AnalyticDense

RANDOM = np.random.default_rng(0)
LABELS = np.repeat([0, 1, 2], [20, 12, 8])
FEATURES = RANDOM.normal(3, 1, size=(40, 6)) + np.eye(6)[LABELS]
TARGETS = np.eye(3)[LABELS]
OTHERS = RANDOM.normal(3, 1, size=(30, 6)).astype("float32")


def adapted(units=3, labels=LABELS, scale=1.0, **kwargs):
    head = AnalyticDense(units, scale=scale, **kwargs)
    head.adapt(FEATURES, labels)
    return head


def joint(features, targets, ridge, weights=None):
    """Ridge regression with a bias, of all samples at once."""
    weights = np.ones(len(features)) if weights is None else weights
    center = np.average(features, axis=0, weights=weights)
    mean = np.average(targets, axis=0, weights=weights)
    steps = (features - center) * weights[:, None]
    gram = steps.T @ (features - center)
    size = ridge * np.trace(gram) / len(gram)
    kernel = np.linalg.solve(
        gram + size * np.eye(len(gram)), steps.T @ (targets - mean)
    )
    return kernel, mean - center @ kernel


def check(head, kernel, bias):
    np.testing.assert_allclose(head.columns("kernel"), kernel, atol=1e-5)
    np.testing.assert_allclose(head.columns("bias"), bias, atol=1e-5)


def test_ridge_chunks_equal_joint():
    head = AnalyticDense(1, ridge=0.01, scale=1.0)
    head.adapt(FEATURES[:20], LABELS[:20])
    for k in (1, 2):
        head.expand(1)
        for chunk in np.array_split(FEATURES[LABELS == k], 3):
            head.adapt(chunk, [k] * len(chunk))
    check(head, *joint(FEATURES, TARGETS, 0.01))


def test_ridge_order_invariant():
    order = np.random.default_rng(1).permutation(40)
    head = AnalyticDense(3)
    for i in order:
        head.update_state(FEATURES[[i]], LABELS[[i]])
    head.finalize_state()
    other = AnalyticDense(3)
    other.adapt(FEATURES, LABELS)
    check(head, other.columns("kernel"), other.columns("bias"))


def test_ridge_relabel_exact():
    head = adapted(labels=np.minimum(LABELS, 1), ridge=0.01)
    head.relabel(FEATURES[LABELS == 2], old=1, new=2)
    check(head, *joint(FEATURES, TARGETS, 0.01))


def test_sums_equal_recursive_least_squares():
    penalty = 0.1 * np.trace(FEATURES.T @ FEATURES) / 6
    inverse, kernel = np.eye(6) / penalty, np.zeros((6, 3))
    for part in np.array_split(np.random.default_rng(2).permutation(40), 5):
        rows, targets = FEATURES[part], TARGETS[part]
        gain = np.linalg.inv(np.eye(len(part)) + rows @ inverse @ rows.T)
        inverse = inverse - inverse @ rows.T @ gain @ rows @ inverse
        kernel = kernel + inverse @ rows.T @ (targets - rows @ kernel)
    check(adapted(ridge=0.1, intercept=False), kernel, np.zeros(3))


def test_a_large_ridge_gives_scaled_class_sums():
    head = adapted(ridge=1e9, intercept=False)
    penalty = 1e9 * np.trace(FEATURES.T @ FEATURES) / 6
    np.testing.assert_allclose(
        head.columns("kernel") * penalty, FEATURES.T @ TARGETS, rtol=1e-5
    )


def test_balanced_classes_weigh_the_same():
    weights = (1 / np.bincount(LABELS))[LABELS]
    head = adapted(ridge=0.01, balanced=True)
    check(head, *joint(FEATURES, TARGETS, 0.01, weights))


def test_balanced_is_exact_for_a_class_that_comes_in_two_phases():
    head = AnalyticDense(3, ridge=0.01, balanced=True, scale=1.0)
    head.adapt(FEATURES[::2], LABELS[::2])
    head.adapt(FEATURES[1::2], LABELS[1::2])
    other = adapted(ridge=0.01, balanced=True)
    check(head, other.columns("kernel"), other.columns("bias"))


def test_an_expansion_reads_random_features():
    head = adapted(ridge=0.01, expansion=9)
    random_kernel = head.random_kernel.astype("float64")
    assert random_kernel.shape == (6, 9)
    expanded = np.maximum(FEATURES @ random_kernel, 0)
    kernel, bias = joint(expanded, TARGETS, 0.01)
    check(head, kernel, bias)
    expected = np.maximum(OTHERS @ random_kernel, 0) @ kernel + bias
    np.testing.assert_allclose(np.asarray(head(OTHERS)), expected, atol=1e-5)


def test_the_seed_decides_the_random_features():
    kernels = [adapted(expansion=9, seed=s).random_kernel for s in (1, 1, 2)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert np.any(kernels[0] != kernels[2])
    assert adapted().random_kernel is None


def test_an_expansion_tells_apart_what_no_line_does():
    angles = np.linspace(0, 2 * np.pi, 60)
    circle = np.stack([np.cos(angles), np.sin(angles)], -1)
    features = np.concatenate([circle, 3 * circle]).astype("float32")
    labels = np.repeat([0, 1], 60)
    heads = AnalyticDense(2), AnalyticDense(2, expansion=50)
    for head in heads:
        head.adapt(features, labels)
    found = [np.asarray(head(features)).argmax(-1) for head in heads]
    assert np.mean(found[0] == labels) < 0.7
    assert np.mean(found[1] == labels) > 0.95


def test_a_compensation_fits_what_the_first_regression_left():
    head = adapted(ridge=0.01, expansion=9, compensation=0.6)
    projected = FEATURES @ head.random_kernel.astype("float64")
    expanded = np.maximum(projected, 0)
    kernel, bias = joint(expanded, TARGETS, 0.01)
    left = TARGETS - expanded @ kernel - bias
    rest, rest_bias = joint(np.tanh(projected), left, 0.01)
    check(head, np.concatenate([kernel, 0.6 * rest]), bias + 0.6 * rest_bias)


def test_scores_are_multiplied_by_ten():
    ten, one = AnalyticDense(3, ridge=0.1), adapted(ridge=0.1)
    ten.adapt(FEATURES, LABELS)
    check(ten, 10 * one.columns("kernel"), 10 * one.columns("bias"))


def test_heads_of_other_random_features_do_not_merge():
    head, other = adapted(expansion=9), adapted(expansion=9)
    other.constants()["random_kernel"].assign(np.ones((6, 9)))
    with pytest.raises(ValueError, match="same random_kernel"):
        head.merge(other)
    with pytest.raises(ValueError, match="merges with a head"):
        head.merge(adapted(expansion=9, seed=3))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ridge", 0),
        ("ridge", "auto"),
        ("expansion", 0),
        ("compensation", 0.5),
        ("scale", -1),
    ],
)
def test_impossible_arguments_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        AnalyticDense(2, **{name: value})
