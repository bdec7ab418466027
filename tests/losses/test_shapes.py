import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.losses import CandidateSetCrossentropy
from keras_incremental.losses import candidate_set_crossentropy
from keras_incremental.losses import logits_at
from keras_incremental.testing.gradients import gradient

JIT = keras.config.backend() != "torch"
RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(2, 3, 4, 3)).astype("float32")
LABELS = RANDOM.integers(0, 3, (2, 6, 8))
LABELS[0, 0, :2], LABELS[1, 5, 6:] = -1, 255


def enlarged(logits, height, width):
    """Bilinear interpolation between the centers of places, slowly."""

    def weights(old, new):
        at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(old)))

    down = weights(logits.shape[1], height)
    right = weights(logits.shape[2], width)
    return np.einsum("ai,bj,nijc->nabc", down, right, np.float64(logits))


def array(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("size", [(6, 8), (7, 9), (12, 4)])
def test_logits_are_interpolated_between_the_centres_of_places(size):
    found = array(logits_at(np.zeros((2, *size)), LOGITS))
    np.testing.assert_allclose(found, enlarged(LOGITS, *size), atol=1e-5)


def test_labels_may_have_a_last_dimension_of_one():
    found = array(logits_at(LABELS[..., None], LOGITS))
    np.testing.assert_allclose(found, enlarged(LOGITS, 6, 8), atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 1), (2,), (2, 3, 4, 3)])
def test_what_needs_no_change_is_returned_as_it_is(shape):
    assert logits_at(np.zeros(shape), LOGITS) is LOGITS


def test_half_precision_is_interpolated_in_float32():
    found = logits_at(LABELS, ops.cast(LOGITS, "float16"))
    assert keras.backend.standardize_dtype(found.dtype) == "float32"


def by_hand(labels, logits):
    z = enlarged(logits, *labels.shape[1:])
    logs = z - np.log(np.exp(z).sum(-1, keepdims=True))
    counted = (labels >= 0) & (labels < 3)
    return -logs[counted][np.arange(counted.sum()), labels[counted]].mean()


def test_the_loss_takes_labels_of_another_size():
    loss = CandidateSetCrossentropy(ignore_class=[-1, 255])
    expected = by_hand(LABELS, LOGITS)
    assert float(loss(LABELS, LOGITS)) == pytest.approx(expected, rel=1e-5)
    tensor = ops.convert_to_tensor(LABELS)
    assert float(loss(tensor, LOGITS)) == pytest.approx(expected, rel=1e-5)


def test_the_function_takes_labels_of_another_size():
    found = candidate_set_crossentropy(LABELS, LOGITS, ignore_class=[-1, 255])
    assert found.shape == LABELS.shape
    assert array(found).sum() / (LABELS.size - 4) == pytest.approx(
        by_hand(LABELS, LOGITS), rel=1e-5
    )


def test_places_that_only_ignored_pixels_read_get_no_gradient():
    labels = np.full((1, 8, 8), 255)
    labels[0, :2, :2] = 1

    def loss(z):
        return CandidateSetCrossentropy(ignore_class=255)(labels, z)

    slope = gradient(loss, LOGITS[:1, :2, :2])
    assert np.isfinite(slope).all() and slope[0, 0, 0].any()
    assert not slope[0, 1].any() and not slope[0, 0, 1].any()


def test_weights_of_examples_scale_each_of_their_pixels():
    loss = CandidateSetCrossentropy(reduction="sum", ignore_class=[-1, 255])
    parts = [float(loss(LABELS[i : i + 1], LOGITS[i : i + 1])) for i in (0, 1)]
    found = float(loss(LABELS, LOGITS, sample_weight=np.array([1.0, 3.0])))
    assert found == pytest.approx(parts[0] + 3 * parts[1], rel=1e-5)


def small_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6, 8, 2)), keras.layers.Conv2D(3, 3, 2, "same")]
    )
    loss = CandidateSetCrossentropy(ignore_class=[-1, 255])
    model.compile(keras.optimizers.SGD(0.1), loss, jit_compile=JIT)
    return model


X = RANDOM.normal(size=(2, 6, 8, 2)).astype("float32")


def test_ignored_labels_are_safe_in_a_compiled_step():
    model = small_model()
    start = float(model.loss(LABELS, model.predict(X, verbose=0)))
    history = model.fit(X, LABELS, epochs=3, verbose=0).history["loss"]
    assert history[0] == pytest.approx(start, rel=1e-4)
    assert history[-1] < history[0]
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_nothing_labeled_trains_nothing_in_a_compiled_step():
    model = small_model()
    before = model.get_weights()
    labels = np.where(LABELS == 1, -1, 255)
    history = model.fit(X, labels, verbose=0).history
    assert history["loss"] == [0.0]
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
