"""Learns a class with the installed package, from outside the repository."""

import pathlib
import sys

import keras
import numpy as np

import keras_incremental as ki

assert pathlib.Path(sys.prefix) in pathlib.Path(ki.__file__).parents
assert pathlib.Path(ki.__file__).with_name("py.typed").exists()

rng = np.random.default_rng(0)
labels = np.arange(90) % 3
x = (rng.normal(size=(90, 8)) + 4 * np.eye(8)[labels]).astype("float32")
names = np.array(["cat", "dog", "bird"])[labels]
old = names != "bird"

model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
memory = ki.ExemplarMemory(20)
clf = ki.IncrementalClassifier(model, ["cat", "dog"], memory=memory)
clf.learn(x[old], names[old], clf.classes, epochs=30, verbose=0)
report = clf.learn(x[~old], names[~old], ["bird"], epochs=30, verbose=0)
assert report.accepted and clf.classes == ("cat", "dog", "bird")
clf.save("clf.keras")
again = keras.saving.load_model("clf.keras")
np.testing.assert_array_equal(again.predict_names(x), clf.predict_names(x))
python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
backend = keras.backend.backend()
print(f"{ki.__name__} {ki.__version__} learns on {backend}, {python}")
