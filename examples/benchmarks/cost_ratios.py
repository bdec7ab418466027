"""What a phase costs besides its steps: Fisher, features, growth."""

import keras
import numpy as np

from keras_incremental.layers import ExpandableDense
from keras_incremental.models import IncrementalClassifier
from keras_incremental.regularizers import fisher_importance

from . import networks
from . import passes
from .ratios import Row
from .timing import Stopwatch
from .timing import interleaved
from .timing import now
from .timing import seconds

NUM_CLASSES = 10


def fisher_rows(size, rounds):
    """Of the small ResNet, each batch in turn with a bare gradient of it."""
    features = networks.resnet_features(size.picture, size.filters, size.blocks)
    model = networks.classifier(features, NUM_CLASSES)
    x, y = networks.pictures(size.batch, size.picture, NUM_CLASSES)
    gradient = passes.forward_backward(model, x, y)
    gradient()
    ratios = []

    def batches():
        # Between two requests for a batch, the first of them is measured.
        for _ in range(rounds + 1):
            bare = seconds(gradient)
            start = now()
            yield x
            ratios.append((now() - start) / bare / NUM_CLASSES)

    fisher_importance(model, batches(), batch_size=size.batch)
    # The first batch was traced.
    name = "ResNet: exact Fisher per label, in forward + backward"
    return [Row(name, np.array(ratios[1:]), 2.0)]


def lesson_rows(size, rounds):
    """Of `learn` above a frozen VGG16, in shares of the possible speed-up.

    `E` epochs cannot become more than `E` times faster, as one pass over
    the pictures is always needed.
    """
    runs = {
        "cached": _Lessons(size, cache_features=True).learn,
        "full": _Lessons(size, cache_features=False).learn,
    }
    # These are long, so there are fewer of them.
    times = interleaved(runs, rounds // 2 + 1)
    whole = times["full"][:, 0] / times["cached"][:, 0]
    steps = times["full"][:, 1] / times["cached"][:, 2]
    return [
        Row(f"{name}, {count} epochs", ratios[:, i] / count, 0.8, True)
        for name, ratios in (
            ("Feature cache: share of speed-up, whole `learn`", whole),
            ("Feature cache: share of speed-up, no tracing", steps),
        )
        for i, count in enumerate(size.epochs)
    ]


def solved_rows(size, rounds):
    """Of `learn` where it solves the head above a frozen VGG16.

    In shares of what plain Keras takes to predict the same pictures. A class
    arrives each time, after old ones that were seen once.
    """
    lessons = _SolvedLessons(size)
    runs = {"learn": lessons.learn, "predict": lessons.predict}
    times = interleaved(runs, rounds)
    name = f"Solved head: `learn` of {size.solved} pictures, in `predict`"
    return [Row(name, times["learn"] / times["predict"], 1.2)]


def growth_rows(size, rounds):
    """Of one more class and the first step with it, early and late."""
    early, late = size.growths
    runs = {
        "early": _Growing(size, early).grow,
        "late": _Growing(size, late).grow,
    }
    times = interleaved(runs, rounds)
    name = f"Growth and first step: at {late} growths, to {early}"
    return [Row(name, times["late"] / times["early"], 1.5)]


class _Lessons:
    """Phases of one classifier, each of new pictures of a new class."""

    def __init__(self, size, cache_features):
        self._size = size
        backbone = networks.vgg_features(size.lesson_picture, size.widths)
        backbone.trainable = False
        names = [f"old {i}" for i in range(NUM_CLASSES)]
        model = networks.classifier(backbone, NUM_CLASSES)
        self._classifier = IncrementalClassifier(
            model, names, cache_features=cache_features
        )

    def learn(self):
        """Three times for each number of epochs, shape `(3, counts, 2)`.

        The whole call; its epochs without the first, which is traced; the
        same and what comes before the epochs.
        """
        watch = Stopwatch()
        number = self._classifier.num_phases
        x, _ = networks.pictures(
            self._size.lesson, self._size.lesson_picture, 2, number
        )
        start = now()
        self._classifier.learn(
            x,
            classes=[f"new {number}"],
            epochs=max(self._size.epochs),
            callbacks=[watch],
            verbose=0,
        )
        return _lesson_times(start, watch, now(), self._size.epochs)


class _SolvedLessons:
    """Phases that solve the head, each of new pictures of a new class."""

    def __init__(self, size):
        self._size = size
        backbone = networks.vgg_features(size.lesson_picture, size.widths)
        backbone.trainable = False
        self._plain = networks.classifier(backbone, NUM_CLASSES)
        names = [f"old {i}" for i in range(NUM_CLASSES)]
        self._classifier = IncrementalClassifier(self._plain, names)
        x, _ = self._pictures()
        self._classifier.remember(x, np.arange(len(x)) % NUM_CLASSES, verbose=0)

    def learn(self):
        """What a phase takes."""
        x, number = self._pictures()
        classes = [f"new {number}"]
        return seconds(
            lambda: self._classifier.learn(x, classes=classes, verbose=0)
        )

    def predict(self):
        """What plain Keras takes for as many pictures."""
        x, _ = self._pictures()
        return seconds(lambda: self._plain.predict(x, verbose=0))

    def _pictures(self):
        number = self._classifier.num_phases
        size = self._size
        x, _ = networks.pictures(size.solved, size.lesson_picture, 2, number)
        return x, number


def _lesson_times(start, watch, end, epochs):
    begins, ends = np.array(watch.begins), np.array(watch.ends)
    step = np.median((ends - begins)[1:], axis=0)
    after = end - ends[-1]
    whole = [ends[count - 1] - start + after for count in epochs]
    steady = [count * step for count in epochs]
    before = [begins[0] - start + taken for taken in steady]
    return np.array([whole, steady, before])


class _Growing:
    """A model whose head has grown often, one class at a time."""

    def __init__(self, size, growths):
        self._head = ExpandableDense(NUM_CLASSES, max_groups=8)
        self._model = keras.Sequential(
            [keras.Input((size.features,)), self._head]
        )
        for _ in range(growths):
            self._head.expand(1)
        self._x = np.ones((size.batch, size.features), "float32")
        self._y = np.zeros(size.batch, "int32")

    def grow(self):
        """Seconds of a growth and the first step after it."""
        return seconds(self._grow)

    def _grow(self):
        self._head.expand(1)
        self._model.compile(
            "adam",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        self._model.fit(self._x, self._y, len(self._x), verbose=0)
