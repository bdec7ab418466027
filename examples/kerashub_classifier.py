"""
Title: New classes for a KerasHub image classifier
Author: The keras_incremental maintainers
Date created: 2026/11/22
Last modified: 2026/11/22
Description: A KerasHub task learns a class and stays a KerasHub task.
Accelerator: GPU
"""

import keras
import keras_hub
import numpy as np
import offline
import tensorflow as tf
import tensorflow_datasets as tfds

import keras_incremental as ki

keras.utils.set_random_seed(0)
STAND_INS = offline.read_stand_ins()

"""
## Introduction

The KerasHub guide
[Image Classification](https://keras.io/keras_hub/guides/classification_with_keras_hub/)
fine-tunes a ResNet, from a preset, on cats and dogs. A task of KerasHub is a
model with a `preprocessor`, which resizes and scales pictures, and with
`num_classes` in its configuration. This page takes the steps of the guide,
adds a class with an import and three lines, and makes a task with three
classes of the result.

It needs `pip install keras-hub`. Presets are downloaded. Without a network,
`--toy` builds a tiny ResNet of the same classes of KerasHub, with random
weights.

## Load the data

The pictures of a batch must have one size. As whole numbers they take a
quarter of the memory where they are kept.
"""

BATCH_SIZE, EPOCHS = 32, 1

with STAND_INS.tensorflow_datasets():
    train_dataset, validation_dataset, test_dataset = tfds.load(
        "cats_vs_dogs",
        split=["train[:40%]", "train[40%:50%]", "train[50%:60%]"],
        as_supervised=True,
    )

resizing = keras.layers.Resizing(224, 224, crop_to_aspect_ratio=True)


def prepare(dataset):
    """Resizes the pictures of a data set, makes them RGB and batches them."""

    def resize(image, label):
        if image.shape[-1] == 1:
            image = tf.image.grayscale_to_rgb(image)
        return tf.cast(tf.round(resizing(image)), tf.uint8), label

    dataset = dataset.map(resize, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.batch(BATCH_SIZE).prefetch(tf.data.AUTOTUNE)


train_dataset = prepare(train_dataset)
validation_dataset = prepare(validation_dataset)
test_dataset = prepare(test_dataset)

"""
## Build the model

Its preprocessor scales the pictures, so they are not scaled before.
"""


def tiny_classifier():
    """A task of a preset, but tiny and with random weights."""
    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
    )
    converter = keras_hub.layers.ResNetImageConverter(
        image_size=(32, 32), scale=1 / 255
    )
    preprocessor = keras_hub.models.ResNetImageClassifierPreprocessor(
        image_converter=converter
    )
    return keras_hub.models.ImageClassifier(
        backbone=backbone, preprocessor=preprocessor, num_classes=2
    )


if STAND_INS.offline:
    EPOCHS = 5
    image_classifier = tiny_classifier()
else:
    image_classifier = keras_hub.models.ImageClassifier.from_preset(
        "resnet_v2_50_imagenet", num_classes=2
    )

"""
## Fine-tune it

The head of a task gives logits, unless `activation="softmax"` is asked for, so
the loss needs `from_logits=True`. The string `"categorical_crossentropy"`
would expect probabilities, and train badly without a word.
"""

image_classifier.compile(
    optimizer=keras.optimizers.Adam(1e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
image_classifier.fit(
    train_dataset, epochs=EPOCHS, validation_data=validation_dataset
)
image_classifier.evaluate(test_dataset)

"""
## New pictures

Pictures of garments, all of one class, which will be the third: label 2. The
validation data are test pictures of the old classes and of the new one.
"""

with STAND_INS.tensorflow_datasets():
    new_train, new_test = tfds.load(
        "fashion_mnist", split=["train[:2%]", "test[:5%]"], as_supervised=True
    )

label = tf.constant(2, tf.int64)
garments = prepare(new_train).map(lambda images, _: images)
validation = test_dataset.concatenate(
    prepare(new_test.map(lambda image, _: (image, label)))
)

"""
## New classes

The task is taken over with its preprocessor: `learn()` and `predict()` read
raw pictures, as `fit()` did. The backbone is frozen first, so each picture
goes through it once.
"""

image_classifier.backbone.trainable = False

classifier = ki.IncrementalClassifier(
    image_classifier,
    ["cat", "dog"],
    memory=ki.ExemplarMemory(20, per_class=True),
)
classifier.remember(train_dataset)
report = classifier.learn(
    garments, classes=["garment"], validation_data=validation
)

"""
The names are no longer kept in a dictionary by hand.
"""

images, labels = next(iter(test_dataset))
print(classifier.predict_names(images.numpy())[:4])

"""
## What was kept and lost
"""

print(report)
kept = {name: f"{size / 1e6:.1f} MB" for name, size in report.nbytes.items()}
print(f"  kept: {kept}")

figure = ki.reporting.plot_classes(report)
figure.savefig("kerashub_classifier.png", dpi=100, bbox_inches="tight")
classifier.save("kerashub_classifier.keras")

"""
## Back to a task

A task with one class more, on the same backbone, whose head is the learnt one.
Its configuration says `num_classes=3`, so it is saved and loaded as any other.
"""

plain = classifier.to_keras()
wider_classifier = keras_hub.models.ImageClassifier(
    backbone=image_classifier.backbone,
    preprocessor=image_classifier.preprocessor,
    num_classes=len(classifier.classes),
)
head = wider_classifier.get_layer("predictions")
head.set_weights(plain.get_layer("predictions").get_weights())
difference = np.abs(
    wider_classifier.predict(images.numpy(), verbose=0)
    - classifier.predict(images.numpy(), verbose=0)
).max()
print(f"logits of the task and of the classifier differ by {difference:.1e}")

"""
## Next steps

`wider_classifier.save_to_preset("pets")` makes a preset of the task. The
classifier in `kerashub_classifier.keras` goes on learning where it stopped,
after `keras.saving.load_model()`. To train the backbone too, leave it
unfrozen: `learn()` then distils the old outputs and replays the exemplars.
"""
