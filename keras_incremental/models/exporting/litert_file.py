import dataclasses
import zipfile

import keras
import numpy as np

from keras_incremental.models.exporting.artifact import CLASSES
from keras_incremental.models.exporting.artifact import LABELS
from keras_incremental.models.exporting.formats import Format
from keras_incremental.models.exporting.formats import check_names

# Samples that int8 finds its ranges by.
MOST = 200


class LiteRTFile(Format):
    """A LiteRT file, with the names of the classes in its metadata.

    `labels.txt` and `classes.json` are associated files, as those of LiteRT's
    metadata: a ZIP archive at the end of the file.
    """

    name = "litert"
    filename = "model.tflite"
    suffix = ".tflite"
    since = "3.13"
    packages = {"tensorflow": ("tensorflow",)}
    reason = (
        "Keras converts to LiteRT by TensorFlow, and by torch without a "
        "batch of any size"
    )

    def outputs(self, artifact):
        return artifact.served.output_names

    def convert(self, artifact, path):
        check_names(artifact.served)
        super().convert(artifact, path)

    def write(self, artifact, path):
        self.convert(_with_ranges(artifact), path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(LABELS, artifact.labels)
            archive.writestr(
                CLASSES, artifact.description(self.outputs(artifact))
            )


def _with_ranges(artifact):
    """Returns the artifact with what int8 needs, if it is asked for."""
    options = dict(artifact.options)
    quantize = options.pop("quantize", None)
    if quantize is None:
        return artifact
    if quantize != "int8":
        raise ValueError(
            f'`quantize` must be "int8". Received: quantize={quantize!r}. '
            "Leave it out for float32."
        )
    import tensorflow as tf

    options["optimizations"] = [tf.lite.Optimize.DEFAULT]
    options["representative_dataset"] = _representatives(artifact)
    return dataclasses.replace(artifact, options=options)


def _representatives(artifact):
    memory = artifact.classifier.memory
    if memory is None or not len(memory):
        raise ValueError(
            "Int8 needs samples, to find the range of each number. Received: "
            "a classifier without exemplars. Give it a `memory` and call "
            "`remember`, or pass `optimizations` and "
            "`representative_dataset` of your own."
        )
    rows = np.unique(np.linspace(0, len(memory) - 1, MOST).astype(int))
    x = memory.arrays(rows)[0]
    (spec,) = keras.tree.flatten(artifact.signature)
    return lambda: ([x[k][None].astype(spec.dtype)] for k in range(len(x)))
