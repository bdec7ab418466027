import keras
import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import trained_model

import keras_incremental as ki
from keras_incremental.models import IncrementalClassifier


class OwnStep(keras.Model):
    def train_step(self, *batch):
        raise NotImplementedError


class OwnLoss(keras.Model):
    def compute_loss(self, x, y, y_pred, *others, **options):
        return keras.ops.mean(keras.ops.square(y_pred))


def of(kind):
    model = trained_model()
    made = kind(model.inputs, model.outputs)
    made.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    return made


@pytest.mark.parametrize(
    ("kind", "name"), [(OwnStep, "train_step"), (OwnLoss, "compute_loss")]
)
def test_a_model_that_trains_in_its_own_way_is_refused(kind, name):
    model = of(kind)
    with pytest.raises(ValueError, match=f"{name}.*model.inputs"):
        IncrementalClassifier(model, NAMES[:2])
    # The first way out of the message.
    plain = keras.Model(model.inputs, model.outputs)
    clf = IncrementalClassifier(plain, NAMES[:2])
    x = np.ones((2, *model.input_shape[1:]), "float32")
    np.testing.assert_allclose(
        clf.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6
    )


class Counting(keras.Model):
    steps = 0

    def train_step(self, *batch):
        self.steps += 1
        return super().train_step(*batch)


def test_an_own_step_is_called_after_the_head_has_grown():
    inputs, head = keras.Input((4,)), ki.layers.ExpandableDense(2)
    model = Counting(inputs, head(inputs))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=True)
    x, y = np.ones((6, 4), "float32"), np.arange(6) % 2
    model.fit(x, y, verbose=0)
    before = model.steps
    ki.expand(model, 1)
    model.fit(x, np.arange(6) % 3, batch_size=2, verbose=0)
    assert model.steps > before and head.units == 3
    assert model.run_eagerly


def test_its_head_can_be_grown_in_place():
    keras.utils.set_random_seed(0)
    inputs, head = keras.Input((4,)), ki.layers.ExpandableDense(2)
    model = OwnLoss(inputs, head(inputs))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    ki.expand(model, 1)
    x = np.ones((32, 4), "float32")
    before = np.abs(model.predict(x, verbose=0)).mean()
    model.fit(x, np.ones((32, 3), "float32"), epochs=5, verbose=0)
    after = np.abs(model.predict(x, verbose=0)).mean()
    # Its own loss is least at outputs of 0, and `mse` at 1.
    assert head.units == 3 and after < before / 2
