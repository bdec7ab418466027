"""Exported classifiers in their own runtimes, and a device that learns.

    pip install onnx tf2onnx onnxruntime ai-edge-litert openvino
    python -m examples.benchmarks.export_formats

A classifier of the ten digits on EfficientNet-Lite0, calibrated for unknown
ones, is exported in each format. Each file runs on the test pictures in a
process that cannot import Keras or this package. Agreement is the share of
names, "unknown" among them, that are those of the classifier; milliseconds are
those of one picture among all. The last lines are of a device that learns
20 pictures of a class, in processor time. A runtime that is not installed has
no row.
"""

import argparse
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import keras
import numpy as np

import keras_incremental as ki

from . import backbones
from . import datasets

RUNTIMES = pathlib.Path(__file__).with_name("runtimes.py")
# The format, its options, and the package that runs it.
FORMATS = {
    "tf_saved_model": ("tf_saved_model", {}, "tensorflow"),
    "onnx": ("onnx", {}, "onnxruntime"),
    "litert": ("litert", {}, "ai_edge_litert"),
    "litert, int8": ("litert", {"quantize": "int8"}, "ai_edge_litert"),
    "openvino": ("openvino", {}, "openvino"),
}
HEADINGS = (
    "format",
    "largest difference of scores",
    "agreement",
    "MB",
    "seconds to export",
    "ms a picture",
)
NEW, ROUNDS = 20, 9

# The most memory since this program began: that of `resource` begins with its
# parent's. Processor time, of the fastest round: threads that wait for work
# would count too, and so would other programs in the time of a clock.
DEVICE = """
import sys
import time

sys.modules.update(dict.fromkeys(("keras", "tensorflow", "jax", "torch")))

import numpy as np

import keras_incremental.edge as edge

model, images = edge.load(sys.argv[1]), np.load(sys.argv[2])
head, passes, learning = model.head, [], []
for _ in range(int(sys.argv[3])):
    start = time.process_time()
    model.predict(images)
    passes.append(time.process_time() - start)
    model.head = head
    start = time.process_time()
    model.learn(images, "new")
    learning.append(time.process_time() - start)
with open("/proc/self/status") as status:
    (used,) = [x.split()[1] for x in status if x.startswith("VmHWM")]
print(min(passes), min(learning), int(used) / 1024)
"""


def digits(size):
    """Pictures of digits as photos have them, to learn and to test."""
    data = datasets.load("digits", image_size=size)
    parts = data.x_train, data.y_train, data.x_test, data.y_test
    x_train, y_train, x_test, y_test = parts
    if x_train.shape[-1] != 3:
        x_train, x_test = (np.repeat(x, 3, -1) for x in (x_train, x_test))
    return x_train, y_train, x_test, y_test


def renamed(model):
    """A copy whose layers have names that TensorFlow saves."""
    copy = keras.models.clone_model(
        model,
        clone_function=lambda layer: type(layer).from_config(
            {**layer.get_config(), "name": layer.name.lstrip("_")}
        ),
    )
    copy.set_weights(model.get_weights())
    return copy


def taught(features, x, y, held_out):
    """A classifier of all classes, the second half of them learned later."""
    names = [str(k) for k in range(y.max() + 1)]
    count = len(names) // 2
    features.trainable = False
    outputs = keras.layers.Dense(count, activation="softmax")(features.output)
    clf = ki.IncrementalClassifier(
        keras.Model(features.inputs, outputs),
        names[:count],
        memory=ki.ExemplarMemory(20 * len(names)),
    )
    first = y < count
    clf.remember(x[first], y[first])
    later = [names[k] for k in y[~first]]
    clf.learn(x[~first], later, names[count:], verbose=0)
    clf.calibrate_unknown(held_out)
    return clf


def row_of(clf, name, x, folder):
    """The cells of a format, or `None` where its runtime is not installed."""
    kind, options, package = FORMATS[name]
    if importlib.util.find_spec(package) is None:
        return None
    path = folder / name.replace(", ", "_")
    start = time.perf_counter()
    clf.export(path, kind, verbose=False, **options)
    seconds = time.perf_counter() - start
    size = sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
    file = {"onnx": path / "model.onnx", "litert": path / "model.tflite"}
    answers = answers_of(kind, file.get(kind, path), x, folder)
    classes = np.array(clf.classes)
    names = answers.get("names", classes[answers["indices"]])
    told = np.where(answers["unknown"], "unknown", names)
    expected = clf.predict_names(x, unknown="unknown")
    difference = np.abs(answers["scores"] - clf.predict(x, verbose=0)).max()
    return (
        name,
        f"{difference:.0e}",
        f"{100 * np.mean(told == expected):.1f} %",
        f"{size / 1e6:.1f}",
        f"{seconds:.1f}",
        f"{1e3 * float(answers['seconds']) / len(x):.1f}",
    )


def answers_of(kind, path, x, folder):
    """What a runtime answers in a process of its own."""
    files = folder / "samples.npy", folder / "answers.npz"
    np.save(files[0], x.astype("float32"))
    command = [sys.executable, RUNTIMES, kind, path, *files]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    with np.load(files[1]) as answers:
        return dict(answers)


def device_of(clf, x, folder):
    """What it costs a device to learn a class, as a sentence."""
    path, images = folder / "device", folder / "new.npy"
    clf.export(path, "onnx", verbose=False, extendable=True)
    np.save(images, x[:NEW].astype("float32"))
    command = [sys.executable, "-c", DEVICE, path, images, str(ROUNDS)]
    done = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    passes, learning, used = map(float, done.stdout.split())
    size = (path / "head.npz").stat().st_size / 1e6
    return (
        f"A device: head {size:.1f} MB, {used:.0f} MB of memory at most; "
        f"{NEW} pictures of a new class learned in {1e3 * learning:.0f} ms, "
        f"{learning / passes:.2f} times their forward passes."
    )


def main(arguments=None):
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.benchmarks.export_formats",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--formats", nargs="+", default=list(FORMATS))
    options = parser.parse_args(arguments)
    x, y, x_test, _ = digits(options.size)
    weights = None if options.weights == "none" else options.weights
    features = backbones.efficientnet_lite0(
        (options.size, options.size, 3), weights
    )
    half = len(x_test) // 2
    clf = taught(renamed(features), x, y, x_test[:half])
    print("| " + " | ".join(HEADINGS) + " |")
    print("|---" * len(HEADINGS) + "|")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for each in options.formats:
            cells = row_of(clf, each, x_test[half:], folder)
            if cells is not None:
                print("| " + " | ".join(cells) + " |", flush=True)
        print("\n" + device_of(clf, x_test, folder))


if __name__ == "__main__":
    main()
