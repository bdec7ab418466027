"""
Title: A new class, when only the new class is labelled
Author: The keras_incremental maintainers
Date created: 2026/11/22
Last modified: 2026/11/22
Description: A segmentation model learns a class where the rest is "Invalid".
Accelerator: None
"""

import argparse
import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import benchmarks
import keras
import numpy as np
from benchmarks import segmenters

import keras_incremental as ki

"""
## Introduction

A question that is asked again and again: a segmentation model knows the
classes A to F. New pictures arrive with a new class G. Somebody has labelled
G in them, and nothing else: all other pixels say "Invalid". How can the model
learn G, and not unlearn A to F?

If you train on these labels as they are, with "Invalid" as background, the
model learns that every A to F in the new pictures is background. If you leave
the "Invalid" pixels out, nothing ever says "this is not G", and everything
becomes G. The way out is to say what "Invalid" means, and to let the old
model answer where nobody has:

- `unlabeled="not_new"`: every G was labelled, so the rest is anything but G;
- `unlabeled="unknown"`: nobody looked there, so it may be anything;
- `unlabeled="background"`: somebody looked, and it is background;

and where G was in the old pictures, which changes what old labels mean:

- `parents={"G": None}`: nowhere;
- `parents={"G": "background"}`: there, and labelled as background;
- `parents={"G": "B"}`: there, and counted as B: see `hidden_class.py`.

Nothing is guessed: without these words `learn` asks for them.
"""

OLD = ("t-shirt", "trouser", "dress", "sandal", "sneaker", "ankle boot")
NEW = "bag"
INVALID = 255
RATE = 2e-3
SHOWN = 4
PICTURE = pathlib.Path(__file__).parent / "pictures" / "partial_labels.png"


def options(arguments=None):
    parser = argparse.ArgumentParser(description="Learn a class, and no more.")
    parser.add_argument(
        "--data-dir", help="folder of Fashion-MNIST, else it is downloaded"
    )
    parser.add_argument(
        "--toy", action="store_true", help="digits and a tiny model, seconds"
    )
    parser.add_argument("--picture", default=PICTURE, type=pathlib.Path)
    return parser.parse_args(arguments)


"""
## Scenes

Articles of Fashion-MNIST are put on a canvas, several in each, so that there
are exact labels for every pixel. The old scenes hold A to F, all of them
labelled. The new ones hold all seven classes, with labels of the bags only.
"""


def load(toy, data_dir):
    """Scenes and their label maps, by what they are for."""
    old, new, size, count = OLD, NEW, 64, 300
    data = benchmarks.load("digits" if toy else "fashion_mnist", data_dir)
    if toy:
        old, new, size, count = ("0", "1", "4"), "7", 32, 60

    def scenes(articles, count, seed, part="train"):
        chosen = [data.class_names.index(name) for name in articles]
        x, y = getattr(data, f"x_{part}"), getattr(data, f"y_{part}")
        return benchmarks.scenes(
            x, y, chosen, count, size=size, scale=(0.8, 1.2), seed=seed
        )

    return {
        "names": ("background", *old, new),
        "old": scenes(old, 3 * count, seed=0),
        "old test": scenes(old, count, 1, "test"),
        "new": scenes((*old, new), count, seed=2),
        "test": scenes((*old, new), count, 3, "test"),
    }


"""
## The model that there is already

Any Keras model that ends in `Conv2D(classes, 1)`, trained as you like. Here
it is a frozen VGG16 with a small decoder. `learn` trains it, because then the
frozen part runs once for each scene, and not once in each epoch.
"""


def teach(clf, data, classes, test, epochs, partial_labels=None):
    """Lets a classifier learn, the decoder at full speed."""
    clf.backbone_learning_rate = RATE
    return clf.learn(
        *data,
        classes,
        validation_data=test,
        epochs=epochs,
        batch_size=16,
        optimizer=keras.optimizers.Adam(RATE),
        partial_labels=partial_labels,
        verbose=0,
    )


def trained(scenes, toy, epochs):
    """A classifier of pixels that knows the background and A to F."""
    keras.utils.set_random_seed(0)
    names = scenes["names"][:-1]
    shape = scenes["old"][0].shape[1:]
    model = (
        segmenters.tiny_segmenter(len(names), shape, width=16)
        if toy
        else segmenters.vgg16_segmenter(len(names), shape)
    )
    clf = ki.IncrementalClassifier(model, names)
    print(teach(clf, scenes["old"], names, scenes["old test"], epochs))
    return clf


"""
## Three ways to learn from the new scenes

"Ours" is one call with two declarations. "Naive" takes "Invalid" as
background and trains, as a plain `fit` would. "All labelled" is the bound:
somebody has labelled every pixel of the new scenes after all.
"""


def ways(scenes):
    """Labels of the new scenes, and what is said of them."""
    names, (_, truth) = scenes["names"], scenes["new"]
    g = len(names) - 1
    only_g = benchmarks.annotated_only(truth, [g], INVALID)
    ours = ki.PartialLabels(unlabeled="not_new", parents={names[g]: None})
    return {
        "naive": (np.where(only_g == g, g, 0), None),
        "ours": (only_g, ours),
        "all labelled": (truth, None),
    }


def compare(scenes, path, epochs):
    """Reports and predicted maps, by way. All start from the same file."""
    reports, maps = {}, {}
    pictures, names = scenes["new"][0], scenes["names"]
    for way, (labels, partial_labels) in ways(scenes).items():
        clf = keras.models.load_model(path)
        if way == "naive":
            clf = clf.with_recipe(ki.recipes.Recipe(terms=None))
        data = (pictures, labels)
        reports[way] = teach(
            clf, data, names, scenes["test"], epochs, partial_labels
        )
        shown = clf.predict(scenes["test"][0][:SHOWN], verbose=0)
        maps[way] = shown.argmax(-1)
    return reports, maps


"""
## What was kept, lost and learnt

The score is the intersection over union, on scenes that hold all classes. Of
A to F it is the mean, the background left out.
"""


def table(reports, names):
    """Markdown: the mean IoU of A to F before and after, and the IoU of G."""
    old, new = names[1:-1], names[-1]
    lines = [
        f"| labels of the new scenes | A-F before | A-F after | {new} |",
        "|---|---|---|---|",
    ]
    for way, report in reports.items():
        values = [
            np.mean([report.class_score(n, before=True) for n in old]),
            np.mean([report.class_score(n) for n in old]),
            report.class_score(new),
        ]
        cells = " | ".join(f"{100 * value:.1f}" for value in values)
        lines.append(f"| {way} | {cells} |")
    return "\n".join(lines)


def draw(scenes, maps, path):
    """Scenes in rows: the picture, the truth, and what two ways say."""
    import matplotlib.pyplot as plt

    pictures, truth = (array[:SHOWN] for array in scenes["test"])
    columns = {
        "scene": pictures,
        "truth": truth,
        "naive": maps["naive"],
        "ours": maps["ours"],
    }
    names = scenes["names"]
    colours = plt.get_cmap("tab10", len(names))
    figure, axes = plt.subplots(
        SHOWN, len(columns), figsize=(7, 7.6), layout="constrained"
    )
    for column, (title, images) in zip(axes.T, columns.items(), strict=True):
        column[0].set_title(title)
        for axis, image in zip(column, images, strict=True):
            axis.imshow(
                image,
                cmap=colours,
                vmin=-0.5,
                vmax=len(names) - 0.5,
                interpolation="nearest",
            )
            axis.set_axis_off()
    patches = [
        plt.Rectangle((0, 0), 1, 1, color=colours(k)) for k in range(len(names))
    ]
    figure.legend(patches, names, loc="outside lower center", ncols=4)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main(arguments=None):
    chosen = options(arguments)
    scenes = load(chosen.toy, chosen.data_dir)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "old.keras")
        trained(scenes, chosen.toy, 4 if chosen.toy else 20).save(path)
        reports, maps = compare(scenes, path, 2 if chosen.toy else 15)
    print(reports["ours"])
    print(table(reports, scenes["names"]))
    megabytes = sum(reports["ours"].nbytes.values()) / 1e6
    print(f"{reports['ours'].seconds:.0f} seconds, {megabytes:.1f} MB kept")
    draw(scenes, maps, chosen.picture)
    return reports


"""
## Which words for your data

| your data | say |
|---|---|
| every G was labelled, the rest was not looked at | `"not_new"` |
| some G may have been missed | `"unknown"`, and keep old data |
| "Invalid" is really empty | `"background"` |
| G was in the old pictures, as background | `parents={"G": "background"}` |
| G was counted as B | `parents={"G": "B"}` |

Old pictures with their labels, if there are any left, go into `old_data`;
their labels keep the meaning that they had when they were given.
"""

if __name__ == "__main__":
    main()
