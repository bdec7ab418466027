"""
Title: The parts by hand, in a fit of your own
Author: The keras_incremental maintainers
Date created: 2026/11/22
Last modified: 2026/11/22
Description: A growing head, EWC, distillation and replay in a plain fit.
Accelerator: None
"""

import os
import pathlib
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import benchmarks
import keras
import numpy as np

import keras_incremental as ki

"""
## Introduction

`IncrementalClassifier` adds classes in three lines. This page is for those
who have a `compile` and a `fit` of their own and want to keep them: every part
that the classifier is made of works alone, in a plain Keras model.

- `ExpandableDense` and `ki.expand()`: a head that grows;
- `EWCLoss`: holds weights that old classes need;
- `LossWithTeacher`, `with_teacher()` and `OnLabels`: keep old outputs;
- `ExemplarMemory.mix()`: replays a few old samples.

All four learn the same two digits after the same eight.

## The data

Digits of scikit-learn, 8 x 8 pixels. Labels are integers here: names are a
matter of `IncrementalClassifier`.
"""

NUM_OLD, NUM_NEW = 8, 2
EPOCHS = 20
BUDGET = 80
OUTPUTS = pathlib.Path("outputs")


def read_digits(limit=None):
    data = benchmarks.load("digits", image_size=8, train_per_class=limit)

    def pixels(pictures):
        return pictures[..., 0].reshape(len(pictures), -1) / np.float32(255)

    return (
        (pixels(data.x_train), data.y_train),
        (pixels(data.x_test), data.y_test),
    )


def between(samples, first, last):
    """Samples of the classes from the first to before the last."""
    x, y = samples
    chosen = (y >= first) & (y < last)
    return x[chosen], y[chosen]


"""
## The model

As always, but for the last layer. `ExpandableDense` is a `Dense` whose columns
come in groups. Its outputs are logits.
"""


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def trained_on_old(old):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(128, activation="relu"),
            ki.layers.ExpandableDense(NUM_OLD),
        ]
    )
    model.compile(keras.optimizers.Adam(), crossentropy(), metrics=["accuracy"])
    model.fit(*old, epochs=EPOCHS, verbose=0)
    return model


"""
## A head that grows, and no more

`ki.expand()` appends a group of columns and compiles the model anew as it was
compiled. Old logits stay the same to the bit, until `fit` is called on new
samples alone: then the old classes are gone.
"""


def fine_tuned(model, old, new):
    ki.expand(model, NUM_NEW)
    model.fit(*new, epochs=EPOCHS, verbose=0)


"""
## Holding weights

Before the growth, `fisher_importance()` says how much the predictions of old
classes depend on each weight. `EWCLoss` is any loss plus a pull towards the
present weights. It needs old samples once, for the importance.

Expect little of it where classes are added: it keeps weights, not the
comparison between old and new logits.
"""

EWC_STRENGTH = 1e3


def with_ewc(model, old, new):
    importance = ki.regularizers.fisher_importance(model, old[0])
    loss = ki.losses.EWCLoss(crossentropy(), model, importance, EWC_STRENGTH)
    ki.expand(model, NUM_NEW)
    model.compile(keras.optimizers.Adam(), loss, metrics=["accuracy"])
    model.fit(*new, epochs=EPOCHS, verbose=0)


"""
## Keeping old outputs

The teacher is the model as it was; `with_teacher()` runs it once and puts its
logits behind the labels. `LossWithTeacher` takes them off again, and so must
metrics: `OnLabels` lets accuracy see the label alone. No old sample is needed,
and alone it does not help here: on new digits the old outputs say little about
old digits, and nothing compares old classes with new ones. A larger `weight`
changes nothing: 1, 3, 10 and 30 end at 5 to 6 % of the old digits.
"""


def copy_of(model):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def with_distillation(model, old, new):
    teacher = copy_of(model)
    taught = ki.data.with_teacher(new, teacher)
    ki.expand(model, NUM_NEW)
    distil(model)
    model.fit(*taught, epochs=EPOCHS, verbose=0)


def distil(model):
    accuracy = ki.metrics.OnLabels("accuracy", num_old=NUM_OLD)
    loss = ki.losses.LossWithTeacher(crossentropy(), num_old=NUM_OLD)
    model.compile(keras.optimizers.Adam(), loss, metrics=[accuracy])


"""
## Replaying a few old samples

`mix()` adds exemplars to every batch of new data, and as a callback the memory
selects new ones when `fit` ends. `update()` fills it with what is there
before. Ten of each class are enough here to keep most of what was known.
"""


def with_replay(model, old, new):
    memory = ki.ExemplarMemory(BUDGET, share=0.5)
    memory.update(*old, model=model)
    ki.expand(model, NUM_NEW)
    model.fit(memory.mix(*new), epochs=EPOCHS, callbacks=[memory], verbose=0)
    return memory


"""
## Replay and distillation together

Parts compose. The teacher also sees the exemplars, so it is given the mixed
data, and what it says of these helps.
"""


def with_both(model, old, new):
    teacher = copy_of(model)
    memory = ki.ExemplarMemory(BUDGET, share=0.5)
    memory.update(*old, model=model)
    mixed = memory.mix(*new, num_classes=NUM_OLD + NUM_NEW)
    taught = ki.data.with_teacher(mixed, teacher)
    ki.expand(model, NUM_NEW)
    distil(model)
    model.fit(taught, epochs=EPOCHS, callbacks=[memory], verbose=0)
    return memory


"""
## What was kept and lost

Each way starts from the same model.
"""

WAYS = {
    "fit on new samples": fine_tuned,
    "EWCLoss": with_ewc,
    "LossWithTeacher": with_distillation,
    "ExemplarMemory": with_replay,
    "memory and distillation": with_both,
}


def accuracy(model, samples):
    x, y = samples
    return (model.predict(x, verbose=0).argmax(-1) == y).mean()


def measure(train, test):
    """Rows: old, new and all accuracy, seconds, bytes that are kept."""
    first = trained_on_old(between(train, 0, NUM_OLD))
    before = accuracy(first, between(test, 0, NUM_OLD))
    rows = {"before": (before, None, None, 0.0, 0)}
    for words, way in WAYS.items():
        keras.utils.set_random_seed(0)
        model = copy_of(first)
        model.compile(
            keras.optimizers.Adam(), crossentropy(), metrics=["accuracy"]
        )
        started = time.perf_counter()
        memory = way(
            model,
            between(train, 0, NUM_OLD),
            between(train, NUM_OLD, NUM_OLD + NUM_NEW),
        )
        rows[words] = (
            accuracy(model, between(test, 0, NUM_OLD)),
            accuracy(model, between(test, NUM_OLD, NUM_OLD + NUM_NEW)),
            accuracy(model, test),
            time.perf_counter() - started,
            memory.nbytes if memory else 0,
        )
    return rows


def table(rows):
    lines = [
        "| | old | new | all | seconds | MB kept |",
        "|---|---|---|---|---|---|",
    ]
    for words, (*shares, seconds, size) in rows.items():
        shown = ["" if s is None else f"{100 * s:.1f} %" for s in shares]
        cells = [words, *shown, f"{seconds:.0f}", f"{size / 1e6:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(rows, path):
    # Needs matplotlib; nothing else here does.
    import bars

    (before, *_), *others = rows.values()
    old, new, *_ = zip(*others, strict=True)
    bars.draw(list(WAYS), old, new, before, path)


def main(outputs=OUTPUTS, limit=None):
    keras.utils.set_random_seed(0)
    rows = measure(*read_digits(limit))
    outputs = pathlib.Path(outputs)
    outputs.mkdir(parents=True, exist_ok=True)
    print(table(rows))
    draw(rows, outputs / "by_hand.png")
    return rows


"""
## What to notice

`fit` on new samples alone forgets. `EWCLoss` slows that down, and distillation
alone does not. Ten samples of each old class keep most, and a little more with
distillation beside them: methods that keep no sample need a correction of the
bias to new classes, which `MarginCalibration` is, or a head that is solved.

What `IncrementalClassifier` adds to these parts: names, a report, corrections
of the bias to new classes, cached features, a gate, and one file.
"""

if __name__ == "__main__":
    main()
