"""The pictures of `quickstart.py`, and the order in which classes arrive.

Labels are names. Plain Keras trains its `Dense` layers on features, so these
are computed once; `IncrementalClassifier` is given pictures.
"""

import dataclasses

import benchmarks
import numpy as np


@dataclasses.dataclass(frozen=True)
class Samples:
    pictures: np.ndarray
    labels: np.ndarray
    features: np.ndarray | None = None

    def of(self, names):
        chosen = np.isin(self.labels, names)
        features = None if self.features is None else self.features[chosen]
        return Samples(self.pictures[chosen], self.labels[chosen], features)

    def with_features(self, base):
        features = base.predict(self.pictures, verbose=0)
        return dataclasses.replace(self, features=features)

    def as_numbers(self, names):
        """Features, and labels as positions in a list of names."""
        return self.features, np.array([names.index(x) for x in self.labels])


def read_samples(options):
    limit = options.limit
    if limit is None and options.data != "digits":
        limit = 120
    data = benchmarks.load(
        options.data,
        data_dir=options.data_dir,
        image_size=options.size,
        train_per_class=limit,
        test_per_class=limit and max(limit // 2, 1),
    )
    names = np.array(data.class_names)
    train = Samples(data.x_train, names[data.y_train])
    test = Samples(data.x_test, names[data.y_test])
    return train, test, data.class_names


def order_of_classes(class_names, seed):
    """Phases of two classes, and one class that is left for the end."""
    *phases, last = benchmarks.phases(class_names, 2, 2, seed)
    return [*phases, last[:-1]], last[-1]
