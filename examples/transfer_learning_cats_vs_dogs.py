"""
Title: Transfer learning, then new classes
Author: The keras_incremental maintainers
Date created: 2026/11/22
Last modified: 2026/11/22
Description: A classifier of cats and dogs learns two more classes.
Accelerator: GPU
"""

import keras
import offline
import tensorflow as tf
import tensorflow_datasets as tfds
from matplotlib import pyplot

import keras_incremental as ki

keras.utils.set_random_seed(0)
STAND_INS = offline.read_stand_ins()

"""
## Introduction

The Keras guide
[Transfer learning & fine-tuning](https://keras.io/guides/transfer_learning/)
ends with a network that tells cats from dogs. This page takes the same steps,
and goes on: pictures of digits arrive, then pictures of garments, and nobody
wants to train on cats and dogs again.

An import and three lines are added, those under "New classes". The page also
shows what plain fine-tuning on the new pictures does to the old classes.

Without a network, `--toy` runs everything in seconds on made-up pictures, and
`--data-dir` on photos of your own, with other weights. `STAND_INS` are these;
as a rule they are nothing.

## Load the data

TensorFlow Datasets has 23,262 photos of cats and dogs. As the guide does, take
40 % of them to train, 10 % to validate and 10 % to test.
"""

EPOCHS, FINE_TUNING_EPOCHS = 2, 1

with STAND_INS.tensorflow_datasets():
    train_ds, validation_ds, test_ds = tfds.load(
        "cats_vs_dogs",
        split=["train[:40%]", "train[40%:50%]", "train[50%:60%]"],
        as_supervised=True,
    )

"""
All photos are resized to 150 x 150 pixels. New pictures will have to go the
same way, so it is a function. Whole numbers take a quarter of the memory where
pictures are kept.
"""

resize_fn = keras.layers.Resizing(150, 150)


def prepare(dataset):
    """Resizes the pictures of a data set, makes them RGB and batches them."""

    def resize(image, label):
        if image.shape[-1] == 1:
            image = tf.image.grayscale_to_rgb(image)
        return tf.cast(tf.round(resize_fn(image)), tf.uint8), label

    return dataset.map(resize, num_parallel_calls=tf.data.AUTOTUNE).batch(64)


train_ds = prepare(train_ds).prefetch(tf.data.AUTOTUNE)
validation_ds = prepare(validation_ds).prefetch(tf.data.AUTOTUNE)
test_ds = prepare(test_ds).prefetch(tf.data.AUTOTUNE)

"""
Random flips and rotations make more of few photos. The guide calls `cache()`
after them, which would freeze the augmentation: every epoch would see the same
flips. So there is no `cache()` here.
"""

augmentation_layers = [
    keras.layers.RandomFlip("horizontal"),
    keras.layers.RandomRotation(0.1),
]


def augment(images, labels):
    for layer in augmentation_layers:
        images = layer(images)
    return images, labels


augmented_ds = train_ds.map(augment, num_parallel_calls=tf.data.AUTOTUNE)

"""
## Build the model

A base that was trained on ImageNet, frozen, and a `Dense` layer with one unit
on top of it. `Rescaling` brings pixels to the range from -1 to 1 that the base
expects. Do it once: some networks of `keras.applications`, such as
EfficientNet, have it inside.
"""

base_model = STAND_INS.backbone((150, 150, 3))
if base_model is None:
    base_model = keras.applications.Xception(
        weights="imagenet", input_shape=(150, 150, 3), include_top=False
    )
base_model.trainable = False

inputs = keras.Input(shape=(150, 150, 3))
x = keras.layers.Rescaling(scale=1 / 127.5, offset=-1)(inputs)
x = base_model(x, training=False)
x = keras.layers.GlobalAveragePooling2D()(x)
x = keras.layers.Dropout(0.2)(x)
outputs = keras.layers.Dense(1)(x)
model = keras.Model(inputs, outputs)
model.summary(show_trainable=True)

"""
## Train the top layer
"""

model.compile(
    optimizer=keras.optimizers.Adam(),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy()],
)
model.fit(augmented_ds, epochs=EPOCHS, validation_data=validation_ds)

"""
## Fine-tune the whole model

The base is unfrozen for an epoch at a small learning rate. In Keras 3
`training=False` above does not hold in `fit()`: the statistics of
BatchNormalization would move with every batch. Freezing these layers holds
them.
"""

base_model.trainable = True
for layer in base_model.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
        layer.trainable = False

model.compile(
    optimizer=keras.optimizers.Adam(1e-5),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy()],
)
model.fit(
    augmented_ds, epochs=FINE_TUNING_EPOCHS, validation_data=validation_ds
)
model.evaluate(test_ds)

"""
Here the guide ends. The base is frozen again, because what follows is fast
where it is: each picture goes through the base once.
"""

base_model.trainable = False

"""
## New pictures

Digits and garments are small data sets that everyone can download, and as new
to the network as a class can be. All digits are one class here, and all
garments another. Validation pictures are the test photos of cats and dogs and
pictures of each new class; labels index the classes in the order of arrival.
"""


def load_new(name, index):
    """Pictures to learn from, and labelled ones to measure on."""
    with STAND_INS.tensorflow_datasets():
        train, test = tfds.load(
            name, split=["train[:2%]", "test[:5%]"], as_supervised=True
        )
    pictures = prepare(train).map(lambda images, _: images)
    label = tf.constant(index, tf.int64)
    return pictures, prepare(test.map(lambda image, _: (image, label)))


digits, digits_test = load_new("mnist", 2)
garments, garments_test = load_new("fashion_mnist", 3)
with_digits = test_ds.concatenate(digits_test)
with_garments = with_digits.concatenate(garments_test)

"""
## New classes

`IncrementalClassifier` takes over the model as it is: `Dense(1)` becomes two
outputs that give the same probabilities. `remember()` shows it the old photos
once, and it keeps 20 of each class. `learn()` is given new pictures alone.
"""

pets = ["cat", "dog"]
classifier = ki.IncrementalClassifier(
    model, pets, memory=ki.ExemplarMemory(20, per_class=True)
)
classifier.remember(train_ds)
report = classifier.learn(
    digits, classes=["digit"], validation_data=with_digits
)

"""
One more class is one more line. The digits are remembered already.
"""

reports = [
    report,
    classifier.learn(
        garments, classes=["garment"], validation_data=with_garments
    ),
]

"""
## Without it

What most people try first: a wider `Dense` layer, old columns copied, and
`fit()` on the new pictures. The recipe `fine_tuning` does just that, and its
reports can be compared.
"""

naive = ki.IncrementalClassifier(model, pets, recipe=ki.recipes.fine_tuning())
naive_reports = [
    naive.learn(
        pictures,
        classes=[name],
        validation_data=validation_data,
        verbose=0,
    )
    for name, pictures, validation_data in (
        ("digit", digits, with_digits),
        ("garment", garments, with_garments),
    )
]

"""
## What was kept and lost

A report says what the old classes had before and after, picture by picture,
and what it took: seconds, and the bytes that are kept for the next phase.
"""


def tell(title, reports):
    print(f"\n{title}\n")
    for report in reports:
        kept = {k: f"{v / 1e6:.1f} MB" for k, v in report.nbytes.items()}
        print(f"{report}\n  kept: {kept}\n")


tell("fine-tuning on the new pictures", naive_reports)
tell("with keras_incremental", reports)

figure = pyplot.figure(figsize=(10, 4), layout="constrained")
left, right = figure.subfigures(1, 2)
ki.reporting.plot_phases(naive_reports, left)
ki.reporting.plot_phases(reports, right)
left.suptitle("fine-tuning on the new pictures", y=1.08)
right.suptitle("with keras_incremental", y=1.08)
figure.savefig("transfer_learning.png", dpi=100, bbox_inches="tight")

ki.reporting.to_html(reports, "transfer_learning.html", memory=classifier)
classifier.save("pets.keras")

"""
## Next steps

`keras.saving.load_model("pets.keras")` goes on where this stopped, in another
process, and `classifier.to_keras()` is a plain Keras model with four outputs.
Where no old photo may be kept, leave out `memory`. `max_drop=0.02` in
`learn()` refuses an update that costs the old classes more.
"""
