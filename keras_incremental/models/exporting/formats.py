"""Formats of exported classifiers, and what each of them needs."""

import abc
import contextlib
import importlib.util
import pathlib
import re
import warnings
from collections.abc import Iterator

import keras

from keras_incremental.models.exporting.artifact import Artifact
from keras_incremental.utils import state


class Format(abc.ABC):
    """Base class of formats.

    Attributes:
        name: String, the `format` of `export`.
        filename: String, the file in a folder; empty where it is the folder.
        suffix: String, of a single file that has the names inside, or `None`
            where one file cannot have all.
        alone: String, the reason why.
        packages: Dict of backends that can write it, and the packages that
            each needs.
        reason: String, why no other backend can.
        since: String, the first version of Keras that writes it.
        notes: String, the folder of `labels.txt` within the folder.
    """

    name = ""
    filename = ""
    suffix: str | None = None
    alone = ""
    packages: dict[str, tuple[str, ...]] = {}
    reason = ""
    since = ""
    notes = ""

    @abc.abstractmethod
    def write(self, artifact: Artifact, path: pathlib.Path) -> None:
        """Writes the file."""

    @abc.abstractmethod
    def outputs(self, artifact: Artifact) -> list[str]:
        """Returns the names of the outputs of the graph."""

    def check(self) -> None:
        """Raises unless this backend can write it and all is installed.

        Raises:
            ValueError: if the backend or Keras cannot.
            ImportError: if a package is missing.
        """
        backend = keras.config.backend()
        if backend not in self.packages:
            raise ValueError(
                f'`format="{self.name}"` cannot be written with the backend '
                f"'{backend}': {self.reason}. Received: "
                f"KERAS_BACKEND={backend}. Load the classifier with "
                f"{' or '.join(self.packages)}."
            )
        self._check_version()
        missing = [
            package
            for package in self.packages[backend]
            if importlib.util.find_spec(package) is None
        ]
        if missing:
            raise ImportError(
                f'`format="{self.name}"` needs packages that are not '
                f"installed. Received: {missing}. Run `pip install "
                f"{' '.join(missing).replace('_', '-')}`."
            )

    def _check_version(self):
        if _numbers(keras.version()) < _numbers(self.since):
            raise ValueError(
                f'`format="{self.name}"` is written by Keras {self.since} or '
                f"later. Received: Keras {keras.version()}. Run `pip install "
                f"--upgrade keras`, or export by "
                '`format="tf_saved_model"`.'
            )

    def convert(self, artifact: Artifact, path: pathlib.Path) -> None:
        """Writes the graph alone, as Keras does."""
        with unwarned():
            artifact.served.export(
                str(path),
                format=self.name,
                verbose=False,
                input_signature=artifact.signature,
                **artifact.options,
            )


def _numbers(version):
    return [int(number) for number in re.findall(r"\d+", version)]


def check_names(model: keras.Model) -> None:
    """Raises if TensorFlow could not save the variables of a model.

    Raises:
        ValueError: if the name of a layer does not begin as it asks for.
    """
    odd = [
        layer.name
        for layer in state.flatten_layers(model)
        if layer.weights and not re.match("[A-Za-z0-9.]", layer.name)
    ]
    if odd and keras.config.backend() == "tensorflow":
        raise ValueError(
            "TensorFlow saves no layer whose name begins with something else "
            f"than a letter or a digit. Received: layers {odd[:3]}. Rename "
            "them before you train, or export to ONNX."
        )


@contextlib.contextmanager
def unwarned() -> Iterator[None]:
    """Keeps what converters say of their own code from the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
