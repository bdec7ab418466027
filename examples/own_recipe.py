"""
Title: A recipe of your own
Author: The keras_incremental maintainers
Date created: 2026/11/22
Last modified: 2026/11/22
Description: A new penalty, a new selection and a new head, checked by the laws.
Accelerator: None
"""

import dataclasses

import keras
import numpy as np

import keras_incremental as ki
from keras_incremental import recipes
from keras_incremental.layers import ClosedFormHead
from keras_incremental.regularizers import consolidate
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.testing import callback_checks
from keras_incremental.testing import closed_form_checks

"""
## Introduction

A method is a `Recipe`: a handful of parts. Those of the literature are in
`keras_incremental.recipes`, each a few lines. Where none of them is yours,
write the part that is missing. This page writes three: a penalty, a selection
of exemplars and a head. Each is checked by the laws that the package checks
its own parts by, then all are compared on the same small problem.

## A penalty

What a phase protects is a callback. This one holds every weight, the longer
the more: a weight that training has moved far from zero is probably needed.
`consolidate` makes a quadratic penalty of any importance, keeps that of
earlier phases, and knows about growing heads.
"""


@keras.saving.register_keras_serializable(package="own_recipe")
class KeepLargeWeights(ki.callbacks.PhaseCallback):
    protects_weights = True

    def __init__(self, strength=1.0):
        super().__init__()
        self.strength = strength

    def on_train_end(self, logs=None):
        importance = {
            variable.path: keras.ops.convert_to_numpy(variable) ** 2
            for variable in self.model.trainable_variables
        }
        consolidate(self.model, importance, self.strength)

    def get_config(self):
        return {"strength": self.strength}


"""
## A selection

A selection is a function: features of one class in, indices out, the best
first. This one takes the sample that is farthest from those taken before, so
that exemplars cover the class (the k-center rule).
"""


def spread(features, count, seed=0):
    rows = np.reshape(features, (len(features), -1))
    distances = np.square(rows - rows.mean(0)).sum(1)
    picks = [int(distances.argmin())]
    distances = np.square(rows - rows[picks[0]]).sum(1)
    while len(picks) < min(count, len(rows)):
        picks.append(int(distances.argmax()))
        newest = np.square(rows - rows[picks[-1]]).sum(1)
        distances = np.minimum(distances, newest)
        distances[picks] = -1.0
    return np.array(picks)


"""
## A head

A head that is solved, not trained, says how its columns follow from the
statistics of the features; growth, files, unseen classes and the arithmetic
of statistics it inherits. This one is the naive Bayes rule: Gaussians whose
features are independent, with the same variances in all classes.
"""


@keras.saving.register_keras_serializable(package="own_recipe")
class NaiveBayes(ClosedFormHead):
    statistics_class = FeatureStatistics

    def solve(self, statistics):
        variances = np.diag(statistics.scatter) / len(statistics)
        variances = variances + 1e-3 * variances.mean() + 1e-12
        # Distances to the common mean give the same classes, more exactly.
        center = statistics.mean
        steps = (statistics.means - center).T
        kernel = steps / variances[:, None]
        bias = -0.5 * (steps * kernel).sum(0) - center @ kernel
        return {"kernel": kernel, "bias": bias}


"""
## The laws

`keras_incremental.testing` is public. A callback of yours must be reusable
phase after phase, leave a plain `fit` unharmed and survive its configuration;
a head must be the same whatever the order and the chunks of the data, never
let a class win that it has not seen, and go on from a file. Under pytest,
cross your part with the list; here is a loop.
"""


def check_all():
    for check in callback_checks.CALLBACK_CHECKS:
        check(KeepLargeWeights)
    for check in closed_form_checks.CLOSED_FORM_CHECKS:
        check(NaiveBayes)
    corner = np.array([[0.0, 0.0], [0.1, 0.0], [3.0, 0.0], [0.0, 3.0]])
    assert sorted(spread(corner, 4)) == [0, 1, 2, 3]
    assert set(spread(corner, 3)) >= {2, 3}


"""
## The recipes

A recipe is immutable; `dataclasses.replace` replaces one of its parts, and
`recipes.bare` makes a recipe of nothing but the parts that you give. Recipes
of the literature leave nothing to be chosen automatically.
"""


def own_recipes():
    replay = recipes.er(budget=20)
    return {
        "fine_tuning": recipes.fine_tuning(),
        "replay": replay,
        "own penalty": dataclasses.replace(
            replay,
            name="replay, large weights kept",
            callbacks=(KeepLargeWeights(strength=0.1),),
        ),
        "own selection": dataclasses.replace(
            replay,
            name="replay, spread",
            memory=ki.ExemplarMemory(20, selection=spread),
        ),
        "own head": recipes.bare("naive_bayes", head=NaiveBayes(1)),
    }


"""
## A small problem

Five clouds of points arrive as two, two and one.
"""

NAMES = ("ant", "bee", "cat", "dog", "elk")
PHASES = ([2, 3], [4])
CENTERS = 3 * np.eye(5, 8) + 2


def clouds(classes, seed=0):
    labels = np.repeat(classes, 40)
    noise = np.random.default_rng(seed).normal(size=(len(labels), 8))
    return (CENTERS[labels] + noise).astype("float32"), labels


def first_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(64, activation="relu", trainable=False),
            keras.layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(*clouds([0, 1]), epochs=20, verbose=0)
    return model


def last_report(recipe):
    clf = ki.IncrementalClassifier(first_model(), NAMES[:2], recipe=recipe)
    clf.remember(*clouds([0, 1]))
    for arriving in PHASES:
        x, labels = clouds(arriving)
        report = clf.learn(
            x,
            np.array(NAMES)[labels],
            classes=[NAMES[k] for k in arriving],
            validation_data=clouds(range(arriving[-1] + 1), seed=1),
            optimizer=keras.optimizers.Adam(0.01),
            verbose=0,
        )
    return report


def main():
    check_all()
    print("The laws hold for the penalty, the selection and the head.\n")
    print(f"{'recipe':16} {'all':>6} {'old':>6} {'new':>6}")
    for name, recipe in own_recipes().items():
        report = last_report(recipe)
        print(
            f"{name:16} {report.score:6.1%} {report.old_score:6.1%} "
            f"{report.new_score:6.1%}"
        )


"""
## What to notice

Fine-tuning forgets. Exemplars keep most of the old classes; what a penalty or
another selection adds to them here is small, as it is in the literature. The
head that is solved keeps every class, without a picture.
"""

if __name__ == "__main__":
    main()
