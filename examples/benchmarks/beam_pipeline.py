"""What an Apache Beam pipeline costs, beside one process.

    python -m examples.benchmarks.beam_pipeline
    python -m examples.benchmarks.beam_pipeline --count 200

Files of random pictures become statistics, of which a head is solved. Each row
is a process of its own: the floor is the backbone alone, `predict` on the same
pictures; then one process; then Beam in one process, and in two workers. The
difference is that of a weight of the head from that of one process, over the
largest weight. Needs the extra `beam`.
"""

import argparse
import functools
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import keras
import numpy as np
from PIL import Image

import keras_incremental as ki
from keras_incremental.models import load_classifier

SIZE, FEATURES, BATCH = 96, 512, 32
NAMES = ("bird", "cat", "dog", "fish")
ROADS = {
    "backbone alone": "floor",
    "one process": "here",
    "Beam, one process": "in_memory",
    "Beam, two workers": "multi_processing",
}
COLUMNS = ("road", "seconds", "pictures a second", "difference")


def write_pictures(folder, count):
    """Writes random pictures, a folder for each class."""
    generator = np.random.default_rng(0)
    for k in range(count):
        path = folder / NAMES[k % len(NAMES)] / f"{k}.png"
        path.parent.mkdir(exist_ok=True)
        shade = 60 * (k % len(NAMES))
        pixels = generator.integers(shade, 256, (SIZE, SIZE, 3), "uint8")
        Image.fromarray(pixels).save(path)


def classifier():
    """A classifier of two classes with a frozen, random backbone."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for filters in (32, 64, FEATURES):
        x = keras.layers.Conv2D(filters, 3, 2, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    features = keras.Model(inputs, x)
    features.trainable = False
    outputs = keras.layers.Dense(2)(features.output)
    return ki.IncrementalClassifier(keras.Model(inputs, outputs), NAMES[:2])


def data_set(folder):
    """The pictures of a folder, as Keras reads them."""
    return keras.utils.image_dataset_from_directory(
        folder, image_size=(SIZE, SIZE), batch_size=BATCH, verbose=False
    )


def by_beam(folder, model, mode):
    """Returns statistics of all pictures, by a pipeline."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    from keras_incremental.beam import ComputeStatistics
    from keras_incremental.beam import ReadImages

    workers = 2 if mode == "multi_processing" else 1
    options = PipelineOptions(
        ["--direct_running_mode", mode, "--direct_num_workers", str(workers)]
    )
    with beam.Pipeline("FnApiRunner", options) as pipeline:
        (
            pipeline
            | ReadImages(f"{folder}/*/*", (SIZE, SIZE))
            | ComputeStatistics(model, batch_size=BATCH)
            | beam.Map(functools.partial(save, model.with_suffix(".npz")))
        )
    return ki.statistics.SiteStatistics.load(model.with_suffix(".npz"))


def save(path, statistics):
    """Writes statistics, in a worker."""
    statistics.save(path)


def run(way, folder, model):
    """Returns the seconds of one road, and the kernel of the head."""
    clf, started = load_classifier(model), time.perf_counter()
    if way == "floor":
        for batch, _ in data_set(folder):
            clf.features.predict_on_batch(batch)
        return time.perf_counter() - started, []
    if way == "here":
        found = clf.compute_statistics(data_set(folder))
    else:
        found = by_beam(folder, model, way)
    clf.learn_statistics([found], verbose=0)
    seconds = time.perf_counter() - started
    return seconds, clf.head.columns("kernel").tolist()


def rows(count):
    """Yields rows of figures, each measured in a fresh process."""
    kernels = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / "pictures"
        folder.mkdir()
        write_pictures(folder, count)
        model = pathlib.Path(name) / "base.keras"
        classifier().save(model)
        for road, way in ROADS.items():
            seconds, kernel = _in_a_process(way, folder, model)
            kernels[way] = np.asarray(kernel)
            yield road, seconds, count / seconds, _difference(kernels, way)


def _in_a_process(way, folder, model):
    command = [sys.executable, "-m", __spec__.name, "--here", way]
    command += [str(folder), str(model)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.split(b"\n")[-2])


def _difference(kernels, way):
    if way in ("floor", "here"):
        return None
    one = kernels["here"]
    return float(np.abs(kernels[way] - one).max() / np.abs(one).max())


def text_of(row):
    """Returns a row of the table."""
    road, seconds, rate, difference = row
    end = "" if difference is None else f"{difference:.0e}"
    return f"| {road} | {seconds:.1f} | {rate:.0f} | {end} |"


def main(arguments=None):
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.benchmarks.beam_pipeline",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--here", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.here:
        way, folder, model = options.here
        print(json.dumps(run(way, pathlib.Path(folder), pathlib.Path(model))))
        return
    print(f"{options.count:,} pictures of {SIZE} x {SIZE}\n")
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---" * len(COLUMNS) + "|", flush=True)
    for row in rows(options.count):
        print(text_of(row), flush=True)


if __name__ == "__main__":
    main()
