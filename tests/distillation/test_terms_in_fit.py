import keras
import numpy as np
from keras import ops

from keras_incremental import distillation
from keras_incremental import layers
from keras_incremental.distillation import Term
from keras_incremental.testing.term_checks import PHASE
from keras_incremental.utils.state import Untracked

IMAGES = np.random.default_rng(0).normal(size=(10, 6, 6, 2)).astype("float32")
LABELS = np.array([0, 1, 2, 3, 4, 3, 4, 3, 4, -1])


class Network(keras.Model):
    """A convolution, a head and terms, of pictures of any size."""

    def __init__(self, units, teacher=None, terms=()):
        super().__init__()
        self.conv = keras.layers.Conv2D(4, 3, activation="relu")
        self.head = layers.ExpandableCosine(units, scale=5.0)
        self.teacher, self.terms = Untracked(teacher), Untracked(terms)

    def outputs_of(self, x):
        maps = self.conv(x)
        features = ops.mean(maps, axis=(1, 2))
        return {
            "logits": self.head(features),
            "scores": self.head.scores(features),
            "features": features,
            "maps": [maps],
            "kernel": ops.convert_to_tensor(self.head.variables[0]),
        }

    def call(self, x):
        return self.outputs_of(x)["logits"]

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        taught = self.teacher.value.outputs_of(x)
        given = {**self.outputs_of(x), "stored": taught["logits"]}
        for term in self.terms.value:
            bound = term.for_phase(PHASE)
            value = bound.compute_loss(taught, given, y)
            loss = loss + term.factor(PHASE) * value
        return loss


# What has no default, and what reads logits of pixels.
ARGUMENTS = {
    "MergedDistillation": {"parents": [-1, 0]},
    "SplitRisk": {"child": 4, "parent": 1, "prior": 0.2, "unlabeled": [3]},
}


def all_terms():
    found = [c for c in vars(distillation).values() if isinstance(c, type)]
    return [
        c(**ARGUMENTS.get(c.__name__, {}))
        for c in found
        if issubclass(c, Term) and c is not Term
    ]


def test_all_terms_train_together_from_the_teacher_on():
    keras.utils.set_random_seed(0)
    teacher, terms = Network(3), all_terms()
    teacher(IMAGES)
    assert len(terms) == 10
    student = Network(5, teacher, terms)
    student(IMAGES)
    student.conv.set_weights(teacher.conv.get_weights())
    before = teacher.get_weights()
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=-1
    )
    student.compile(keras.optimizers.SGD(0.005), loss)
    history = student.fit(IMAGES, LABELS, batch_size=5, epochs=4, verbose=0)
    found = history.history["loss"]
    assert np.isfinite(found).all() and found[-1] < found[0]
    assert all(np.isfinite(w).all() for w in student.get_weights())
    for now, old in zip(teacher.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, old)
