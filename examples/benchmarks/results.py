"""The files that runs leave, one for each."""

import dataclasses
import functools
import json
import os
import pathlib

from keras_incremental.metrics import AccuracyMatrix

from .protocols import Protocol


@dataclasses.dataclass(frozen=True)
class Result:
    """A finished run, as its file says; accuracies in per cent.

    Attributes:
        values: Dict, as `run_one` returned it.
    """

    values: dict

    @property
    def recipe(self):
        """Name of the recipe."""
        return self.values["recipe"]

    @property
    def seed(self):
        """Int."""
        return self.values["seed"]

    @property
    def protocol(self):
        """`Protocol`."""
        return Protocol.from_dict(self.values["protocol"])

    @functools.cached_property
    def matrix(self):
        """`AccuracyMatrix`."""
        return AccuracyMatrix.from_dict(self.values["matrix"])

    @property
    def curve(self):
        """Accuracy over the samples of all classes so far, by phase."""
        phases = range(len(self.matrix))
        return [100 * self.matrix.accuracy(k, "sample") for k in phases]

    @property
    def average(self):
        """Average incremental accuracy, the first phase with it."""
        return 100 * self.matrix.average_incremental("sample")

    @property
    def last(self):
        """Accuracy over all classes after the last phase."""
        return 100 * self.matrix.accuracy(mean="sample")

    @property
    def forgetting(self):
        """What was lost since the best phase, mean over the groups."""
        return 100 * self.matrix.forgetting()

    @property
    def task_aware(self):
        """Accuracy after the last phase where the phase of a class is told."""
        return 100 * self.matrix.task_aware.accuracy(mean="sample")

    @property
    def seconds(self):
        """Of all phases, without the evaluation."""
        return sum(self.values["seconds"])

    @property
    def exemplar_megabytes(self):
        """What the exemplars take."""
        return self.values["exemplar_megabytes"]

    @property
    def peak_megabytes(self):
        """The most memory that the run took."""
        return self.values["peak_megabytes"]


def path_of(folder, recipe, seed) -> pathlib.Path:
    """Where the result of a run lies."""
    return pathlib.Path(folder) / f"{recipe}-seed{seed}.json"


def write(folder, values):
    """Writes the result of a run; the file is there wholly or not at all."""
    path = path_of(folder, values["recipe"], values["seed"])
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    text = json.dumps(values, indent=1, ensure_ascii=False)
    unfinished.write_text(text + "\n", encoding="utf-8")
    os.replace(unfinished, path)


def read(folder) -> list[Result]:
    """Results of all finished runs in a folder, by recipe and seed.

    Raises:
        ValueError: if the runs are not of one protocol.
    """
    paths = pathlib.Path(folder).glob("*-seed*.json")
    found = [Result(json.loads(path.read_text("utf-8"))) for path in paths]
    for result in found[1:]:
        check_protocol(folder, [result], found[0].protocol)
    return sorted(found, key=lambda result: (result.recipe, result.seed))


def check_protocol(folder, found, protocol):
    """Raises unless results are of a protocol, whatever their seeds."""
    own = _comparable(protocol)
    for result in found:
        other = _comparable(result.protocol)
        if other == own:
            continue
        names = [f.name for f in dataclasses.fields(own)]
        differ = [n for n in names if getattr(own, n) != getattr(other, n)]
        raise ValueError(
            f"{folder} has runs of another protocol: {differ} differ. Give "
            "each protocol a folder of its own."
        )


def _comparable(protocol):
    """A protocol without what does not change the result of a run."""
    return dataclasses.replace(protocol, seeds=(), data_dir=None)
