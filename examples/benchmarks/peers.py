"""Figures of other libraries under the protocols `s1`, `s2` and `s3`.

Measured in November 2026 on Fashion-MNIST with Avalanche 0.6.0, PyCIL f3509b8
and FACIL e09d2c8. One run for each order of the classes, with few epochs: bars
for the same budget, not a ranking of the methods. Differences of less than
about 2 points are not resolved.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Peer:
    """A row of the peers' tables; accuracies in per cent, NaN if not measured.

    Attributes:
        library: String.
        strategy: String, what the library calls the method.
        learning_rate: Float.
        epochs: Int, of each phase.
        head: `"inc"`: growing; `"fix"`: of all classes from the start;
            `"multi"`: a head for each phase.
        options: String.
        average: Float, the average incremental accuracy.
        last: Float, the accuracy after the last phase.
        last_by_order: Tuple of floats, of the orders 0, 1, 2, or of 0 alone.
        forgetting: Float.
    """

    library: str
    strategy: str
    learning_rate: float
    epochs: int
    head: str
    options: str
    average: float
    last: float
    last_by_order: tuple
    forgetting: float

    @property
    def name(self):
        """Library, strategy and options."""
        options = "" if self.options == "-" else f", {self.options}"
        return f"{self.library} {self.strategy}{options}"


def paired_difference(peer: Peer, other: Peer) -> np.ndarray:
    """Accuracy after the last phase less that of another, by order.

    Only of the orders that both were run in.
    """
    pairs = zip(peer.last_by_order, other.last_by_order, strict=False)
    return np.array([a - b for a, b in pairs])


def _parse(text):
    return tuple(_peer(line) for line in text.strip().splitlines())


def _peer(line):
    library, strategy, rate, epochs, head, options, *figures = line.split("|")
    average, last, by_order, forgetting = figures
    return Peer(
        library,
        strategy,
        float(rate),
        int(epochs),
        head,
        options,
        _number(average),
        _number(last),
        tuple(float(value) for value in by_order.split()),
        _number(forgetting),
    )


def _number(text):
    return float("nan") if text == "-" else float(text)


# Library, strategy, rate, epochs, head, options, average, last, last by order,
# forgetting.
PEERS = {
    "s1": _parse("""
avalanche|Joint (ep5)|0.01|5|fix|-|-|86.2|86.0 85.9 86.7|-
avalanche|Cumulative|0.03|1|inc|-|88.5|83.6|85.5 85.2 80.1|9.6
avalanche|Joint|0.03|1|fix|-|-|82.9|84.0 80.1 84.7|-
avalanche|Replay|0.03|1|inc|mem 500|86.0|79.1|78.1 80.7 78.5|15.4
avalanche|BiC|0.03|1|inc|-|85.4|78.4|77.8 79.3 78.0|11.7
avalanche|ER_ACE|0.03|1|inc|-|84.7|77.9|77.5 79.1 77.2|11.6
avalanche|DERpp (lr01)|0.01|1|fix|mem 500|85.1|77.3|76.3 77.8 77.9|16.1
avalanche|GDumb|0.03|30|fix|-|83.5|74.7|73.6 74.6 76.0|14.2
avalanche|Replay|0.03|1|inc|mem 200|83.6|74.2|72.9 74.9 74.9|24.8
avalanche|ICaRL|0.3|1|fix|mem 500|77.0|63.8|62.0 69.0 60.5|20.8
avalanche|DERpp|0.03|1|fix|alpha 0.5|55.7|33.0|78.9 10.0 10.0|21.3
avalanche|Naive|0.03|1|inc|-|44.5|19.9|19.9 19.9 19.9|96.8
avalanche|MAS|0.03|1|inc|lam 0.01|44.8|19.9|20.0 19.9 19.9|95.7
avalanche|SI|0.03|1|fix|lam 1000.0|44.7|19.9|20.0 19.9 19.9|97.0
avalanche|EWC|0.03|1|inc|lam 100.0|44.2|19.9|19.9 19.9 19.9|96.0
avalanche|LwF|0.03|1|inc|lam 1.0|44.5|19.8|19.9 19.7 19.9|96.9
"""),
    "s2": _parse("""
avalanche|Joint (ep9)|0.01|9|fix|-|-|84.9|83.1 86.5 85.0|-
avalanche|Joint|0.05|3|fix|-|-|82.4|86.6 74.2 86.3|-
avalanche|BiC|0.05|3|inc|mem 500|87.5|82.3|81.1 84.3 81.7|11.4
avalanche|Replay|0.05|3|inc|mem 2000|86.8|82.2|79.8 84.7 82.0|14.0
avalanche|Replay|0.05|3|inc|mem 500|85.0|80.4|79.3 81.5 80.2|13.2
avalanche|ER_ACE|0.05|3|inc|mem 500|84.3|79.9|79.4 79.5 80.7|11.2
avalanche|GDumb|0.05|20|fix|mem 500|85.4|79.8|79.8|7.4
pycil|icarl:nme|0.05|3|inc|mem 500|86.3|79.4|77.7 81.5 79.0|10.6
avalanche|DERpp|0.05|3|fix|mem 500, alpha 0.5|84.8|79.3|80.0 81.4 76.4|8.5
avalanche|DERpp a01|0.05|3|fix|alpha 0.1, mem 500|84.2|78.5|79.5 77.3 78.8|17.9
pycil|wa:nme|0.05|3|inc|mem 500|85.9|78.2|77.3 80.2 77.2|10.6
facil|eeil|0.05|3|multi|mem 500, finetuning 3|84.3|77.2|74.1 81.1 76.4|22.4
pycil|icarl:cnn|0.05|3|inc|mem 500|83.5|77.0|76.7 77.2 77.2|23.3
pycil|bic:cnn|0.05|3|inc|mem 500|82.0|74.0|73.7 75.9 72.5|27.1
avalanche|ICaRL|0.3|3|fix|mem 500|80.1|69.9|68.5 70.7 70.4|15.0
pycil|wa:cnn|0.05|3|inc|mem 500|78.1|68.2|70.5 68.9 65.1|35.9
facil|lucir|0.05|3|multi|mem 500|77.4|66.2|73.0 54.4 71.1|36.3
avalanche|LwF|0.05|3|inc|lam 1.0|45.1|19.9|19.9|98.9
avalanche|Naive|0.05|3|inc|-|43.7|16.5|19.7 10.0 19.8|96.5
"""),
    "s3": _parse("""
torch|joint-linear-SGD|0.001|20|fix|-|-|85.1|85.0 85.0 85.3|-
closed|ridge|0|0|-|lam 1.0|89.4|84.8|84.8 84.8 84.8|8.0
closed|LDA|0|0|-|shrink 0.0001|89.2|84.3|84.3 84.3 84.3|8.8
avalanche|SLDA|0.01|1|inc|-|89.7|84.2|84.2|9.0
closed|ridge|0|0|-|lam 100.0|87.6|82.4|82.4 82.4 82.4|9.0
closed|LDA|0|0|-|shrink 0.01|86.9|80.8|80.8 80.8 80.8|10.5
sklearn|joint-logreg|0|60|-|-|-|79.0|79.0|-
avalanche|Replay|0.01|2|inc|mem 500|80.6|73.2|76.3 69.0 74.5|16.6
closed|NCM-cos|0|0|-|-|73.4|62.8|62.8 62.8 62.8|13.0
closed|NCM|0|0|-|-|66.4|54.7|54.7 54.7 54.7|17.8
avalanche|EWC|0.01|2|inc|lam 100.0|44.2|19.9|19.7 20.4 19.7|94.4
avalanche|LwF|0.01|2|inc|lam 1.0|43.7|19.6|19.8 19.3 19.7|94.1
avalanche|Naive|0.01|2|inc|-|44.1|19.6|19.8 19.3 19.7|94.2
"""),
}

REPLAY = ("avalanche", "Replay", "mem 500")

# Standard deviation of `last` between seeds, in order 0.
SEED_NOISE = {
    "s1": "0.8 (Replay, 4 seeds)",
    "s2": "1.1 (Replay, 4 seeds)",
}


def replay_of(protocol: str) -> Peer:
    """The peers' replay with 500 exemplars under a protocol."""
    return next(
        peer
        for peer in PEERS[protocol]
        if (peer.library, peer.strategy, peer.options) == REPLAY
    )
