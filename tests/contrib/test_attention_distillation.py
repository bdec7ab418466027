import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental.contrib import AttentionDistillation
from keras_incremental.contrib.attention_distillation import attention
from keras_incremental.testing.gradients import gradient

RANDOM = np.random.default_rng(0)


def draw(*shape):
    return RANDOM.normal(size=shape).astype("float32")


MAPS, KERNEL, LOGITS = [draw(2, 2, 3, 4)], draw(4, 3), draw(2, 3)
TEACHER = {"maps": MAPS, "kernel": KERNEL, "logits": LOGITS}
STUDENT = {
    "maps": [draw(2, 2, 3, 4)],
    "kernel": np.concatenate([KERNEL + 0.1, draw(4, 2)], -1),
    "logits": draw(2, 5),
}


def value(teacher, student):
    outputs = AttentionDistillation().compute_loss(teacher, student)
    return float(ops.convert_to_numpy(outputs))


def test_attention_is_that_of_grad_cam_on_a_linear_head():
    classes = np.array([2, 0])

    def chosen(maps):
        logits = ops.matmul(ops.mean(maps, axis=(1, 2)), KERNEL)
        return ops.sum(ops.multiply(logits, np.eye(3)[classes]))

    slope = gradient(chosen, MAPS[0])
    weights = slope.mean(axis=(1, 2), keepdims=True)
    cam = np.maximum((weights * MAPS[0]).sum(-1), 0).reshape(2, -1)
    cam /= np.linalg.norm(cam, axis=-1, keepdims=True)
    found = attention(
        *(ops.convert_to_tensor(x) for x in (MAPS[0], KERNEL, classes))
    )
    np.testing.assert_allclose(ops.convert_to_numpy(found), cam, atol=1e-5)


def test_value_is_the_summed_difference_for_the_teachers_class():
    def by_hand(outputs):
        top = LOGITS.argmax(-1)
        maps = outputs["maps"][-1].reshape(2, 6, 4)
        places = np.einsum("bpc,cb->bp", maps, outputs["kernel"][:, top])
        places = np.maximum(places, 0)
        return places / np.linalg.norm(places, axis=-1, keepdims=True)

    difference = np.abs(by_hand(STUDENT) - by_hand(TEACHER))
    expected = difference.sum(-1).mean()
    assert value(TEACHER, STUDENT) == pytest.approx(expected, rel=1e-4)


def test_a_scale_of_the_maps_has_no_effect():
    scaled = {**STUDENT, "maps": [9 * STUDENT["maps"][0]]}
    expected = value(TEACHER, STUDENT)
    assert value(TEACHER, scaled) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["maps", "kernel"])
def test_the_student_is_moved(name):
    is_list = name == "maps"

    def loss(x):
        student = {**STUDENT, name: [x] if is_list else x}
        return AttentionDistillation().compute_loss(TEACHER, student)

    slope = gradient(loss, STUDENT[name][0] if is_list else STUDENT[name])
    assert slope.any()


def test_a_class_that_no_place_speaks_for_gives_zeros():
    maps = [-np.abs(MAPS[0])]
    outputs = {**TEACHER, "maps": maps, "kernel": np.abs(KERNEL)}

    def loss(x):
        student = {**outputs, "maps": [x]}
        return AttentionDistillation().compute_loss(TEACHER, student)

    assert np.isfinite(value(TEACHER, outputs))
    assert not gradient(loss, maps[0]).any()


def test_a_head_on_something_else_than_the_map_is_refused():
    with pytest.raises(ValueError, match="maps of 4 channels, a kernel for 8"):
        value(TEACHER, {**STUDENT, "kernel": draw(8, 5)})


def test_layers_are_saved():
    term = AttentionDistillation(layers=["last"])
    copied = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(term)
    )
    assert copied.layers == ["last"]
