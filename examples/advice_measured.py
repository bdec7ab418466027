"""
Title: Advice that circulates, measured
Author: The keras_incremental maintainers
Date created: 2026/11/22
Last modified: 2026/11/22
Description: Answers to "how do I add a class?", all on the same pictures.
Accelerator: None
"""

import argparse
import dataclasses
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np

import keras_incremental as ki
from keras_incremental import benchmarks

"""
## Introduction

"I have a trained classifier, and pictures of one more class. How do I add
it?" The question is old, and so are its answers. This script runs them on the
same pictures and writes a table: the accuracy on the old classes, on the new
class and on all, mean and standard deviation over seeds. With each answer
comes the reason for what it does. The table of `python
examples/advice_measured.py` is in `which_method.md`.

The pictures are digits, on features of a frozen VGG16, and the classifier on
top of them is that of the Keras blog: `Dense`, `Dropout`, `Dense`. Nine digits
are old and one is new; which one, the seed decides. An answer may use nothing
of the old pictures, five of each old class (`few`), or all of them.
"""

EPOCHS = 20
BATCH = 32
FEW = 5
HIDDEN = 256
TABLE, PICTURE = "advice.md", "advice.svg"


@dataclasses.dataclass(frozen=True)
class Samples:
    x: np.ndarray
    y: np.ndarray

    def of(self, classes):
        chosen = np.isin(self.y, classes)
        return Samples(self.x[chosen], self.y[chosen])

    def first(self, count):
        """So many of each class."""
        rows = [np.flatnonzero(self.y == k)[:count] for k in np.unique(self.y)]
        rows = np.concatenate(rows)
        return Samples(self.x[rows], self.y[rows])

    def __add__(self, other):
        return Samples(
            np.concatenate([self.x, other.x]), np.concatenate([self.y, other.y])
        )


@dataclasses.dataclass(frozen=True)
class Task:
    """What one has when the new class, that of the largest index, arrives."""

    old: Samples
    new: Samples
    test: Samples

    @property
    def num_old(self):
        return int(self.new.y[0])

    @property
    def few(self):
        return self.old.first(FEW)


def read_samples(options):
    """Features where there is a VGG16, else plain pixels."""
    data = benchmarks.load(
        "digits", image_size=options.size, train_per_class=options.limit
    )
    extract = pixels
    if options.weights == "hed":
        extract = vgg16_features(options)
    return (
        Samples(extract(data.x_train), data.y_train),
        Samples(extract(data.x_test), data.y_test),
    )


def pixels(pictures):
    return pictures[:, ::6, ::6, 0].reshape(len(pictures), -1) / 255.0


def vgg16_features(options):
    base = benchmarks.vgg16((options.size, options.size, 3), "hed")
    return lambda pictures: base.predict(pictures, verbose=0)


def task_of(train, test, seed):
    """Classes renumbered, so that the last is the new one."""
    order = np.random.default_rng(seed).permutation(np.unique(train.y))
    index = np.argsort(order)
    train = Samples(train.x.astype("float32"), index[train.y])
    test = Samples(test.x.astype("float32"), index[test.y])
    last = len(order) - 1
    return Task(train.of(range(last)), train.of([last]), test)


"""
## The classifier that is there

Trained on the old classes. Everything below begins with it.
"""


def classifier(num_features, num_classes):
    return keras.Sequential(
        [
            keras.Input((num_features,)),
            keras.layers.Dense(HIDDEN, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(num_classes, activation="softmax"),
        ]
    )


def train(model, samples, rate=1e-3, loss=None, **arguments):
    loss = loss or keras.losses.SparseCategoricalCrossentropy()
    model.compile(keras.optimizers.Adam(rate), loss)
    model.fit(
        samples.x,
        samples.y,
        epochs=EPOCHS,
        batch_size=BATCH,
        verbose=0,
        **arguments,
    )
    return model


def wider(model, added=1):
    """A copy that has more outputs; old columns stay."""
    old = model.get_weights()
    copy = classifier(model.input_shape[-1], model.output_shape[-1] + added)
    weights = copy.get_weights()
    for weight, value in zip(weights, old, strict=True):
        weight[..., : value.shape[-1]] = value
    copy.set_weights(weights)
    return copy


def answers(model, x):
    return model.predict(x, verbose=0).argmax(-1)


"""
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
        self.detector = keras.Sequential(
            [
                keras.Input(model.input_shape[1:]),
                keras.layers.Dense(HIDDEN, activation="relu"),
                keras.layers.Dropout(0.5),
                keras.layers.Dense(1, activation="sigmoid"),
            ]
        )
        train(self.detector, is_new, loss=keras.losses.BinaryCrossentropy())

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


"""
## What to do instead

`IncrementalClassifier` with what there is.

- Nothing: the old columns stay, and the margin of the new one is put where
  few new pictures are lost. With nothing else to go by that is a guess, as is
  each answer above that has no old picture.
- Five pictures of each class: they are replayed in every batch, with weights
  for classes and a light distillation.
- All old pictures once, none kept: `remember()` takes statistics of features.
  The layers below are frozen, so that these stay true. Either the head trains
  on features that are drawn from the statistics, or it is solved, as by the
  recipe `ranpac`.
"""


def frozen_below(model):
    model = wider(model, added=0)
    for layer in model.layers[:-1]:
        layer.trainable = False
    return model


def learnt(clf, task, old):
    if old is not None:
        clf.remember(old.x, old.y)
    clf.learn(
        task.new.x,
        classes=["new"],
        epochs=EPOCHS,
        batch_size=BATCH,
        verbose=0,
    )
    return clf


def with_the_package(model, task):
    """Rows of the table, as `all_answers`."""
    names = [f"old {k}" for k in range(task.num_old)]
    words = "**this package**"
    clf = ki.IncrementalClassifier(frozen_below(model), names)
    yield words, "none", learnt(clf, task, None)
    memory = ki.ExemplarMemory(FEW, per_class=True)
    clf = ki.IncrementalClassifier(wider(model, added=0), names, memory=memory)
    yield words, "few", learnt(clf, task, task.few)
    clf = ki.IncrementalClassifier(frozen_below(model), names)
    yield words, "seen once", learnt(clf, task, task.old)
    recipe = ki.recipes.ranpac()
    clf = ki.IncrementalClassifier(frozen_below(model), names, recipe=recipe)
    yield words + ", `ranpac`", "seen once", learnt(clf, task, task.old)


"""
## All of them
"""


def all_answers(model, task, seed):
    """Rows of the table: words, what old pictures are used, a classifier."""
    old, new, few = task.old, task.new, task.few
    weights = balanced_weights(few + new)
    yield "*before*: the old classifier", "", model
    yield "`Dense` on the softmax", "none", on_top_of_softmax(model, task, new)
    both = on_top_of_softmax(model, task, old + new)
    yield "`Dense` on the softmax", "all", both
    yield "a reserved output", "none", reserved_output(task, seed)
    yield "only the new neuron trains", "none", new_neuron_only(model, new)
    yield "new against rest", "none", NewAgainstRest(model, task, few.of([]))
    yield "new against rest", "few", NewAgainstRest(model, task, few)
    yield "new against rest", "all", NewAgainstRest(model, task, old)
    yield "fine-tuning, rate 1e-3", "none", fine_tuned(model, new)
    yield "fine-tuning, rate 1e-4", "none", fine_tuned(model, new, 1e-4)
    yield "fine-tuning, rate 1e-5", "none", fine_tuned(model, new, 1e-5)
    yield "fine-tuning on both", "few", fine_tuned(model, few + new)
    yield "fine-tuning on both", "all", fine_tuned(model, old + new)
    yield (
        "weighted loss",
        "few",
        fine_tuned(model, few + new, class_weight=weights),
    )
    yield "focal loss", "none", focal(model, task, new)
    yield "focal loss", "few", focal(model, task, few + new)
    yield from with_the_package(model, task)


def accuracies(model, task):
    """Of old classes, of the new class and of all."""
    right = answers(model, task.test.x) == task.test.y
    is_new = task.test.y == task.num_old
    return right[~is_new].mean(), right[is_new].mean(), right.mean()


def measure(train_samples, test_samples, seeds):
    """Accuracies by row, one for each seed."""
    rows = {}
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        task = task_of(train_samples, test_samples, seed)
        model = classifier(task.old.x.shape[-1], task.num_old)
        train(model, task.old)
        for number, (words, used, result) in enumerate(
            all_answers(model, task, seed)
        ):
            key = number, words, used
            rows.setdefault(key, []).append(accuracies(result, task))
        print(f"seed {seed} done", flush=True)
    return rows


def table(rows):
    lines = [
        "| advice | old pictures | old classes | new class | all |",
        "|---|---|---|---|---|",
    ]
    for (_, words, used), values in rows.items():
        values = 100 * np.array(values)
        cells = [
            f"{mean:.1f} ± {spread:.1f}"
            for mean, spread in zip(values.mean(0), values.std(0), strict=True)
        ]
        lines.append(f"| {words} | {used} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw(rows, path):
    """Bars of the old classes and of the new one; `before` is a line."""
    from matplotlib.figure import Figure

    (before, _, _), *means = [np.mean(v, 0) * 100 for v in rows.values()]
    labels = [tick(words, used) for _, words, used in rows][1:]
    height = 1.2 + 0.34 * len(labels)
    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(labels))
    old, new, _ = np.transpose(means)
    axes.barh(places - 0.19, old, 0.38, label="old classes", color="#2f5d9b")
    axes.barh(places + 0.19, new, 0.38, label="new class", color="#e0a458")
    axes.axvline(before, color="#8a8a8a", ls=":")
    axes.set_yticks(places, labels)
    axes.set_xlim(0, 100)
    axes.set_xlabel("test accuracy in percent; dotted: old classes before")
    axes.set_title("in brackets: which old pictures are used", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.invert_yaxis()
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    figure.savefig(path)


def tick(words, used):
    words = words.replace("*", "").replace("`", "")
    return f"{words}  ({used})"


def read_options(arguments):
    parser = argparse.ArgumentParser(description="Advice, measured.")
    add = parser.add_argument
    add("--weights", default="hed", choices=("hed", "pixels"))
    add("--size", type=int, default=48, help="height and width of pictures")
    add("--limit", type=int, help="pictures of each class to learn from")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2])
    add("--outputs", type=pathlib.Path, default="outputs")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = read_options(arguments)
    options.outputs.mkdir(parents=True, exist_ok=True)
    rows = measure(*read_samples(options), options.seeds)
    text = table(rows)
    (options.outputs / TABLE).write_text(text)
    draw(rows, options.outputs / PICTURE)
    print(text)
    return rows


if __name__ == "__main__":
    main()
