"""Means and standard deviations over the runs of each recipe."""

import dataclasses
import itertools

import numpy as np

from . import peers

FIGURES = (
    "average",
    "last",
    "forgetting",
    "task_aware",
    "seconds",
    "exemplar_megabytes",
    "peak_megabytes",
)


@dataclasses.dataclass(frozen=True)
class Figure:
    """A mean over runs, with the standard deviation between them.

    Attributes:
        mean: Float.
        deviation: Float, NaN of one run.
    """

    mean: float
    deviation: float = float("nan")

    @classmethod
    def of(cls, values):
        """The figure of one value for each run."""
        values = np.asarray(values, float)
        several = len(values) > 1
        return cls(
            float(values.mean()) if len(values) else float("nan"),
            float(values.std(ddof=1)) if several else float("nan"),
        )


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        name: String.
        runs: Int.
        figures: Dict from the names in `FIGURES`, those that were measured,
            and from `"to_replay"`, to `Figure`s.
        peer: Bool. Whether it is of another library.
    """

    name: str
    runs: int
    figures: dict
    peer: bool = False


def rows_of(found, baseline="er") -> list[Row]:
    """A row for each recipe, the best accuracy after the last phase first.

    Args:
        found: `Result`s, in the order of their recipes.
        baseline: Name of the recipe that `"to_replay"` is the difference to,
            run by run: of the same seed, so of the same order of classes.
    """
    groups = itertools.groupby(found, key=lambda result: result.recipe)
    groups = {name: list(group) for name, group in groups}
    replay = {result.seed: result.last for result in groups.get(baseline, ())}
    rows = [_row(name, group, replay) for name, group in groups.items()]
    return _sorted(rows)


def peer_rows(protocol) -> list[Row]:
    """Rows of the figures that other libraries reached.

    Args:
        protocol: Name of a protocol that they were run under.
    """
    replay = peers.replay_of(protocol)
    return _sorted([_peer_row(p, replay) for p in peers.PEERS[protocol]])


def _row(name, group, replay):
    figures = {
        figure: Figure.of([getattr(result, figure) for result in group])
        for figure in FIGURES
    }
    shared = [r.last - replay[r.seed] for r in group if r.seed in replay]
    return Row(name, len(group), figures | _to_replay(shared))


def _peer_row(peer, replay):
    figures = {
        "average": Figure(peer.average),
        "last": Figure.of(peer.last_by_order),
        "forgetting": Figure(peer.forgetting),
    }
    difference = _to_replay(peers.paired_difference(peer, replay))
    return Row(peer.name, len(peer.last_by_order), figures | difference, True)


def _to_replay(differences):
    return {"to_replay": Figure.of(differences)} if len(differences) else {}


def _sorted(rows):
    return sorted(rows, key=lambda row: -row.figures["last"].mean)
