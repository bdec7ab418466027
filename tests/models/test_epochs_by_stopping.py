"""How long a phase trains where nobody says it."""

import keras
import numpy as np
import pytest
from toy_classifiers import NAMES
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental import ExemplarMemory
from keras_incremental import recipes
from keras_incremental.callbacks import PhaseCallback
from keras_incremental.models import IncrementalClassifier
from keras_incremental.models.phases.stopping import HEAD_EPOCHS
from keras_incremental.models.phases.stopping import MOST_EPOCHS
from keras_incremental.models.phases.stopping import NETWORK_EPOCHS

LOSS = "held_out_loss"


def classifier(trainable=True, remembered=True, **arguments):
    model = trained_model()
    model.layers[0].trainable = trainable
    if "recipe" not in arguments:
        arguments["memory"] = ExemplarMemory(40)
    clf = IncrementalClassifier(model, NAMES[:2], **arguments)
    if remembered:
        clf.remember(*samples([0, 1]))
    return clf


def learn(clf, count=30, **options):
    x, y = samples([2], count, seed=3)
    return clf.learn(x, [NAMES[i] for i in y], verbose=0, **options)


@pytest.mark.backend
def test_a_network_trains_until_held_out_samples_say_enough():
    report = learn(classifier())
    losses = report.history[LOSS]
    assert NETWORK_EPOCHS < len(losses) == report.used["epochs"] <= MOST_EPOCHS
    assert "epochs by held-out samples" in report.used["method"]


def crossentropy(clf):
    x, y = samples([0, 1, 2], 100, seed=9)
    logits = clf.predict(x, verbose=0)
    return float(
        keras.ops.mean(
            keras.losses.sparse_categorical_crossentropy(
                y, logits, from_logits=True
            )
        )
    )


def test_samples_never_seen_are_told_apart_better_than_by_a_few_epochs():
    longer, few = classifier(), classifier()
    learn(longer, optimizer=keras.optimizers.Adam(1e-3))
    learn(few, epochs=NETWORK_EPOCHS, optimizer=keras.optimizers.Adam(1e-3))
    assert crossentropy(longer) < 0.9 * crossentropy(few)


def test_the_same_samples_are_held_out_of_the_memory_and_of_the_new_ones():
    clf = classifier()
    seen = []

    class Look(PhaseCallback):
        def on_phase_train_begin(self, run):
            seen.append(run.inputs)

    learn(clf, callbacks=[Look()])
    _, labels = seen[0].held_out
    assert np.bincount(labels).tolist() == [4, 4, 4]
    assert len(seen[0].new_labels) == 26 and len(seen[0].old_labels) == 32


@pytest.mark.parametrize(
    ("clf", "options", "epochs"),
    [
        ({}, {"epochs": 3}, 3),
        ({"trainable": False}, {"optimizer": "adam"}, HEAD_EPOCHS),
        ({"remembered": False}, {}, NETWORK_EPOCHS),
        ({"recipe": recipes.er(budget=40)}, {}, NETWORK_EPOCHS),
        ({}, {"count": 9}, NETWORK_EPOCHS),
    ],
    ids=["epochs", "frozen", "nothing old", "recipe", "few samples"],
)
def test_else_the_number_is_fixed(clf, options, epochs):
    report = learn(classifier(**clf), **options)
    assert LOSS not in report.history
    assert report.used["epochs"] == epochs
