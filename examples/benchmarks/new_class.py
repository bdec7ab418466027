"""One class that arrives, on frozen features, with nothing kept of others.

It is the second table of `python -m examples.benchmarks.frozen`: accuracy on
the old classes, on the new one, and the mean of both. The last class of each
split is the new one; the head was trained on the pictures of all others. Beside
cats and dogs the third class is the zero of the digits.

- before: the old head, on the old classes.
- oracle: what the others cannot have, all old pictures: the new column alone is
  trained on these and the new ones, the old columns stay as they are.
- nothing: `IncrementalClassifier`, as it is, with the new pictures alone.
- unlabeled: the same, but every fourth picture, of all classes, comes without
  its label, in `learn(auxiliary=)`.
"""

import keras
import numpy as np

import keras_incremental as ki

from . import datasets
from . import frozen_sets as sets

# The column is trained until its loss hardly falls.
ORACLE_EPOCHS = 80
COLUMNS = ("before", "oracle", "nothing", "unlabeled")
PARTS = ("old", "new", "mean")


def accuracies(scores, data):
    """Of the old classes and of the new one, and their mean, in %."""
    right = scores.argmax(-1) == data.y_test
    new = data.y_test == data.num_classes - 1
    both = 100 * right[~new].mean(), 100 * right[new].mean()
    return (*both, np.mean(both))


def oracle(model, data):
    """Logits of the test pictures by a column trained on all pictures."""
    inputs = keras.Input(data.x.shape[1:]), keras.Input((1,))
    own = keras.layers.Dense(1)(inputs[0])
    column = keras.Model(inputs, keras.layers.Subtract()([own, inputs[1]]))
    # The crossentropy of all logits, up to what does not depend on the column.
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    column.compile("adam", loss)
    is_new = data.y == data.num_classes - 1
    rest = evidence_of_old(model.predict(data.x, verbose=0))
    column.fit([data.x, rest], is_new, epochs=ORACLE_EPOCHS, verbose=0)
    logits = model.predict(data.x_test, verbose=0)
    rest = evidence_of_old(logits)
    new = column.predict([data.x_test, rest], verbose=0) + rest
    return np.concatenate([logits, new], axis=-1)


def evidence_of_old(logits):
    return np.logaddexp.reduce(logits, axis=-1, keepdims=True)


def learned(model, data, rows, auxiliary=None):
    """Logits of the test pictures by the default, from some new pictures."""
    model = copied(model)
    names = [str(label) for label in range(data.num_classes)]
    clf = ki.IncrementalClassifier(model, names[:-1])
    x = data.x[rows & (data.y == data.num_classes - 1)]
    clf.learn(x, classes=names[-1:], auxiliary=auxiliary, verbose=0)
    return clf.predict(data.x_test, verbose=0)


def copied(model):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    copy.compile("adam", model.loss)
    return copy


def measured(data):
    """The row of a split: before, then three numbers for each way."""
    old = data.y < data.num_classes - 1
    model = sets.trained(data.x[old], data.y[old])
    known = data.y_test < data.num_classes - 1
    before = model.predict(data.x_test[known], verbose=0).argmax(-1)
    labeled = np.arange(len(data.y)) % sets.UNLABELED > 0
    ways = (
        oracle(model, data),
        learned(model, data, np.ones_like(labeled)),
        learned(model, data, labeled, data.x[~labeled]),
    )
    found = [accuracies(scores, data) for scores in ways]
    return [100 * np.mean(before == data.y_test[known]), *np.concatenate(found)]


def of_three(name, features, labels, share):
    """The same features, with a third class where there are only two."""
    if labels.max() > 1:
        return features, labels, share
    data = datasets.load("digits", image_size=sets.SETS[name][1])
    zeros = np.concatenate([data.x_train, data.x_test])
    zeros = zeros[np.concatenate([data.y_train, data.y_test]) == 0]
    added = np.full(len(zeros), 2)
    return (
        np.concatenate([features, sets.extracted(name, zeros)]),
        np.concatenate([labels, added]),
        share,
    )


def print_table(found, num_splits):
    """Prints a row for each split of each data set, and their means.

    Args:
        found: Dict of names and what `features_of` returns.
        num_splits: Int.
    """
    first, *others = COLUMNS
    parts = [f"{way}, {part}" for way in others for part in PARTS]
    print()
    sets.print_header("one new class, accuracy in %", [first, *parts])
    for name, features in found.items():
        whole = of_three(name, *features)
        splits = [sets.split(*whole, seed) for seed in range(num_splits)]
        sets.print_rows(name, splits, [measured])
