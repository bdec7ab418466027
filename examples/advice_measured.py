"""
Title: Advice that circulates, measured
Author: The keras_incremental maintainers
Date created: 2026/11/22
Last modified: 2026/11/22
Description: Answers to "how do I add a class?", all on the same pictures.
Accelerator: None
"""

import argparse
import os
import pathlib
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import advice
import advice_table
import advice_task
import keras
import numpy as np

import keras_incremental as ki

"""
## Introduction

"I have a trained classifier, and pictures of one more class. How do I add
it?" The question is old, and so are its answers. This script runs them on the
same pictures and writes a table: the accuracy on the old classes, on the new
class and on all, mean and standard deviation over seeds, the seconds and the
megabytes. The answers, with the reason for what each one does, are in
`advice.py`; the table of `python examples/advice_measured.py` is in
`which_method.md`.

The pictures are digits, on features of a frozen VGG16, and the classifier on
top of them is that of the Keras blog: `Dense`, `Dropout`, `Dense`. Nine digits
are old and one is new; which one, the seed decides. An answer may use nothing
of the old pictures, five of each old class (`few`), or all of them.
"""

TABLE, PICTURE = "advice.md", "advice.svg"

"""
## What to do instead

`IncrementalClassifier` with what there is.

- Nothing: the old columns stay, and the new class is described by where its
  pictures lie, in the features and in what the old head says of them.
  `Recipe(recall=0.8)` gives up more new pictures for the old ones, and
  pictures without labels, of any class, tell where the new one ends.
- Five pictures of each class: they are replayed in every batch, with weights
  for classes and a light distillation.
- All old pictures once, none kept: `remember()` takes statistics of features.
  The layers below are frozen, so that these stay true, and the head is solved
  from them. The recipe `ranpac` does so on random features.
"""


def frozen_below(model):
    model = advice_task.wider(model, added=0)
    for layer in model.layers[:-1]:
        layer.trainable = False
    return model


def learnt(clf, new, old=None, **arguments):
    if old is not None:
        clf.remember(old.x, old.y)
    clf.learn(new.x, classes=["new"], verbose=0, **arguments)
    return clf


def without_labels(task):
    """Every fourth picture loses its label; the new ones that keep theirs."""
    both = task.old + task.new
    labeled = np.arange(len(both.y)) % 4 > 0
    new = labeled & (both.y == task.num_old)
    return both.x[~labeled], advice_task.Samples(both.x[new], both.y[new])


def with_the_package(model, task):
    """Rows of the table, as `all_answers`."""
    names = [f"old {k}" for k in range(task.num_old)]
    words = "**this package**"

    def made(recipe=None):
        return ki.IncrementalClassifier(
            frozen_below(model), names, recipe=recipe
        )

    yield words, "none", learnt(made(), task.new)
    memory = ki.ExemplarMemory(advice_task.FEW, per_class=True)
    clf = ki.IncrementalClassifier(
        advice_task.wider(model, added=0), names, memory=memory
    )
    options = {"epochs": advice_task.EPOCHS, "batch_size": advice_task.BATCH}
    yield words, "few", learnt(clf, task.new, task.few, **options)
    yield words, "seen once", learnt(made(), task.new, task.old)
    clf = made(ki.recipes.ranpac())
    yield words + ", `ranpac`", "seen once", learnt(clf, task.new, task.old)
    clf = made(ki.recipes.Recipe(recall=0.8))
    yield words + ", `recall=0.8`", "none", learnt(clf, task.new)
    unlabeled, new = without_labels(task)
    result = learnt(made(), new, auxiliary=unlabeled)
    yield words + ", `auxiliary`", "none", result


"""
## All of them

A row is a way, what old pictures it uses, and the classifier that it makes,
which is trained when the row is asked for.
"""


def all_answers(model, task, seed):
    """Rows of the table: words, what old pictures are used, a classifier."""
    old, new, few = task.old, task.new, task.few
    weights = advice.balanced_weights(few + new)
    yield "*before*: the old classifier", "", model
    yield (
        "`Dense` on the softmax",
        "none",
        advice.on_top_of_softmax(model, task, new),
    )
    both = advice.on_top_of_softmax(model, task, old + new)
    yield "`Dense` on the softmax", "all", both
    yield "a reserved output", "none", advice.reserved_output(task, seed)
    yield (
        "only the new neuron trains",
        "none",
        advice.new_neuron_only(model, new),
    )
    yield (
        "new against rest",
        "none",
        advice.NewAgainstRest(model, task, few.of([])),
    )
    yield "new against rest", "few", advice.NewAgainstRest(model, task, few)
    yield "new against rest", "all", advice.NewAgainstRest(model, task, old)
    yield "fine-tuning, rate 1e-3", "none", advice.fine_tuned(model, new)
    yield "fine-tuning, rate 1e-4", "none", advice.fine_tuned(model, new, 1e-4)
    yield "fine-tuning, rate 1e-5", "none", advice.fine_tuned(model, new, 1e-5)
    yield "fine-tuning on both", "few", advice.fine_tuned(model, few + new)
    yield "fine-tuning on both", "all", advice.fine_tuned(model, old + new)
    yield (
        "weighted loss",
        "few",
        advice.fine_tuned(model, few + new, class_weight=weights),
    )
    yield "focal loss", "none", advice.focal(model, task, new)
    yield "focal loss", "few", advice.focal(model, task, few + new)
    yield from with_the_package(model, task)


"""
## Measuring

Accuracy, the seconds of training, and the bytes that a way needs beyond the
old classifier: more weights, and old pictures (their features, here) or what
is kept of them.
"""


def accuracies(model, task):
    """Of old classes, of the new class and of all."""
    right = model.predict(task.test.x, verbose=0).argmax(-1) == task.test.y
    is_new = task.test.y == task.num_old
    return right[~is_new].mean(), right[is_new].mean(), right.mean()


def size_of(weights):
    return sum(weight.nbytes for weight in weights)


def bytes_needed(result, used, model, task):
    added = size_of(result.get_weights()) - size_of(model.get_weights())
    if isinstance(result, ki.IncrementalClassifier):
        kept = (result.memory, result.statistics)
        return added + sum(part.nbytes for part in kept if part is not None)
    return added + task.used(used).x.nbytes


def measured(model, task, seed):
    """Rows of one seed."""
    started = time.perf_counter()
    for words, used, result in all_answers(model, task, seed):
        seconds = time.perf_counter() - started
        size = bytes_needed(result, used, model, task)
        yield words, used, (*accuracies(result, task), seconds, size)
        started = time.perf_counter()


def measure(train_samples, test_samples, seeds):
    """What was measured by row, once for each seed."""
    rows = {}
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        task = advice_task.task_of(train_samples, test_samples, seed)
        model = advice_task.classifier(task.old.x.shape[-1], task.num_old)
        advice_task.train(model, task.old)
        for number, (words, used, row) in enumerate(
            measured(model, task, seed)
        ):
            rows.setdefault((number, words, used), []).append(row)
        print(f"seed {seed} done", flush=True)
    return rows


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
    rows = measure(*advice_task.read_samples(options), options.seeds)
    text = advice_table.table(rows)
    (options.outputs / TABLE).write_text(text)
    advice_table.draw(rows, options.outputs / PICTURE)
    print(text)
    return rows


if __name__ == "__main__":
    main()
