"""Prints which Keras classifiers can be adopted, and what then works.

    python -m examples.benchmarks.compatibility
    python -m examples.benchmarks.compatibility --only heads pipelines
    python -m examples.benchmarks.compatibility --models MobileNet --every

What it prints is in `examples/compatibility.md`. Weights are random and
pictures small, so only what is computed is compared, and no accuracy. A class
is learned of a few made-up samples, with all layers below the head frozen and
with all of them training; then the classifier is saved, loaded and made plain,
and gives the same outputs each time.
"""

import argparse
import functools
import os
import sys
import tempfile
import time
import warnings

import keras
import numpy as np
from keras import ops

import keras_incremental as ki
from keras_incremental.utils import probes
from keras_incremental.utils import state

from . import data_pipelines
from . import known_networks
from . import model_forms
from . import outcomes

NEW = 8
# The steps that are tried, in order.
STEPS = ("adopted", "frozen", "unfrozen", "saved", "plain")
WORDS = ["good", "bad", "film", "day", "what", "a", "no"]


def groups(every=False):
    """All models by group, and pipelines, as functions that try one."""
    models = {
        "applications": known_networks.applications(every),
        "hub": known_networks.hub(),
        "heads": model_forms.HEADS,
        "inputs": model_forms.INPUTS,
    }
    pipelines = {"pipelines": data_pipelines.PIPELINES}
    return {
        **{k: _bound(tried, makers) for k, makers in models.items()},
        **{k: _bound(data_pipelines.tried, m) for k, m in pipelines.items()},
    }


def _bound(function, makers):
    return {
        name: functools.partial(function, name, make)
        for name, make in makers.items()
    }


def samples_of(model, count=NEW, seed=0):
    """Made-up samples in the structure that a model reads."""
    generator = np.random.default_rng(seed)
    if _reads_texts(model):
        words = generator.choice(known_networks.WORDS[-3:], (count, 3))
        return np.array([" ".join(w) for w in words])

    def draw(tensor):
        shape = (count, *(n or 12 for n in tensor.shape[1:]))
        if tensor.dtype == "string":
            words = generator.choice(WORDS, (count, 3))
            return np.array([" ".join(w) for w in words]).reshape(shape)
        if "int" in tensor.dtype or tensor.dtype == "bool":
            return generator.integers(0, 2, shape).astype(tensor.dtype)
        return generator.normal(size=shape).astype(tensor.dtype)

    return keras.tree.map_structure(draw, state.inputs_of(model))


def _reads_texts(model):
    preprocessor = getattr(model, "preprocessor", None)
    return getattr(preprocessor, "tokenizer", None) is not None


def tried(name, make):
    """Takes a model through all steps, as far as they go.

    Args:
        name: String.
        make: Function that makes the model.

    Returns:
        `outcomes.Row`.
    """
    keras.utils.set_random_seed(0)
    row = outcomes.Row(name)
    for step in (adopt_and_learn, unfreeze):
        try:
            step(make(), row)
        except Exception as error:
            # Whatever Keras raises stands in the list of messages.
            row.steps[_next(row)] = f"{type(error).__name__}: {error}"
            break
    return row


def _next(row):
    return next(s for s in STEPS if s not in row.steps)


def adopt_and_learn(model, row):
    """Adopts a frozen model, learns a class, saves, loads and makes plain."""
    clf = _adopted(model, row)
    new = samples_of(model)
    row.seconds["forward"] = _seconds(lambda: _predict(clf, new))
    row.seconds["update"] = _seconds(lambda: _learn(clf, new, "new"))
    more = samples_of(model, seed=1)
    row.seconds["next update"] = _seconds(lambda: _learn(clf, more, "newer"))
    row.steps["frozen"] = _has_classes(clf, new, 2)
    row.steps["saved"] = _saved(clf, new)
    row.steps["plain"] = _plain(clf, new)


def unfreeze(model, row):
    """Learns a class while all layers train."""
    clf = _adopted(model, row, trainable=True)
    new = samples_of(model)
    _learn(clf, new, "new", epochs=1)
    row.steps["unfrozen"] = _has_classes(clf, new, 1)


def _adopted(model, row, trainable=False):
    model.trainable = True
    for layer in model.layers[:-1]:
        layer.trainable = trainable
    names = [f"class {i}" for i in range(known_networks.NUM_CLASSES)]
    clf = ki.IncrementalClassifier(model, names)
    expected = _predict(model, samples_of(model))
    received = _predict(clf, samples_of(model))
    row.steps["adopted"] = _same(expected, received)
    return clf


def _learn(clf, x, name, **options):
    clf.learn(x, classes=[name], verbose=0, **options)


def _has_classes(clf, x, count):
    outputs = _predict(clf, x)
    wanted = (NEW, known_networks.NUM_CLASSES + count)
    names = clf.predict_names(x)
    if outputs.shape != wanted or not np.isfinite(outputs).all():
        return f"outputs of shape {outputs.shape}, or not finite"
    return len(names) == NEW or f"{len(names)} names"


def _saved(clf, x):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "classifier.keras")
        clf.save(path)
        loaded = keras.models.load_model(path)
        same = _same(_predict(clf, x), _predict(loaded, x))
        if same is True:
            _learn(loaded, x, "third")
        return same


def _plain(clf, x):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "plain.keras")
        clf.to_keras().save(path)
        loaded = keras.models.load_model(path)
        read = x if clf.preprocessor is None else clf.preprocessor(x)
        return _same(_predict(clf, x), _predict(loaded, read))


def _predict(model, x):
    if not _reads_texts(model):
        x = keras.tree.map_structure(ops.convert_to_tensor, x)
    return ops.convert_to_numpy(model.predict_on_batch(x))


def _same(expected, received):
    distance = probes.differ(expected, received)
    return distance is None or f"outputs differ by {distance:.2g}"


def _seconds(function):
    start = time.process_time()
    function()
    return time.process_time() - start


def main(arguments=None):
    """Tries all, and prints the tables and what was said of the others."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=list(groups()))
    parser.add_argument("--models", nargs="+", default=[""])
    parser.add_argument("--every", action="store_true")
    options = parser.parse_args(arguments)
    rows_of = {}
    for group in options.only:
        chosen = {
            name: attempt
            for name, attempt in groups(options.every)[group].items()
            if name.startswith(tuple(options.models))
        }
        rows_of[group] = [_row(attempt) for attempt in chosen.values()]
    for group, rows in rows_of.items():
        steps = data_pipelines.VERBS if group == "pipelines" else STEPS
        print(outcomes.page(group, rows, list(steps)), end="\n\n")


def _row(attempt):
    with warnings.catch_warnings(action="ignore"):
        row = attempt()
    print(row, file=sys.stderr, flush=True)
    keras.utils.clear_session()
    return row


if __name__ == "__main__":
    main()
