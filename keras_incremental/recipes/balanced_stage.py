import dataclasses
from typing import Self

import numpy as np

from keras_incremental.memory import selection
from keras_incremental.utils.export import export
from keras_incremental.utils.types import Config

SCOPES = ("head", "all")


@export
@dataclasses.dataclass(frozen=True)
class BalancedStage:
    """Short training on class-balanced samples, at the end of a phase.

    Few exemplars of old classes beside many new samples let new classes win
    ties. As many of each, chosen by herding, put that right.

    Reference:
    - [Castro et al., 2018](https://arxiv.org/abs/1807.09536)

    Args:
        epochs: Int, 1 or more. Defaults to `20`.
        rate: Float above 0. The learning rate, as part of that of the
            phase. A larger one corrects more, and overfits more. Defaults
            to `0.1`.
        scope: `"head"` trains only the head, on features computed once;
            `"all"` trains what the phase trained. Defaults to `"head"`.
        distils: Bool. Whether the terms of the phase apply too; where they
            do, the new classes are distilled from the model as it was before
            this stage. It needs the scope `"all"`: the network as it was
            before reads other features. Defaults to `False`.
    """

    epochs: int = 20
    rate: float = 0.1
    scope: str = "head"
    distils: bool = False
    corrects_bias = True

    def __post_init__(self):
        if self.scope not in SCOPES:
            raise ValueError(
                f"`scope` of BalancedStage must be one of {list(SCOPES)}. "
                f"Received: scope={self.scope!r}."
            )
        if self.distils and self.scope != "all":
            raise ValueError(
                "`distils` of BalancedStage compares whole networks. Received: "
                f"distils=True, scope={self.scope!r}. Give it "
                '`scope="all"`.'
            )
        if self.epochs < 1 or not 0 < self.rate < float("inf"):
            raise ValueError(
                "`epochs` of BalancedStage must be 1 or more and `rate` above "
                f"0. Received: epochs={self.epochs}, rate={self.rate}."
            )

    def get_config(self) -> Config:
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)


def balanced_rows(
    features: np.ndarray, labels: np.ndarray, seed: int = 0
) -> np.ndarray:
    """Rows of as many samples of each class, the best by herding.

    Args:
        features: Array of shape `(num_samples, ...)`.
        labels: Ints of shape `(num_samples,)`.
        seed: Int. Defaults to `0`.

    Returns:
        Ints, the rows, class by class.
    """
    classes, counts = np.unique(labels, return_counts=True)
    count = counts.min()
    flat = features.reshape(len(features), -1)
    rows = []
    for label in classes:
        own = np.flatnonzero(labels == label)
        chosen = np.arange(len(own))
        if len(own) > count:
            chosen = selection.herding(flat[own], count, seed)
        rows.append(own[chosen])
    return np.concatenate(rows)
