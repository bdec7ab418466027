"""Problem types: how labels, loss, predictions and scores work."""

import dataclasses
from typing import Any

from keras_incremental.problems.codecs import Codec
from keras_incremental.problems.codecs import IndexCodec
from keras_incremental.problems.codecs import MapCodec
from keras_incremental.problems.codecs import MultiHotCodec
from keras_incremental.problems.codecs import TokenCodec
from keras_incremental.problems.decoders import Decoder
from keras_incremental.problems.decoders import MapDecoder
from keras_incremental.problems.decoders import SigmoidDecoder
from keras_incremental.problems.decoders import SoftmaxDecoder
from keras_incremental.problems.decoders import TokenDecoder
from keras_incremental.problems.multi_label_objectives import (
    MultiLabelObjective,
)
from keras_incremental.problems.objectives import Objective
from keras_incremental.problems.objectives import SegmentationObjective
from keras_incremental.problems.objectives import SingleLabelObjective
from keras_incremental.problems.scorers import LabelScorer
from keras_incremental.problems.scorers import PixelScorer
from keras_incremental.problems.scorers import SampleScorer
from keras_incremental.problems.scorers import Scorer
from keras_incremental.problems.scorers import TokenScorer


@dataclasses.dataclass(frozen=True)
class Problem:
    """A problem type: how labels, loss, predictions and scores work.

    It has four parts. A new problem type replaces the parts in which it
    differs from an existing one, and is made known by `register_problem`.
    Those of the package are `SINGLE_LABEL`, `MULTI_LABEL`, `SEGMENTATION` and
    `TOKENS`.

    Args:
        name: String. Its name in files and in reports.
        codec: `Codec`. Encodes labels.
        objective: `Objective`. Makes the loss of a phase.
        decoder: `Decoder`. Makes predictions from logits.
        scorer: `Scorer`. Counts predictions for reports.

    Example:

    >>> import dataclasses
    >>> from keras_incremental import problems
    >>> class TopScorer(problems.SampleScorer):
    ...     metric = "recall"
    >>> single = problems.SINGLE_LABEL
    >>> dataclasses.replace(single, name="top", scorer=TopScorer()).name
    'top'
    """

    name: str
    codec: Codec
    objective: Objective
    decoder: Decoder
    scorer: Scorer


SINGLE_LABEL = Problem(
    "single_label",
    IndexCodec(),
    SingleLabelObjective(),
    SoftmaxDecoder(),
    SampleScorer(),
)
SEGMENTATION = Problem(
    "segmentation",
    MapCodec(),
    SegmentationObjective(),
    MapDecoder(),
    PixelScorer(),
)
TOKENS = Problem(
    "tokens",
    TokenCodec(),
    SegmentationObjective(),
    TokenDecoder(),
    TokenScorer(),
)
MULTI_LABEL = Problem(
    "multi_label",
    MultiHotCodec(),
    MultiLabelObjective(),
    SigmoidDecoder(),
    LabelScorer(),
)

BUILT_IN = (SINGLE_LABEL, SEGMENTATION, TOKENS, MULTI_LABEL)
# By the axes of features.
_OF_AXES = {2: SINGLE_LABEL, 3: TOKENS, 4: SEGMENTATION}
_REGISTERED = {problem.name: problem for problem in BUILT_IN}


def register_problem(problem: Problem) -> Problem:
    """Makes a problem type known by its name, for files and reports.

    Call it where the problem type is defined, so that it is known before a
    classifier is loaded. A later one of the same name takes its place.

    Args:
        problem: `Problem`.

    Returns:
        The problem type.

    Raises:
        ValueError: if one of this package has its name.
    """
    if problem.name in [built_in.name for built_in in BUILT_IN]:
        raise ValueError(
            "A problem type of this package has that name. Received: "
            f"name={problem.name!r}. Choose another name."
        )
    _REGISTERED[problem.name] = problem
    return problem


def get_problem(name: str) -> Problem:
    """Returns the problem type of a name.

    Args:
        name: String.

    Raises:
        ValueError: if there is none.
    """
    if name not in _REGISTERED:
        raise ValueError(
            f"There is no problem type of that name. Received: name={name!r}. "
            f"Known names: {sorted(_REGISTERED)}. Import the module that "
            "calls `register_problem` first."
        )
    return _REGISTERED[name]


def problem_of(split: Any, problem: Any = None) -> Problem:
    """Returns the problem type of a model.

    Args:
        split: `HeadSplit`, that `convert` returned.
        problem: `Problem` or name of one that the user has chosen. Defaults
            to `None`: by the last layers of the model.

    Raises:
        ValueError: if it is not registered, or does not fit the head.
    """
    exclusive = getattr(split.head, "exclusive", True)
    if problem is None:
        single = _OF_AXES[len(split.features.output_shape)]
        return single if exclusive else MULTI_LABEL
    chosen = get_problem(getattr(problem, "name", problem))
    if chosen != problem and chosen.name != problem:
        raise ValueError(
            "Another problem type of that name was registered since. "
            f"Received: name={chosen.name!r}. Pass what `register_problem` "
            "returned last."
        )
    if chosen.codec.exclusive != exclusive:
        raise ValueError(
            f"The problem type '{chosen.name}' is for classes that "
            f"{'exclude' if chosen.codec.exclusive else 'do not exclude'} "
            f"each other. Received: multi_label={not exclusive}. Pass "
            f"multi_label={not chosen.codec.exclusive}."
        )
    return chosen
