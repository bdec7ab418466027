import keras
import numpy as np
import pytest

from keras_incremental.distillation import LocalPooledLogits
from keras_incremental.distillation import LocalPooledOutputs
from keras_incremental.distillation.local_pod import locally_pooled
from keras_incremental.testing.gradients import gradient

RANDOM = np.random.default_rng(0)
TEACHER = RANDOM.normal(size=(2, 6, 10, 3)).astype("float32")
STUDENT = RANDOM.normal(size=(2, 6, 10, 3)).astype("float32")


def value(teacher, student, **options):
    term = LocalPooledOutputs(**options)
    outputs = term.compute_loss({"maps": teacher}, {"maps": student})
    return float(keras.ops.convert_to_numpy(outputs))


def pooled(maps, scales=(1, 2, 4)):
    return keras.ops.convert_to_numpy(locally_pooled(maps, scales))


def by_hand(maps, scales):
    parts, (_, height, width, _) = [], maps.shape
    for scale in scales:
        tops = [height * i // scale for i in range(scale + 1)]
        lefts = [width * i // scale for i in range(scale + 1)]
        for i in range(scale):
            for j in range(scale):
                rows = slice(tops[i], tops[i + 1])
                tile = np.float64(maps[:, rows, lefts[j] : lefts[j + 1]]) ** 2
                parts += [tile.mean(2), tile.mean(1)]
    return np.concatenate([p.reshape(len(maps), -1) for p in parts], -1)


def test_value_is_the_mean_distance_of_all_tiles():
    other = STUDENT[:, ::2]
    distances = [
        np.linalg.norm(by_hand(a, (1, 2)) - by_hand(b, (1, 2)), axis=-1).mean()
        for a, b in ((TEACHER, STUDENT), (TEACHER[:, ::2], 2 * other))
    ]
    found = value(
        [TEACHER, TEACHER[:, ::2]], [STUDENT, 2 * other], scales=(1, 2)
    )
    assert found == pytest.approx(np.mean(distances), rel=1e-4)


@pytest.mark.parametrize("maps", [TEACHER, 0 * TEACHER], ids=["any", "zeros"])
def test_pod_of_identical_maps_has_a_finite_gradient(maps):
    def loss(x):
        term = LocalPooledOutputs()
        return term.compute_loss({"maps": [maps]}, {"maps": [x]})

    assert value([maps], [maps]) == 0.0
    np.testing.assert_allclose(gradient(loss, maps), 0.0, atol=1e-6)


def test_scale_one_is_that_of_whole_maps_without_their_length():
    energy = np.square(TEACHER)
    rows, columns = energy.sum(2) / 10, energy.sum(1) / 6
    expected = np.concatenate([rows.reshape(2, -1), columns.reshape(2, -1)], -1)
    np.testing.assert_allclose(pooled(TEACHER, (1,)), expected, rtol=1e-5)


def test_maps_that_are_not_square_work():
    maps = RANDOM.normal(size=(1, 24, 40, 2)).astype("float32")
    assert pooled(maps).shape == (1, (1 + 2 + 4) * (24 + 40) * 2)
    expected = by_hand(maps, (1, 2, 4))
    np.testing.assert_allclose(np.sort(pooled(maps)), np.sort(expected), 1e-4)


def test_trailing_rows_and_columns_count():
    def change_at(row, column):
        maps = TEACHER.copy()
        maps[0, row, column] += 1
        return value([TEACHER], [maps], scales=4)

    # 6 rows and 10 columns do not divide by 4.
    assert change_at(5, 9) > 1e-3


def test_maps_smaller_than_a_scale_work():
    small, other = TEACHER[:, :3, :1], STUDENT[:, :3, :1]
    assert np.isfinite(value([small], [other]))
    assert value([small], [other]) > 0.1

    def loss(x):
        term = LocalPooledOutputs()
        return term.compute_loss({"maps": [small]}, {"maps": [x]})

    assert np.isfinite(gradient(loss, other)).all()


def test_the_value_does_not_depend_on_the_size_of_flat_maps():
    found = [
        np.unique(
            np.round(pooled(np.full((1, n, 2 * n, 1), 3.0, "float32")), 4)
        )
        for n in (4, 12)
    ]
    assert found[0].tolist() == found[1].tolist() == [9.0]


def test_moving_a_response_within_a_row_is_seen_at_a_finer_scale():
    maps = np.zeros((1, 8, 8, 1), "float32")
    maps[0, 3, 0] = 1
    moved = np.roll(maps, 4, axis=2)
    whole, halves = 8, 8 * 2
    np.testing.assert_allclose(
        pooled(maps, (1,))[:, :whole], pooled(moved, (1,))[:, :whole]
    )
    before, after = pooled(maps, (2,)), pooled(moved, (2,))
    assert np.abs(before - after)[:, :halves].max() == 0.25


@pytest.mark.parametrize("scales", [(), (0,), (1, 2.0), (True,)])
def test_scales_that_cut_nothing_are_refused(scales):
    with pytest.raises(ValueError, match="`scales` of LocalPooledOutputs"):
        LocalPooledOutputs(scales=scales)


def test_one_scale_may_be_an_int():
    assert LocalPooledOutputs(scales=2).get_config()["scales"] == [2]


def logits_value(teacher, student, **options):
    term = LocalPooledLogits(**options)
    outputs = term.compute_loss({"logits": teacher}, {"logits": student})
    return float(keras.ops.convert_to_numpy(outputs))


def test_a_background_that_was_shared_costs_nothing():
    shared = TEACHER.copy()
    shared[..., 1] -= np.log(3)
    student = np.concatenate([shared, shared[..., 1:2], shared[..., 1:2]], -1)
    assert logits_value(TEACHER, student, background=1) < 1e-5
    assert logits_value(TEACHER, student, background=0) > 0.1


def test_without_new_classes_logits_are_compared_as_maps():
    found = logits_value(TEACHER, STUDENT)
    assert found == pytest.approx(value([TEACHER], [STUDENT]), rel=1e-5)


def test_a_background_that_the_teacher_does_not_know_is_refused():
    with pytest.raises(ValueError, match="3 classes.*background=3"):
        logits_value(TEACHER, STUDENT, background=3)


def test_logits_of_whole_pictures_are_refused():
    with pytest.raises(ValueError, match=r"takes maps.*shape \(2, 3\)"):
        logits_value(TEACHER[:, 0, 0], STUDENT[:, 0, 0])


def test_maps_of_unknown_size_are_pooled_in_fit():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Lambda(locally_pooled)(inputs))
    found = model.predict(TEACHER, verbose=0)
    np.testing.assert_allclose(found, pooled(TEACHER), rtol=1e-5)
