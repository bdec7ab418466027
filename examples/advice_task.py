"""The pictures, the classifier and its training, for `advice.py`."""

import dataclasses

import benchmarks
import keras
import numpy as np

EPOCHS = 20
BATCH = 32
FEW = 5
HIDDEN = 256


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

    def used(self, words):
        """The old samples that a way of the table sees."""
        seen = {"few": self.few, "all": self.old, "seen once": self.old}
        return seen.get(words, self.old.of([]))


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


def classifier(num_features, num_outputs, activation="softmax"):
    return keras.Sequential(
        [
            keras.Input((num_features,)),
            keras.layers.Dense(HIDDEN, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(num_outputs, activation=activation),
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
