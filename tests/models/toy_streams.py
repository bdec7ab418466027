"""Streams of the clouds of `toy_classifiers`, with names for labels."""

import numpy as np
from keras import ops
from toy_classifiers import NAMES
from toy_classifiers import samples
from toy_classifiers import trained_model

from keras_incremental.models import IncrementalClassifier

VALIDATION = samples(range(5), seed=9)
NAMED_VALIDATION = (VALIDATION[0], np.array(NAMES)[VALIDATION[1]])


def follower(recipe, remembered=True, **options):
    """A classifier of the first two clouds that follows a stream."""
    clf = IncrementalClassifier(
        trained_model(), NAMES[:2], recipe=recipe, **options
    )
    if remembered:
        clf.remember(*samples([0, 1]))
    return clf


def stream(*blocks, count=30, seed=3):
    """Pictures and names; the classes within a block come mixed."""
    generator = np.random.default_rng(seed)
    pictures, labels = [], []
    for k, classes in enumerate(blocks):
        x, y = samples(classes, count, seed=seed + k)
        order = generator.permutation(len(y))
        pictures.append(x[order])
        labels.append(y[order])
    names = np.array(NAMES)[np.concatenate(labels)]
    return np.concatenate(pictures), names


def held(clf):
    """What must not change with a stream that failed."""
    memory = clf.memory
    kept = [] if memory is None else [*memory.arrays(), memory.seen]
    return [
        clf.classes,
        clf.num_phases,
        clf.head.group_sizes,
        clf.statistics.counts.tolist(),
        *[np.asarray(ops.convert_to_numpy(w)).tolist() for w in clf.weights],
        *[np.asarray(part).tolist() for part in kept],
    ]
