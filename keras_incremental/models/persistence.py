"""What of an `IncrementalClassifier` goes where in a `.keras` file.

Names and groups are in the configuration, feature statistics and penalties
beside the weights, exemplars in an asset.
"""

import os

import keras
import numpy as np

from keras_incremental.models.statistics import FeatureStatistics
from keras_incremental.regularizers.quadratic_penalty import QuadraticPenalty
from keras_incremental.utils.graph import HeadSplit

MEMORY_FILE = "exemplars.npz"


def config_of(classifier, base):
    """The configuration of a classifier."""
    serialize = keras.saving.serialize_keras_object
    memory = classifier.memory
    return {
        "name": base.get("name", classifier.name),
        "features": serialize(classifier.features),
        "head": serialize(classifier.head),
        "activation": classifier.activation,
        "classes": list(classifier.classes),
        "memory": None if memory is None else serialize(memory),
        "seed": classifier.seed,
    }


def arguments_of(config, custom_objects=None):
    """Arguments of the constructor, from a configuration."""

    def deserialize(value):
        return keras.saving.deserialize_keras_object(value, custom_objects)

    config = dict(config)
    split = HeadSplit(
        deserialize(config.pop("features")),
        deserialize(config.pop("head")),
        config.pop("activation"),
    )
    memory = config.pop("memory")
    return {
        **config,
        "model": split,
        "memory": memory and deserialize(memory),
    }


def save_arrays(classifier, store):
    """Writes statistics and penalties."""
    statistics = classifier.statistics
    store["phases"] = np.asarray(classifier.phases)
    if len(statistics):
        store["counts"] = statistics.counts
        store["means"] = statistics.means
        store["scatter"] = statistics.scatter
    for index, variable in enumerate(classifier.weights):
        penalty = variable.regularizer
        if isinstance(penalty, QuadraticPenalty):
            store[f"importance_{index}"] = penalty.importance
            store[f"reference_{index}"] = penalty.reference
            store[f"strength_{index}"] = np.asarray(penalty.strength)


def load_arrays(classifier, store):
    """Reads what `save_arrays` wrote."""
    names = set(store.keys())
    statistics = FeatureStatistics()
    if "counts" in names:
        statistics = FeatureStatistics(
            *(np.asarray(store[key]) for key in ("counts", "means", "scatter"))
        )
    classifier.set_knowledge(
        classifier.classes, int(np.asarray(store["phases"])), statistics
    )
    for index, variable in enumerate(classifier.weights):
        if f"importance_{index}" in names:
            variable.regularizer = QuadraticPenalty(
                np.asarray(store[f"importance_{index}"]),
                np.asarray(store[f"reference_{index}"]),
                float(np.asarray(store[f"strength_{index}"])),
                also=variable.regularizer,
            )


def save_memory(classifier, folder):
    """Writes the exemplars."""
    memory = classifier.memory
    if memory is not None and len(memory):
        memory.save(os.path.join(folder, MEMORY_FILE))


def load_memory(classifier, folder):
    """Reads what `save_memory` wrote."""
    path = os.path.join(folder, MEMORY_FILE)
    if classifier.memory is not None and os.path.exists(path):
        classifier.memory.load(path)
