import keras
import numpy as np
import pytest

from keras_incremental.layers import NearestClassMean

RANDOM = np.random.default_rng(0)
LABELS = np.arange(30) % 3
FEATURES = RANDOM.normal(size=(30, 5)) + 2 * np.eye(5)[LABELS]
OTHERS = RANDOM.normal(size=(40, 5)).astype("float32")


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def adapted(units=3, **kwargs):
    head = NearestClassMean(units, **kwargs)
    head.adapt(FEATURES, LABELS)
    return head


def scores(head, features=OTHERS):
    return np.asarray(head(features))


def test_means_are_normalized_before_and_after_the_mean():
    expected = [unit(unit(FEATURES[LABELS == k]).mean(0)) for k in range(3)]
    head = adapted(scale=1.0)
    np.testing.assert_allclose(head.columns("kernel").T, expected, atol=1e-6)
    assert not head.columns("bias").any()
    assert head.normalizes


def test_largest_cosine_is_least_distance():
    head = adapted(scale=1.0)
    steps = unit(OTHERS)[:, None] - head.columns("kernel").T
    nearest = np.square(steps).sum(-1).argmin(-1)
    np.testing.assert_array_equal(scores(head).argmax(-1), nearest)


def test_one_sample_of_each_class_is_the_nearest_neighbor():
    samples = FEATURES[:7]
    head = NearestClassMean(7)
    head.adapt(samples, np.arange(7))
    nearest = (unit(OTHERS) @ unit(samples).T).argmax(-1)
    np.testing.assert_array_equal(scores(head).argmax(-1), nearest)


@pytest.mark.parametrize("normalize", [True, False])
def test_a_new_class_never_changes_the_scores_of_the_others(normalize):
    head = adapted(normalize=normalize)
    before = scores(head)
    head.expand(1)
    np.testing.assert_array_equal(scores(head)[:, :3], before)
    head.adapt(FEATURES[:5] - 3, [3] * 5)
    np.testing.assert_array_equal(scores(head)[:, :3], before)


def test_not_normalized_it_is_the_least_euclidean_distance():
    head = adapted(normalize=False, scale=1.0)
    means = np.stack([FEATURES[LABELS == k].mean(0) for k in range(3)])
    distances = np.square(OTHERS[:, None] - means).sum(-1)
    squares = np.square(OTHERS).sum(-1, keepdims=True)
    np.testing.assert_allclose(scores(head), squares - distances, atol=1e-4)
    assert not head.normalizes


def test_mirror_images_count_as_samples_of_their_own():
    mirrored = FEATURES[:, ::-1]
    head = adapted(scale=1.0)
    head.adapt(mirrored, LABELS)
    both = unit(FEATURES) / 2 + unit(mirrored) / 2
    expected = [unit(both[LABELS == k].mean(0)) for k in range(3)]
    np.testing.assert_allclose(head.columns("kernel").T, expected, atol=1e-6)


def test_features_of_length_zero_have_score_zero():
    head = adapted()
    head.adapt(np.zeros((1, 5)), [0])
    assert not scores(head, np.zeros((1, 5), "float32")).any()


def test_the_scale_multiplies_the_scores():
    np.testing.assert_allclose(
        scores(adapted(scale=7.0)), 7 * scores(adapted(scale=1.0)), atol=1e-5
    )


@pytest.mark.parametrize("size", [0, 1e-25, 1, 1e25])
def test_the_plain_form_agrees_for_features_of_any_size(size, tmp_path):
    head = adapted()
    inputs = keras.Input((5,))
    keras.Model(inputs, head.plain(inputs)).save(tmp_path / "plain.keras")
    plain = keras.models.load_model(tmp_path / "plain.keras")
    features = (OTHERS * size).astype("float32")
    expected = scores(head, features)
    found = plain.predict(features, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    if size:
        cosines = unit(OTHERS) @ head.columns("kernel")
        np.testing.assert_allclose(expected, cosines, atol=1e-4)
