"""What an exported file says of its classes, beside the graph."""

import dataclasses
import json
import pathlib
import typing

import keras

from keras_incremental.models.exporting.served import NAMES
from keras_incremental.models.exporting.served import SCORES
from keras_incremental.models.exporting.served import UNKNOWN
from keras_incremental.models.exporting.served import UNKNOWN_SCORE
from keras_incremental.models.exporting.served import ServedModel
from keras_incremental.reporting.card import model_card
from keras_incremental.reporting.report import versions

LABELS, CLASSES, CARD = "labels.txt", "classes.json", "README.md"
MEANINGS = {
    NAMES: "names of the classes, strings",
    "indices": "index of the most probable class",
    "applies": "for each class whether it applies",
    UNKNOWN: "whether it is of no known class",
    UNKNOWN_SCORE: "compared with the threshold of `unknown`",
}
OTHER = "an output of the model that gives no class scores"


@dataclasses.dataclass(frozen=True)
class Artifact:
    """A graph to write, with what else goes into its file.

    Attributes:
        served: `ServedModel`.
        signature: List of one structure of `keras.InputSpec`s.
        options: Dict of arguments for the conversion.
    """

    served: ServedModel
    signature: list
    options: dict[str, typing.Any]

    @property
    def classifier(self):
        """The `IncrementalClassifier`."""
        return self.served.classifier

    @property
    def names(self) -> list[str]:
        """Names of the classes, in the order of the scores."""
        return list(self.classifier.classes[: self.served.num_classes])

    @property
    def labels(self) -> str:
        """The text of `labels.txt`, a line for each class."""
        return "".join(" ".join(n.splitlines()) + "\n" for n in self.names)

    def description(self, outputs) -> str:
        """Returns the text of `classes.json`.

        Args:
            outputs: Names of the outputs that the graph has.
        """
        logits = self.classifier.gives_logits
        meanings = {
            **MEANINGS,
            SCORES: "logits of all classes" if logits else "probabilities",
        }
        space = self.classifier.label_space
        content = {
            "name": self.classifier.name,
            "problem": self.classifier.problem.name,
            "classes": self.names,
            "removed": [space.classes[k] for k in space.removed],
            "merged": {
                space.classes[k]: space.classes[into]
                for k, into in space.merged
            },
            "inputs": keras.tree.map_structure(_spec, self.signature[0]),
            "outputs": {name: meanings.get(name, OTHER) for name in outputs},
            "unknown": self._unknown(outputs),
            "versions": versions(),
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    @property
    def card(self) -> str:
        """The text of `README.md`, see `reporting.model_card`."""
        text, count = model_card(self.classifier), len(self.names)
        if count < len(self.classifier.classes):
            text += f"\nThis export answers with the first {count} classes.\n"
        return text

    def write(self, folder: pathlib.Path, outputs) -> None:
        """Writes `labels.txt` and `classes.json` into a folder."""
        folder.mkdir(exist_ok=True)
        (folder / LABELS).write_text(self.labels, encoding="utf-8")
        (folder / CLASSES).write_text(
            self.description(outputs), encoding="utf-8"
        )

    def _unknown(self, outputs):
        calibration = self.classifier.held_calibration
        if calibration is None:
            reason = "not calibrated since the weights changed last"
            return {"output": None, "reason": reason}
        found = {
            key: value
            for key, value in calibration.rejector.get_config().items()
            if key in ("score", "threshold", "false_alarm", "energy_weight")
        }
        if UNKNOWN in outputs:
            return {"output": UNKNOWN, **found}
        reason = "a plain Keras model has no such output"
        return {"output": None, "reason": reason, **found}


def _spec(spec):
    return {"shape": list(spec.shape), "dtype": str(spec.dtype)}
