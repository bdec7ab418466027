"""What a training step costs with the parts, in steps of plain `fit`."""

import importlib.util

import keras
import numpy as np

from keras_incremental.callbacks.exemplar_memory import ExemplarMemory
from keras_incremental.data.map_batches import map_batches
from keras_incremental.data.teacher_outputs import with_teacher
from keras_incremental.layers import ExpandableDense
from keras_incremental.losses.distillation_crossentropy import (
    DistillationCrossentropy,
)
from keras_incremental.losses.ewc_loss import EWCLoss
from keras_incremental.losses.loss_with_teacher import LossWithTeacher
from keras_incremental.models.student import Student
from keras_incremental.models.student import teacher_of
from keras_incremental.regularizers import consolidate

from . import networks
from . import passes
from .ratios import Row
from .ratios import rows_of
from .timing import epoch
from .timing import interleaved
from .timing import seconds

NUM_OLD, NUM_CLASSES = 8, 10
STRENGTH = 10.0
EXEMPLARS = 200


def network_rows(size, rounds):
    """Of the small ResNet, trained as a whole."""
    x, y = _data(size, size.batch)
    new = slice(0, size.steps * _new(size))
    memory = _memory(size)
    replayed = memory.mix(x[new], y[new], batch_size=_new(size))
    runs = {
        "plain": epoch(_plain(size), x, y, size.batch),
        "control": epoch(_plain(size), x, y, size.batch),
        "replay": epoch(_plain(size), replayed),
        "live": epoch(
            _student(size, _resnet(size)), x, {"labels": y}, size.batch
        ),
        "cached": _cached_teacher(size, x, y),
        "penalties": epoch(_penalised(_plain(size)), x, y, size.batch),
        "wrapper": epoch(_wrapped(size), x, y, size.batch),
        "all": epoch(
            _penalised(_student(size, _resnet(size))),
            map_batches(replayed, _named_labels),
        ),
    }
    lines = [
        ("ResNet: plain again (noise)", "control", "plain", None),
        ("ResNet: replay of exemplars, arrays", "replay", "plain", 1.02),
        ("ResNet: distillation, live teacher", "live", "plain", 1.33),
        ("ResNet: distillation, cached teacher", "cached", "plain", 1.05),
        ("ResNet: EWC by penalties", "penalties", "plain", 1.10),
        ("ResNet: EWC by EWCLoss", "wrapper", "plain", 1.10),
        ("ResNet: replay + live teacher + penalties", "all", "plain", 1.49),
    ]
    if importlib.util.find_spec("tensorflow") is not None:
        dataset = _dataset(x, y, size.batch)
        part = memory.mix(_dataset(x[new], y[new], _new(size)))
        runs["dataset"] = epoch(_plain(size), dataset)
        runs["mixed"] = epoch(_plain(size), part)
        name = "ResNet: replay of exemplars, tf.data"
        lines.append((name, "mixed", "dataset", 1.02))
    return rows_of(interleaved(runs, rounds), lines)


def frozen_rows(size, rounds):
    """Of the small ResNet frozen up to its features, run in every step."""
    x, y = _data(size, size.batch)
    features = _resnet(size)
    features.trainable = False
    plain = _compiled(networks.classifier(features, NUM_CLASSES))
    runs = {
        "plain": epoch(plain, x, y, size.batch),
        "shared": epoch(_student(size, features), x, {"labels": y}, size.batch),
    }
    name = "Frozen ResNet, not cached: distillation, shared trunk"
    return rows_of(interleaved(runs, rounds), [(name, "shared", "plain", 1.05)])


def head_rows(size, rounds):
    """Of a head alone, on cached features."""
    generator = np.random.default_rng(0)
    count = size.head_steps * size.batch
    x = generator.standard_normal((count, size.features), "float32")
    y = generator.integers(0, NUM_CLASSES, count)
    features = keras.Sequential(
        [keras.Input((size.features,)), keras.layers.Identity()]
    )
    plain, control = (
        _compiled(networks.classifier(features, NUM_CLASSES)) for _ in range(2)
    )
    student = _student(size, None)
    runs = {
        "plain": epoch(plain, x, y, size.batch),
        "control": epoch(control, x, y, size.batch),
        "shared": epoch(student, x, {"labels": y}, size.batch),
    }
    lines = [
        ("Cached features: plain again (noise)", "control", "plain", None),
        ("Cached features: distillation, shared", "shared", "plain", 1.05),
    ]
    return rows_of(interleaved(runs, rounds), lines)


def large_rows(size, rounds):
    """Of VGG16, where a step has few pictures and many weights."""
    x, y = _data(size, size.vgg_batch, size.vgg_steps)
    plain, control, penalised = (
        _compiled(
            networks.classifier(
                networks.vgg_features(size.picture, size.widths), NUM_CLASSES
            )
        )
        for _ in range(3)
    )
    add_pull = passes.elementwise(plain.trainable_variables)
    runs = {
        "plain": epoch(plain, x, y, size.vgg_batch),
        "control": epoch(control, x, y, size.vgg_batch),
        "penalties": epoch(_penalised(penalised), x, y, size.vgg_batch),
        "pass": lambda: seconds(add_pull) * size.vgg_steps,
    }
    times = interleaved(runs, rounds)
    lines = [
        ("VGG16: plain again (noise)", "control", "plain", None),
        ("VGG16: EWC by penalties", "penalties", "plain", 1.20),
    ]
    floor = 1 + times["pass"] / times["plain"]
    return [
        *rows_of(times, lines),
        Row("VGG16: floor of EWC, one elementwise pass", floor),
    ]


def _new(size):
    return size.batch - size.batch // 4


def _data(size, batch, steps=None):
    steps = size.steps if steps is None else steps
    return networks.pictures(batch * steps, size.picture, NUM_CLASSES)


def _dataset(x, y, batch_size):
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    dataset = dataset.shuffle(len(x), seed=0).batch(batch_size)
    return dataset.prefetch(tf.data.AUTOTUNE)


def _memory(size):
    x, y = networks.pictures(EXEMPLARS, size.picture, NUM_OLD, seed=1)
    memory = ExemplarMemory(EXEMPLARS, selection="random", share=0.25)
    memory.update(x, y)
    return memory


def _resnet(size):
    return networks.resnet_features(size.picture, size.filters, size.blocks)


def _plain(size):
    return _compiled(networks.classifier(_resnet(size), NUM_CLASSES))


def _compiled(model, loss=None):
    loss = loss or _crossentropy()
    # A small rate, so that no weight leaves the range of usual numbers.
    model.compile(keras.optimizers.Adam(1e-4), loss)
    return model


def _crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _student(size, features):
    """A student of all classes, with a teacher of the old ones."""
    width = features.output_shape[-1] if features else size.features
    head = ExpandableDense(NUM_OLD)
    head.build((None, width))
    teacher = teacher_of(Student(features, head))
    head.expand(NUM_CLASSES - NUM_OLD)
    terms = [(0.5, DistillationCrossentropy())]
    student = Student(features, head, teacher, terms)
    student.build((None, *(features.input_shape[1:] if features else (width,))))
    return _compiled(student)


def _named_labels(x, y, sample_weight):
    """A batch as a student reads it."""
    return x, {"labels": y}, sample_weight


def _cached_teacher(size, x, y):
    teacher = networks.classifier(_resnet(size), NUM_OLD)
    loss = LossWithTeacher(_crossentropy(), num_old=NUM_OLD)
    student = networks.classifier(_resnet(size), NUM_CLASSES)
    taught = with_teacher((x, y), teacher)
    return epoch(_compiled(student, loss), *taught, size.batch)


def _importance(model):
    generator = np.random.default_rng(0)
    return {
        v.path: generator.random(v.shape, "float32")
        for v in model.trainable_variables
    }


def _penalised(model):
    consolidate(model, _importance(model), STRENGTH)
    return model


def _wrapped(size):
    model = networks.classifier(_resnet(size), NUM_CLASSES)
    loss = EWCLoss(_crossentropy(), model, _importance(model), STRENGTH)
    return _compiled(model, loss)
