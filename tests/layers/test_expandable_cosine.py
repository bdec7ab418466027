import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.layers import ExpandableCosine
from keras_incremental.layers import Imprinting
from keras_incremental.layers import ProxyImprinting
from keras_incremental.layers.proxy_imprinting import centers_of
from keras_incremental.testing import head_checks
from keras_incremental.testing.gradients import gradient

RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.normal(size=(3, 4)).astype("float32")


def built(units=3, **kwargs):
    keras.utils.set_random_seed(1)
    head = ExpandableCosine(units, **kwargs)
    head.build((None, 4))
    return head


def logits(head, features=FEATURES):
    return ops.convert_to_numpy(head(features))


def scale_of(head):
    return float(ops.convert_to_numpy(head.scale))


def with_proxies(units, **kwargs):
    return ExpandableCosine(units, proxies=2, **kwargs)


@pytest.mark.parametrize(
    "check",
    [
        head_checks.check_config_round_trip,
        head_checks.check_expand_keeps_old_logits,
        head_checks.check_joining_keeps_logits,
        head_checks.check_expand_appends_columns,
        head_checks.check_save_load_after_expand,
        head_checks.check_mixed_precision,
        head_checks.check_restore_undoes_growth,
    ],
    ids=lambda check: check.__name__,
)
def test_a_head_with_proxies_obeys(check):
    check(with_proxies)


def test_logits_are_scaled_cosines():
    head = built(scale=5.0)
    kernel = head.columns("kernel")
    lengths = np.outer(
        np.linalg.norm(FEATURES, axis=1), np.linalg.norm(kernel, axis=0)
    )
    cosines = FEATURES @ kernel / lengths
    np.testing.assert_allclose(logits(head), 5 * cosines, atol=1e-5)
    scores = ops.convert_to_numpy(head.scores(FEATURES))
    np.testing.assert_allclose(scores, cosines, atol=1e-6)


def test_proxies_are_pooled_by_their_own_softmax():
    head = built(units=2, proxies=3)
    kernel = head.columns("kernel")
    assert kernel.shape == (4, 3, 2)
    unit = kernel / np.linalg.norm(kernel, axis=0)
    rows = FEATURES / np.linalg.norm(FEATURES, axis=1, keepdims=True)
    s = np.einsum("bd,dpk->bpk", rows, unit)
    weights = np.exp(s) / np.exp(s).sum(1, keepdims=True)
    np.testing.assert_allclose(logits(head), (weights * s).sum(1), atol=1e-6)


@pytest.mark.parametrize("proxies", [1, 3])
def test_cosine_scale_invariance(proxies):
    head = built(proxies=proxies)
    before = logits(head)
    np.testing.assert_allclose(logits(head, 7 * FEATURES), before, atol=1e-6)
    lengths = np.array([0.1, 3.0, 50.0])
    head.assign_columns("kernel", head.columns("kernel") * lengths)
    np.testing.assert_allclose(logits(head), before, atol=1e-6)


def test_no_logit_exceeds_the_scale():
    head = built(scale=4.0)
    aligned = head.columns("kernel").T
    assert np.abs(logits(head, aligned)).max() <= 4.0 + 1e-5
    np.testing.assert_allclose(np.diag(logits(head, aligned)), 4.0, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 10.0, 64.0])
def test_the_scale_starts_where_it_is_told(scale):
    assert scale_of(built(scale=scale)) == pytest.approx(scale, rel=1e-4)


def test_the_scale_stays_above_zero():
    head = built()
    head.raw_scale.assign(-20.0)
    assert scale_of(head) > 0


def test_a_scale_that_is_not_learned_is_no_trainable_weight():
    head = built(learn_scale=False)
    assert len(head.trainable_weights) == 1
    head.trainable = False
    head.trainable = True
    assert len(head.trainable_weights) == 1


def test_gradient_of_a_column_is_orthogonal_to_it():
    head = built()
    kernel = head.columns("kernel")

    def first_logit(values):
        return ops.sum(head.call_block(FEATURES, {"kernel": values})[:, 0])

    slope = gradient(first_logit, kernel)
    assert np.abs(slope[:, 0]).max() > 0.1
    assert abs((slope[:, 0] * kernel[:, 0]).sum()) < 1e-6


def test_gradient_of_the_features_is_orthogonal_to_them():
    head = built()
    slope = gradient(lambda x: ops.sum(head(x)[:, 0]), FEATURES)
    assert np.abs(slope).max() > 0.1
    np.testing.assert_allclose((slope * FEATURES).sum(1), 0.0, atol=1e-6)


def test_zero_features_and_zero_columns_have_small_gradients():
    head = built()
    head.assign_columns("kernel", np.zeros((4, 3)))
    assert not logits(head).any()

    def total(values):
        return ops.sum(head.call_block(FEATURES, {"kernel": values}))

    for slope in (
        gradient(lambda x: ops.sum(head(x)), 0 * FEATURES),
        gradient(total, np.zeros((4, 3))),
    ):
        assert np.isfinite(slope).all() and np.abs(slope).max() < 10


@pytest.mark.parametrize("proxies", [1, 2])
def test_imprint_one_shot_cosine_one(proxies):
    head = built(proxies=proxies)
    shots = np.array([[3.0, 4, 0, 0], [0, 1, 1, 0]], "float32")
    head.expand(2, ProxyImprinting(shots, [0, 1]))
    scores = ops.convert_to_numpy(head.scores(shots))[:, 3:]
    np.testing.assert_allclose(np.diag(scores), 1.0, atol=1e-6)


def test_imprinting_without_centering_gives_cosine_one_too():
    head = built()
    shots = np.array([[3.0, 4, 0, 0]], "float32")
    head.expand(1, Imprinting(shots, [0], center=np.zeros(4)))
    scores = ops.convert_to_numpy(head.scores(shots))
    assert scores[0, 3] == pytest.approx(1.0, abs=1e-6)


def test_imprinted_columns_are_as_long_as_the_old_ones():
    head = built()
    old = np.linalg.norm(head.columns("kernel"), axis=0).mean()
    head.expand(1, ProxyImprinting(FEATURES, [0, 0, 0]))
    new = np.linalg.norm(head.columns("kernel")[:, 3])
    assert new == pytest.approx(old, rel=1e-5)


def test_centers_find_the_clusters():
    vectors = np.repeat(np.eye(3), [2, 5, 3], axis=0)
    for seed in range(3):
        centers = centers_of(vectors[:7], 2, np.random.default_rng(seed))
        assert set(centers.argmax(1)) <= {0, 1}
        np.testing.assert_allclose(np.linalg.norm(centers, axis=1), 1.0)


def test_imprinting_refuses_a_class_without_features():
    head = built()
    with pytest.raises(ValueError, match=r"new classes \[1\] of 2"):
        head.expand(2, ProxyImprinting(FEATURES, [0, 0, 0]))
    assert head.units == 3


def test_snapshot_brings_the_scale_back():
    head = built(scale=2.0)
    snapshot, before = head.snapshot(), logits(head)
    head.raw_scale.assign(9.0)
    head.restore(snapshot)
    np.testing.assert_array_equal(logits(head), before)


def test_a_file_brings_the_scale_back(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, ExpandableCosine(2)(inputs))
    model.layers[-1].raw_scale.assign(3.0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = np.log1p(np.exp(3.0))
    assert scale_of(loaded.layers[-1]) == pytest.approx(expected, rel=1e-6)


def test_a_file_without_a_scale_is_refused():
    head = built()
    with pytest.raises(ValueError, match="stores"):
        head.load_own_variables({"0": head.columns("kernel"), "2": np.ones(4)})


def test_a_center_is_taken_off_before_angles_are_measured():
    head, center = built(), np.array([1.0, -2, 0.5, 3])
    expected = logits(head)
    head.assign_center(center)
    moved = (FEATURES + center).astype("float32")
    np.testing.assert_allclose(logits(head, moved), expected, atol=1e-6)
    np.testing.assert_allclose(head.centered(moved), FEATURES, atol=1e-6)


def test_a_center_is_no_trainable_weight():
    head = built()
    assert "center" not in [v.name for v in head.trainable_weights]
    assert not ops.convert_to_numpy(head.center).any()


def test_features_that_are_all_positive_are_told_apart_around_a_center():
    shots = np.array([[9.0, 8, 8, 8], [8, 9, 8, 8]], "float32")
    gaps = []
    for center in (np.zeros(4), shots.mean(0)):
        head = built(units=1)
        head.assign_center(center)
        head.expand(2, ProxyImprinting(head.centered(shots), [0, 1]))
        scores = ops.convert_to_numpy(head.scores(shots))[0, 1:]
        gaps.append(scores[0] - scores[1])
    assert gaps[0] < 0.01
    assert gaps[1] == pytest.approx(2.0, abs=1e-5)


def test_a_snapshot_and_a_file_bring_the_center_back(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, ExpandableCosine(2)(inputs))
    head = model.layers[-1]
    head.assign_center(np.arange(4))
    snapshot, before = head.snapshot(), logits(head)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(logits(loaded.layers[-1]), before, atol=1e-6)
    head.assign_center(np.ones(4))
    head.restore(snapshot)
    np.testing.assert_array_equal(logits(head), before)


def test_a_center_stays_as_classes_arrive():
    head = built()
    head.assign_center(np.arange(4))
    before = logits(head)
    head.expand(2)
    np.testing.assert_array_equal(logits(head)[:, :3], before)


@pytest.mark.parametrize(
    "value", [np.ones(3), np.ones((1, 4)), [1, 2, 3, np.nan]]
)
def test_a_center_of_another_shape_is_refused(value):
    head = built()
    with pytest.raises(ValueError, match="center.*4 finite numbers"):
        head.assign_center(value)
    assert not ops.convert_to_numpy(head.center).any()


def test_a_teacher_of_the_same_columns_and_another_scale_has_equal_scores():
    teacher, student = built(scale=1.0), built(scale=10.0)
    student.assign_columns("kernel", teacher.columns("kernel"))
    np.testing.assert_allclose(
        ops.convert_to_numpy(student.scores(FEATURES)),
        ops.convert_to_numpy(teacher.scores(FEATURES)),
    )


@pytest.mark.parametrize("proxies", [0, -1])
def test_fewer_than_one_proxy_are_refused(proxies):
    with pytest.raises(ValueError, match=f"proxies={proxies}"):
        ExpandableCosine(2, proxies=proxies)


def test_proxies_must_be_an_int():
    with pytest.raises(TypeError, match="proxies=1.5"):
        ExpandableCosine(2, proxies=1.5)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_not_above_zero_is_refused(scale):
    with pytest.raises(ValueError, match="scale="):
        ExpandableCosine(2, scale=scale)
