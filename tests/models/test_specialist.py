import dataclasses
import types

import keras
import numpy as np
import pytest
from keras import ops

from keras_incremental import contrib
from keras_incremental.layers import ExpandableDense
from keras_incremental.models.phases.phase_data import Inputs
from keras_incremental.models.phases.specialist import train_specialist
from keras_incremental.models.student import Student
from keras_incremental.utils.phase import Phase

# Two new classes, 2 and 3; an old one taught again, and a picture unlabeled.
LABELS = np.array([2, 3, 0, -1, 3])
X = np.arange(15, dtype="float32").reshape(5, 3)
PHASE = Phase(group_sizes=(2, 2), num_old=2, counts=(1, 0, 1, 2))


@dataclasses.dataclass
class Recorder:
    """Stands for the fit, and keeps what it was told."""

    log: dict
    head: object = None
    loss: object = None
    label_weight: float = 0.5
    policy: object = None

    def run(self, student, inputs, name=None):
        self.log.update(student=student, inputs=inputs, how=self)


def teacher():
    keras.utils.set_random_seed(0)
    upper = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    head = ExpandableDense(2)
    head.build((None, 4))
    return Student(upper, head)


def trained(phase=PHASE):
    plan = types.SimpleNamespace(
        phase=phase, recipe=contrib.gd(budget=4), coordinates=None
    )
    inputs = dataclasses.replace(
        Inputs.of(X, LABELS), old=X[:2], old_labels=np.array([0, 1])
    )
    fit, old = {}, teacher()
    specialist = train_specialist(
        old, inputs, plan, lambda head: Recorder(fit, head)
    )
    return specialist, fit, old


def test_it_sees_new_classes_and_unlabelled_pictures_alone():
    _, fit, _ = trained()
    np.testing.assert_array_equal(fit["inputs"].new, X[[0, 1, 3, 4]])
    assert fit["inputs"].new_labels.tolist() == [0, 1, -1, 1]
    assert not len(fit["inputs"].old_labels)


def test_it_knows_only_the_new_classes_and_starts_undecided():
    specialist, fit, _ = trained()
    outputs = ops.convert_to_numpy(specialist(X))
    np.testing.assert_array_equal(outputs, np.zeros((5, 2)))
    assert fit["how"].head is specialist.head
    assert fit["how"].label_weight == 1.0


def test_it_does_not_share_what_trains_with_the_old_network():
    specialist, _, old = trained()
    before = old.upper.get_weights()
    for variable in specialist.upper.trainable_variables:
        variable.assign(variable + 1.0)
    for now, then in zip(old.upper.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_without_new_classes_there_is_nothing_to_specialise_in():
    known = Phase(group_sizes=(2, 2), num_old=4, counts=(1, 0, 1, 2))
    with pytest.raises(ValueError, match="known classes only"):
        trained(known)
