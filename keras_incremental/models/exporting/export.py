import os
import pathlib
import typing

import keras

from keras_incremental.models.exporting import extendable as extending
from keras_incremental.models.exporting.artifact import CARD
from keras_incremental.models.exporting.artifact import Artifact
from keras_incremental.models.exporting.file_formats import KerasFile
from keras_incremental.models.exporting.file_formats import LiteRTFile
from keras_incremental.models.exporting.file_formats import OnnxFile
from keras_incremental.models.exporting.folder_formats import OpenVINOFolder
from keras_incremental.models.exporting.folder_formats import SavedModel
from keras_incremental.models.exporting.formats import Format
from keras_incremental.models.exporting.served import ServedModel
from keras_incremental.models.exporting.served import check_same
from keras_incremental.models.exporting.served import signature_of
from keras_incremental.models.inputs.arguments import whole
from keras_incremental.utils import files

FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        SavedModel(),
        KerasFile(),
        OnnxFile(),
        LiteRTFile(),
        OpenVINOFolder(),
    )
}
SUFFIXES = (".keras", ".onnx", ".tflite", ".xml", ".h5", ".pb", ".pt2")


class ExportingMixin(keras.Model):
    """The export of an `IncrementalClassifier` to other runtimes."""

    classes: typing.Any

    def export(
        self,
        filepath: str | os.PathLike,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: typing.Any = None,
        *,
        num_classes: int | None = None,
        extendable: bool = False,
        **kwargs,
    ) -> None:
        """Exports the classifier for another runtime, without this package.

        The exported model has the inputs of the classifier, raw pixels if the
        preprocessing is part of the model, in batches of any size. It returns
        a dict of `"scores"`, what `predict` gives; `"indices"` of the most
        probable classes, or `"applies"` where several may; `"names"` of these,
        strings, in a SavedModel and in ONNX; and after `calibrate_unknown`
        also `"unknown"` and `"unknown_score"`. Other outputs of the model are
        returned too. A `.keras` file contains the model of `to_keras`.

        A folder has `labels.txt` and `classes.json` beside the model, a
        SavedModel in its `assets.extra`, and a model card, `README.md`. A
        single file has the former two inside: as properties of ONNX, as
        associated files at the end of LiteRT's, which are a ZIP archive.

        TensorFlow Serving reads folders with numbers as names: export to
        `pets/1`, then to `pets/2`, and it serves the later one. A folder is
        written completely or not at all.

        Args:
            filepath: String or path of a new folder; or of a file that ends
                in `.keras`, `.onnx` or `.tflite`. An old file is replaced
                when the new one is whole.
            format: String, `"tf_saved_model"`, `"keras"`, `"onnx"`,
                `"litert"` or `"openvino"`. Defaults to `"tf_saved_model"`.
            verbose: Bool. Whether to print where it was written. Defaults to
                `None`, which does.
            input_signature: See `keras.Model.export`. Images of any height
                and width are resized in the graph: `[keras.InputSpec("uint8",
                (None, None, None, 3), name="inputs")]`. Defaults to `None`,
                the inputs of the model.
            num_classes: Int, from 1 to the number of classes. Answers with
                the first classes only, for clients that know no others; the
                scores are then those of `predict(classes=...)`. Defaults to
                `None`, all.
            extendable: Bool. Whether a device goes on learning: writes a
                folder with the backbone, as ONNX or LiteRT, and the head as
                statistics, for `keras_incremental.edge.load`. Defaults to
                `False`.
            **kwargs: Arguments for the conversion, see `keras.Model.export`;
                for LiteRT also `quantize="int8"`, with ranges found on
                exemplars of the memory.

        Raises:
            ValueError: if the format, the name of the file or the backend do
                not fit, or if a graph cannot compute what the classifier
                does.
            ImportError: if a package that writes the format is missing.
            FileExistsError: if a folder would replace what there is.
        """
        chosen = _format(format)
        chosen.check()
        is_file = _is_file(filepath, chosen)
        if extendable:
            _check_extendable(self, is_file, num_classes)
            with files.replacing(filepath) as part:
                extending.write(self, chosen, input_signature, kwargs, part)
            _tell(verbose, self.classes, format, filepath)
            return
        served = ServedModel(self, _count(num_classes, len(self.classes)))
        check_same(served)
        signature = input_signature or signature_of(self)
        artifact = Artifact(served, signature, kwargs)
        with files.replacing(filepath) as part:
            if is_file:
                chosen.write(artifact, part)
            else:
                _write_folder(chosen, artifact, part)
        _tell(verbose, artifact.names, format, filepath)


def _tell(verbose, names, format, filepath):
    if verbose is not False:
        print(
            f"Exported {len(names)} classes as {format} to "
            f"'{os.fspath(filepath)}'."
        )


def _check_extendable(classifier, is_file, num_classes):
    if classifier.others is not None:
        raise ValueError(
            "A device extends a classifier of one output. Received: a model "
            f"with the outputs {list(classifier.others.layout.names)}. Leave "
            "`extendable` out, or adopt a model of the one output alone."
        )
    if is_file or num_classes is not None:
        raise ValueError(
            "What a device extends is a folder with all classes. Received: "
            f"num_classes={num_classes} or the name of a file. Pass the name "
            "of a new folder alone."
        )


def _format(name):
    if name not in FORMATS:
        raise ValueError(
            f"`format` must be one of {list(FORMATS)}. Received: "
            f"format={name!r}."
        )
    return FORMATS[name]


def _count(num_classes, known):
    if num_classes is None:
        return known
    count = whole("num_classes", num_classes, least=1)
    if count > known:
        raise ValueError(
            f"`num_classes` must be from 1 to {known}, the number of classes. "
            f"Received: num_classes={num_classes}."
        )
    return count


def _is_file(filepath, chosen):
    """Returns whether one file is to be written, and not a folder."""
    path = pathlib.Path(filepath)
    if path.suffix == chosen.suffix:
        return True
    if path.suffix in SUFFIXES:
        reason = chosen.alone or f"one file of it ends in `{chosen.suffix}`"
        raise ValueError(
            f"`filepath` does not fit the format '{chosen.name}': {reason}. "
            f"Received: filepath={os.fspath(filepath)!r}. Pass the name of a "
            "new folder."
        )
    if path.exists():
        raise FileExistsError(
            "A folder is never replaced, as that is not possible in one step. "
            f"Received: '{os.fspath(filepath)}', which exists. Choose a new "
            "name, such as the next version: `pets/2`."
        )
    return False


def _write_folder(chosen, artifact, folder):
    folder.mkdir()
    chosen.write(artifact, folder / chosen.filename)
    artifact.write(folder / chosen.notes, chosen.outputs(artifact))
    (folder / CARD).write_text(artifact.card, encoding="utf-8")
