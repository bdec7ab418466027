"""
Title: MobileNetV2 and a folder of a new class
Author: The keras_incremental maintainers
Date created: 2026/11/22
Last modified: 2026/11/22
Description: A classifier of two folders of photos learns from a third folder.
Accelerator: GPU
"""

import keras
import offline
import tensorflow as tf
from matplotlib import pyplot

import keras_incremental as ki

keras.utils.set_random_seed(0)
STAND_INS = offline.read_stand_ins()

"""
## Introduction

The TensorFlow tutorial
[Transfer learning and fine-tuning](https://www.tensorflow.org/tutorials/images/transfer_learning)
reads cats and dogs from two folders and trains MobileNetV2 on them. Later
there is a folder with pictures of something else, and nothing but these.

Pointing the tutorial at the new folder would call its class 0, which is the
cat. Here labels are matched by the names of folders: an import and three lines
are added.

Without a network, `--toy` runs everything in seconds on made-up pictures, and
`--data-dir` on photos of your own, with other weights than MobileNetV2's.

## Load the data

2,000 photos to train and 1,000 to validate are in folders `cats` and `dogs`.
Beside them is a folder with one subfolder only: tulips, which the classifier
has never seen.
"""

old_folder, new_folder = STAND_INS.folders()

BATCH_SIZE = 32
IMG_SIZE = (160, 160)


def read(folder, shuffle=True):
    return keras.utils.image_dataset_from_directory(
        folder, shuffle=shuffle, batch_size=BATCH_SIZE, image_size=IMG_SIZE
    )


train_dataset = read(old_folder / "train")
validation_dataset = read(old_folder / "validation")

"""
The names are those of the folders. Take them now: after `map()` or
`prefetch()` a data set no longer has them.
"""

class_names = train_dataset.class_names

"""
As in the tutorial, a fifth of the validation photos is kept for the test.
"""

batches = tf.data.experimental.cardinality(validation_dataset)
test_dataset = validation_dataset.take(batches // 5)
validation_dataset = validation_dataset.skip(batches // 5)

AUTOTUNE = tf.data.AUTOTUNE
train_dataset = train_dataset.prefetch(buffer_size=AUTOTUNE)
validation_dataset = validation_dataset.prefetch(buffer_size=AUTOTUNE)
test_dataset = test_dataset.prefetch(buffer_size=AUTOTUNE)

"""
## Build the model

Augmentation and preprocessing are layers of the model, so whoever uses it
gives it plain pictures. `preprocess_input` of MobileNetV2 scales to the range
from -1 to 1; it belongs here, and nowhere else.
"""

data_augmentation = keras.Sequential(
    [
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomRotation(0.2),
    ]
)
preprocess_input = keras.applications.mobilenet_v2.preprocess_input

IMG_SHAPE = IMG_SIZE + (3,)
base_model = STAND_INS.backbone(IMG_SHAPE)
if base_model is None:
    base_model = keras.applications.MobileNetV2(
        input_shape=IMG_SHAPE, include_top=False, weights="imagenet"
    )
base_model.trainable = False

inputs = keras.Input(shape=IMG_SHAPE)
x = data_augmentation(inputs)
x = preprocess_input(x)
x = base_model(x, training=False)
x = keras.layers.GlobalAveragePooling2D()(x)
x = keras.layers.Dropout(0.2)(x)
outputs = keras.layers.Dense(1)(x)
model = keras.Model(inputs, outputs)

"""
## Train the top layer

`Dense(1)` gives a logit, hence `from_logits=True`, and the threshold of the
accuracy is a logit of 0.
"""

base_learning_rate = 0.0001
INITIAL_EPOCHS, FINE_TUNING_EPOCHS = 10, 1 if STAND_INS.toy else 10

model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=base_learning_rate),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy(threshold=0, name="accuracy")],
)
history = model.fit(
    train_dataset, epochs=INITIAL_EPOCHS, validation_data=validation_dataset
)

"""
## Fine-tune the upper layers

The tutorial unfreezes all layers from the 100th on. Their BatchNormalization
stays frozen: `training=False` above does not hold its statistics in `fit()`.
"""

fine_tune_at = 100
base_model.trainable = True
for index, layer in enumerate(base_model.layers):
    is_norm = isinstance(layer, keras.layers.BatchNormalization)
    layer.trainable = index >= fine_tune_at and not is_norm

model.compile(
    optimizer=keras.optimizers.RMSprop(learning_rate=base_learning_rate / 10),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy(threshold=0, name="accuracy")],
)
model.fit(
    train_dataset,
    epochs=INITIAL_EPOCHS + FINE_TUNING_EPOCHS,
    initial_epoch=len(history.epoch),
    validation_data=validation_dataset,
)
model.evaluate(test_dataset)

"""
## A folder of a new class

It is read by the same function. The label of all its pictures is 0; the name
of the folder says what they are.
"""

new_train = read(new_folder / "train")
new_validation = read(new_folder / "validation")

"""
The old validation photos tell what was lost, the new ones what was learnt.
Labels index the classes in the order of arrival, so those of the new folder
become 2.
"""

old_part = read(old_folder / "validation", shuffle=False)
new_part = new_validation.map(lambda images, labels: (images, labels + 2))
measured_on = old_part.concatenate(new_part)

"""
## New classes

The base is frozen again, but augmentation is part of the model and random, so
pictures go through the whole network in each epoch. Five are enough.
"""

base_model.trainable = False

classifier = ki.IncrementalClassifier(
    model, class_names, memory=ki.ExemplarMemory(20, per_class=True)
)
classifier.remember(train_dataset)
report = classifier.learn(new_train, validation_data=measured_on, epochs=5)

"""
## Predict

The tutorial ends in `sigmoid` and a threshold of 0.5, which is no answer to
three classes. Names are.
"""

image_batch, label_batch = next(iter(test_dataset))
predictions = classifier.predict_names(image_batch.numpy())

figure = pyplot.figure(figsize=(8, 8))
for index, name in enumerate(predictions[:9]):
    axes = figure.add_subplot(3, 3, index + 1)
    axes.imshow(image_batch[index].numpy().astype("uint8"))
    axes.set_title(name)
    axes.axis("off")
figure.savefig("mobilenet_predictions.png", dpi=60)

"""
## What was kept and lost
"""

print(report)
kept = {name: f"{size / 1e6:.1f} MB" for name, size in report.nbytes.items()}
print(f"  kept: {kept}")

figure = ki.reporting.plot_classes(report)
figure.savefig("mobilenet_folders.png", dpi=100, bbox_inches="tight")
classifier.save("mobilenet_folders.keras")

"""
## Next steps

The next folder is one line: `classifier.learn(read("roses/train"))`. With more
pictures of a class that is known already, the same line learns these.
`keras.saving.load_model("mobilenet_folders.keras")` goes on in another
process, and `classifier.to_keras()` is a plain model of Keras.
"""
