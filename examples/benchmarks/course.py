"""In which order the classes of a run arrive, and with which samples."""

import dataclasses

import numpy as np

from . import datasets
from .protocols import order_seed


@dataclasses.dataclass(frozen=True)
class Course:
    """Samples whose labels count the classes as they arrive.

    Attributes:
        data: `datasets.Data`, labels and names in the order of arrival.
        phases: List of the names of each phase.
    """

    data: datasets.Data
    phases: list

    @property
    def group_sizes(self):
        """How many classes arrive in each phase."""
        return [len(names) for names in self.phases]

    def arriving(self, phase):
        """Training samples, and the names of their classes."""
        end = sum(self.group_sizes[: phase + 1])
        start = end - self.group_sizes[phase]
        labels = self.data.y_train
        chosen = (start <= labels) & (labels < end)
        names = np.array(self.data.class_names)
        return self.data.x_train[chosen], names[labels[chosen]]

    def seen(self, phase):
        """Test samples of all classes so far, and labels as ints."""
        end = sum(self.group_sizes[: phase + 1])
        chosen = self.data.y_test < end
        return self.data.x_test[chosen], self.data.y_test[chosen]


def course_of(data, protocol, seed) -> Course:
    """The course of a run.

    Args:
        data: `datasets.Data`.
        protocol: `Protocol`.
        seed: Int, that of the run.

    Raises:
        ValueError: if there are too few classes for two phases.
    """
    phases = datasets.phases(
        data.class_names,
        protocol.initial,
        protocol.increment,
        order_seed(protocol.order, seed),
    )
    if len(phases) < 2:
        raise ValueError(
            f"The {len(data.class_names)} classes of the data are too few for "
            f"a second phase. Received: initial={protocol.initial}."
        )
    names = tuple(name for phase in phases for name in phase)
    place = np.array([names.index(name) for name in data.class_names])
    ordered = dataclasses.replace(
        data,
        y_train=place[data.y_train],
        y_test=place[data.y_test],
        class_names=names,
    )
    return Course(ordered, phases)
