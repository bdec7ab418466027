"""
Title: Learning from sites that keep their pictures
Author: The keras_incremental maintainers
Date created: 2026/11/27
Last modified: 2026/11/27
Description: Statistics of three sites, merged into the head of all of them.
Accelerator: None
"""

import pathlib
import tempfile

import keras
import numpy as np
from sklearn.datasets import load_digits

import keras_incremental as ki

"""
## Introduction

Three sites have pictures of digits that must not leave them. Each gets the
file of one classifier with a frozen backbone, and sends back statistics: of
each class how many pictures there are and their mean feature, one matrix, and
the features of some pictures. Here the sites have other classes, and share
some.

    python examples/sites.py
"""

SITES = {"north": [0, 1, 2, 3], "east": [2, 3, 4, 5, 6], "south": range(7, 10)}
KNOWN = ("zero", "one")
NAMES = np.array(
    [*KNOWN, "two", "three", "four", "five", "six", "seven", "eight", "nine"]
)


def digits():
    """Pictures of digits with their labels, to learn and to test."""
    x, labels = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    test = np.arange(len(x)) % 3 == 0
    return (x[~test], labels[~test]), (x[test], labels[test])


def base_classifier():
    """A classifier of two classes with a frozen, random backbone."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((64,))
    features = keras.layers.Dense(256, activation="relu", trainable=False)
    model = keras.Model(inputs, keras.layers.Dense(2)(features(inputs)))
    return ki.IncrementalClassifier(model, KNOWN)


"""
At a site: the file of the classifier, its own pictures, and a file to send.
A site's name makes sure that it is counted once.
"""


def send(folder, site, x, labels):
    """Writes the statistics of the pictures of a site."""
    clf = keras.saving.load_model(folder / "base.keras")
    names = NAMES[labels].tolist()
    sent = clf.compute_statistics(x, names, sorted(set(names)), site=site)
    sent.save(folder / f"{site}.npz")


"""
Where they come together: all files in one call, in any order. To see that
nothing is lost, another classifier learns all pictures in one process.
"""


def main():
    """Prints how the merged head compares with that of all pictures."""
    (x, labels), (x_test, labels_test) = digits()
    # A picture is at the first site that has its class, or at the next one.
    turn = np.arange(len(x)) % 2
    owners = [[s for s, has in SITES.items() if k in has] for k in labels]
    owner = np.array([o[t % len(o)] for o, t in zip(owners, turn, strict=True)])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        base_classifier().save(folder / "base.keras")
        for site in SITES:
            send(folder, site, x[owner == site], labels[owner == site])
        sizes = [
            f"{(folder / f'{site}.npz').stat().st_size / 1e6:.1f}"
            for site in SITES
        ]
        merged = keras.saving.load_model(folder / "base.keras")
        files = [folder / f"{site}.npz" for site in SITES]
        merged.learn_statistics(files, verbose=0)
        whole = keras.saving.load_model(folder / "base.keras")
        names = NAMES[labels].tolist()
        everything = whole.compute_statistics(x, names, NAMES.tolist())
        whole.learn_statistics([everything], verbose=0)
    one, two = (clf.predict(x_test, verbose=0) for clf in (merged, whole))
    accuracy = np.mean(merged.predict_names(x_test) == NAMES[labels_test])
    print(f"sent: {' + '.join(sizes)} MB")
    print(f"accuracy on {len(x_test)} test pictures: {100 * accuracy:.1f} %")
    print(
        "largest difference of a logit from one process: "
        f"{np.abs(one - two).max() / np.abs(two).max():.0e} of the largest"
    )


"""
The head is that of one process, to the rounding of float32, whatever pictures
a site has. What a site does not send is any picture.
"""

if __name__ == "__main__":
    main()
