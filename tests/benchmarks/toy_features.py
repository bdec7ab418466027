"""Features of classes that lie apart, with their labels."""

import numpy as np


def clouds(num_classes, count=60):
    random = np.random.default_rng(0)
    labels = np.arange(num_classes * count) % num_classes
    centers = 4 * random.normal(size=(num_classes, 6))
    features = centers[labels] + random.normal(size=(len(labels), 6))
    return features.astype("float32"), labels
