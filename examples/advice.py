"""
Title: Advice that circulates
Author: The keras_incremental maintainers
Date created: 2026/11/22
Last modified: 2026/11/22
Description: Seven answers to "how do I add a class?", and what each one does.
Accelerator: None
"""

import keras
import numpy as np
from advice_task import Samples
from advice_task import classifier
from advice_task import train
from advice_task import wider

"""
## Introduction

Each answer is a function of the trained classifier and of what one has when
the new class arrives: its pictures, and none, a few or all of the old ones.
`advice_measured.py` runs them.

## 1. "Put a new `Dense` layer on top"

The first answer of
[keras#7924](https://github.com/keras-team/keras/issues/7924): a `Dense` with
one output more, on top of the softmax that is there.

The new layer sees nine probabilities, and a picture of the new class is
known to it only by which old classes it resembles. Whatever else the network
knows of it was dropped by the softmax. With all old pictures that is enough
to keep most of the old classes, and not to learn the new one. With the new
pictures alone both go wrong.
"""


def on_top_of_softmax(model, task, samples):
    base = keras.models.clone_model(model)
    base.set_weights(model.get_weights())
    base.trainable = False
    top = keras.layers.Dense(task.num_old + 1, activation="softmax")
    return train(keras.Sequential([base, top]), samples)


"""
## 2. "Reserve outputs for later"

Of [keras#14234](https://github.com/keras-team/keras/issues/14234), and ten at
once in [Mask_RCNN#1541](https://github.com/matterport/Mask_RCNN/issues/1541):
begin with more outputs than classes, and train the free ones when they are
needed.

That saves the trouble of a wider layer, and nothing else. In the first
training the free output is pushed down on every picture; in the second
nothing but that output is right, and all others are pushed down.
"""


def reserved_output(task, seed):
    keras.utils.set_random_seed(seed)
    model = classifier(task.old.x.shape[-1], task.num_old + 1)
    return train(train(model, task.old), task.new)


"""
## 3. "Freeze all but the new neuron"

The answer to the second question that this package was founded on, of the
[horses that were background in the old
pictures](https://brainreview.org/what-are-good-ways-to-extend-an-ml-model-with-a-new-class-without-relabeling-all-previous-data/).
One new output neuron is trained, all other weights stay.

Old logits do not change, which is why it sounds safe. But a softmax compares:
trained on new pictures alone, the new logit has no reason to be small on an
old picture, and its bias rises as long as training goes on. What is left of
the old classes depends on when one stops, and on the digit.
"""


def new_neuron_only(model, samples):
    inputs = keras.Input(model.input_shape[1:])
    *below, dense = model.layers
    x = inputs
    for layer in below:
        layer.trainable = False
        x = layer(x, training=False)
    old = keras.layers.Dense(dense.units, trainable=False, name="old")
    new = keras.layers.Dense(1, name="new")
    logits = keras.layers.Concatenate()([old(x), new(x)])
    old.set_weights(dense.get_weights())
    both = keras.Model(inputs, keras.layers.Softmax()(logits))
    train(both, samples)
    for layer in below:
        layer.trainable = True
    return both


"""
## 4. "Train one neuron, new against the rest"

Of [stats.SE 560762](https://stats.stackexchange.com/questions/560762): a
second network with a sigmoid says whether a picture is of the new class, and
the old classifier answers for all others.

The old classifier is untouched, so what is lost is what the second network
takes away. Without old pictures it has no "rest", and claims everything. With
all of them it is good, for one class, and with five of each the best of the
advice here. But ten such networks do not know of each other, and each needs
old pictures again.
"""


class NewAgainstRest:
    """Asks the second network first, then the old one."""

    def __init__(self, model, task, rest):
        self.model = model
        self.num_old = task.num_old
        samples = task.new + rest
        is_new = Samples(samples.x, (samples.y == task.num_old).astype("int32"))
        self.detector = classifier(model.input_shape[-1], 1, "sigmoid")
        train(self.detector, is_new, loss=keras.losses.BinaryCrossentropy())

    def get_weights(self):
        return self.model.get_weights() + self.detector.get_weights()

    def predict(self, x, verbose=0):
        claimed = self.detector.predict(x, verbose=verbose) > 0.5
        scores = self.model.predict(x, verbose=verbose)
        return np.concatenate([np.where(claimed, 0, scores), claimed], -1)


"""
## 5. "Use a small learning rate"

And call `fit` again; "modern deep learning frameworks are designed to
mitigate" the rest (openillumi.com, "Stop OOM Errors: Master Incremental
Learning in Keras & TF").

The rate decides how far one walks, not where to. No picture of an old class
is in the loss, so the direction is the same: a rate that is small enough to
keep the old classes has not learnt the new one. Somewhere between there may
be a good number of steps, but only old pictures can tell which.
"""


def fine_tuned(model, samples, rate=1e-3, **arguments):
    return train(wider(model), samples, rate, **arguments)


"""
## 6. "Train on everything together"

It works, and where all old pictures are there and training is cheap, do it:
this package says so in its report, too. The question was asked by people who
have no old pictures, or a million.

With five pictures of each old class it helps more than anything before it.
But a batch then has mostly new pictures, and the new class wins too often.

## 7. "Weight the loss", and "use a focal loss"

Answers to the imbalance that is left: `class_weight` makes the few old
pictures count as much as the many new ones, and `CategoricalFocalCrossentropy`
makes hard samples count more.

On the new pictures alone neither changes anything: there is one class, so
weights are one factor, and every sample that is hard is a new one. Beside
five old pictures of each class weights help: each of these then counts about
twenty times. The focal loss does harm. The old pictures are those that the
network is right about to begin with, so it all but ignores them until they
are lost.

`CandidateSetCrossentropy` of this package has both, `label_weights` and
`focus`.
"""


def balanced_weights(samples):
    counts = np.bincount(samples.y)
    return {k: counts.sum() / (len(counts) * n) for k, n in enumerate(counts)}


def focal(model, task, samples):
    one_hot = Samples(samples.x, np.eye(task.num_old + 1)[samples.y])
    loss = keras.losses.CategoricalFocalCrossentropy()
    return fine_tuned(model, one_hot, loss=loss)
