"""
Title: A class that was hidden inside another
Author: The keras_incremental maintainers
Date created: 2026/11/22
Last modified: 2026/11/22
Description: Police cars were labelled as cars; now they are to be a class.
Accelerator: None
"""

import argparse
import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import benchmarks
import keras
import numpy as np
from benchmarks import backbones

import keras_incremental as ki

"""
## Introduction

A model knows "car". Some of the cars it was trained on were police cars, and
nobody said so. Now "police car" is to be a class of its own, and there are
new pictures of police cars, labelled. How can it be taught?

Two things are certain. What the model called a car before is a car or a
police car now: that need not be learnt, it is arithmetic,

    p(police car) + p(car) = what p(car) was

and `parents={"police car": "car"}` keeps it so, to the bit where the backbone
is frozen. And an old label "car" may be either from now on: exemplars and old
data keep the meaning that their labels had.

What must be learnt is where a police car ends. Pictures of police cars alone
cannot say so: "every car is a police car" explains them all, and the old
labels do not contradict it. That is no fault of the training, there is no
answer in the data; `learn` warns, and says what would help. There are four
remedies, and this script measures them, where 5, 20 and 50 % of the old class
were of the new one.

Here the "shoes" of Fashion-MNIST are its sneakers, and some ankle boots.
"""

OTHERS, PARENT, CHILD = ("trouser", "dress", "bag"), "shoe", "ankle boot"
PARTS = {**{name: name for name in OTHERS}, PARENT: "sneaker", CHILD: CHILD}
TOY_PARTS = dict(zip(PARTS, "01234", strict=True))
SHARES = (0.05, 0.2, 0.5)
SMALL = 0.04


def options(arguments=None):
    parser = argparse.ArgumentParser(description="Split a class.")
    parser.add_argument(
        "--data-dir", help="folder of Fashion-MNIST, else it is downloaded"
    )
    parser.add_argument(
        "--toy", action="store_true", help="digits by their pixels, seconds"
    )
    return parser.parse_args(arguments)


"""
## Pictures

The old pictures have labels of four classes, the ankle boots among them that
of a shoe. In the new pictures somebody has labelled every ankle boot, and
nothing else.
"""


def pictures_of(data, parts, counts, part, start=0):
    """So many pictures of each class, from the `start`-th on, and names."""
    x, y = getattr(data, f"x_{part}"), getattr(data, f"y_{part}")
    rows, names = [], []
    for name, count in counts.items():
        found = np.flatnonzero(y == data.class_names.index(parts[name]))
        rows.append(found[start:][:count])
        names += [name] * len(rows[-1])
    return x[np.concatenate(rows)], np.array(names)


def load(toy, data_dir):
    """A function that gives pictures and names."""
    data = benchmarks.load(
        "digits" if toy else "fashion_mnist",
        data_dir,
        image_size=None if toy else 48,
        train_per_class=None if toy else 1000,
        test_per_class=None if toy else 200,
    )
    parts = TOY_PARTS if toy else PARTS
    return lambda *which: pictures_of(data, parts, *which)


"""
## The model that there is already

A frozen VGG16 with a `Dense` layer that was trained on four classes, one of
them with a hidden part.
"""


def network(toy, num_classes):
    if toy:
        inputs = keras.Input((8, 8, 3))
        x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
        body = keras.Model(inputs, x)
    else:
        body = backbones.vgg16((48, 48, 3))
    body.trainable = False
    outputs = keras.layers.Dense(num_classes)(body.output)
    return keras.Model(body.inputs, outputs)


def old_pictures(pictures, count, share):
    """Pictures of four classes; a share of the shoes are ankle boots."""
    hidden = round(share * count)
    counts = {**dict.fromkeys(OTHERS, count), PARENT: count - hidden}
    x, names = pictures(counts, "train")
    boots, _ = pictures({CHILD: hidden}, "train")
    return np.concatenate([x, boots]), np.append(names, [PARENT] * hidden)


def trained(toy, x, names):
    """A classifier of four classes, with 40 exemplars of each."""
    keras.utils.set_random_seed(0)
    classes = [*OTHERS, PARENT]
    model = network(toy, len(classes))
    memory = ki.ExemplarMemory(40, per_class=True, selection="random")
    clf = ki.IncrementalClassifier(model, classes, memory=memory)
    clf.learn(x, names, classes, verbose=0)
    return clf


"""
## Four remedies

Each is one argument, or one list of labels more.
"""


def remedies(pictures, count, share):
    """Pictures, labels and declarations, by remedy."""
    boots, _ = pictures({CHILD: count}, "train", 3 * count)
    rest = {**dict.fromkeys(OTHERS, count // 2), PARENT: count // 2}
    others, _ = pictures(rest, "train", 3 * count)
    shoes, _ = pictures({PARENT: 20}, "train")
    alone = [CHILD] * len(boots)
    return {
        "ankle boots only": (boots, alone, {}),
        "all boots labelled in new pictures": (
            np.concatenate([boots, others]),
            alone + [None] * len(others),
            {"unlabeled": "not_new"},
        ),
        "20 old shoes labelled anew": (
            np.concatenate([boots, shoes]),
            alone + [PARENT] * len(shoes),
            {},
        ),
        "the share is known": (boots, alone, {"shares": {CHILD: share}}),
        "old labels taken at their word": (
            boots,
            alone,
            {"shares": {CHILD: SMALL}},
        ),
    }


def measured(report):
    """Recall of shoes before and after, precision and recall of boots."""
    names = list(report.classes)
    child = names.index(CHILD)
    after = report.confusion_after
    said = max(after[:, child].sum(), 1)
    return (
        report.class_score(PARENT, before=True),
        report.class_score(PARENT),
        after[child, child] / said,
        report.class_score(CHILD),
    )


def run(toy, data_dir):
    """Yields the share, the remedy and what was measured."""
    pictures, count = load(toy, data_dir), 30 if toy else 200
    test = pictures(dict.fromkeys(PARTS, count), "test")
    for share in SHARES:
        clf = trained(toy, *old_pictures(pictures, count, share))
        ways = remedies(pictures, count, share)
        for remedy, (x, names, declared) in ways.items():
            report = clf.learn(
                x,
                names,
                [*OTHERS, PARENT, CHILD],
                partial_labels=ki.PartialLabels(
                    parents={CHILD: PARENT}, **declared
                ),
                validation_data=test,
                epochs=20 if toy else 40,
                verbose=0,
            )
            yield share, remedy, measured(report)
            clf.rollback()


"""
## What they do

Recall of shoes is that of sneakers: before, all of them were shoes.
"""


def main(arguments=None):
    chosen = options(arguments)
    print(
        "| hidden | remedy | recall of shoes before | after "
        "| precision of boots | recall of boots |"
    )
    print("|---|---|---|---|---|---|")
    rows = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ki.problems.PartialLabelWarning)
        for share, remedy, values in run(chosen.toy, chosen.data_dir):
            rows.append((share, remedy, values))
            cells = " | ".join(f"{100 * value:.0f}" for value in values)
            print(f"| {100 * share:.0f} % | {remedy} | {cells} |", flush=True)
    print(f"\n{len(caught)} warnings, the first:\n{caught[0].message}")
    return rows, caught


"""
## Which to take

1. Label every new class in the new pictures, and say `unlabeled="not_new"`.
   Nothing old is needed: where the old model says "car" and nobody says
   "police car", it is a car.
2. Label some old pictures of the parent anew: a few dozen are enough.
3. Say which share it was, if you know it or can count it in a hundred old
   pictures: with exemplars of the parent, the loss for positive and unlabeled
   samples then counts off those that are hidden.
4. Below 5 %, take the old labels at their word: `shares={"police car": 0.02}`.

In a segmentation the same words are used, for pixels: `partial_labels.py`.
"""

if __name__ == "__main__":
    main()
