"""Problem types: what a label is, and all that follows from it."""

import dataclasses

from keras_incremental.models.problems.codecs import Codec
from keras_incremental.models.problems.codecs import IndexCodec
from keras_incremental.models.problems.codecs import MapCodec
from keras_incremental.models.problems.decoders import Decoder
from keras_incremental.models.problems.decoders import MapDecoder
from keras_incremental.models.problems.decoders import SigmoidDecoder
from keras_incremental.models.problems.decoders import SoftmaxDecoder
from keras_incremental.models.problems.multi_label_codec import MultiHotCodec
from keras_incremental.models.problems.multi_label_objectives import (
    MultiLabelObjective,
)
from keras_incremental.models.problems.objectives import Objective
from keras_incremental.models.problems.objectives import SegmentationObjective
from keras_incremental.models.problems.objectives import SingleLabelObjective
from keras_incremental.models.problems.scorers import LabelScorer
from keras_incremental.models.problems.scorers import PixelScorer
from keras_incremental.models.problems.scorers import SampleScorer
from keras_incremental.models.problems.scorers import Scorer


@dataclasses.dataclass(frozen=True)
class Problem:
    """A problem type, of four parts.

    Args:
        name: String.
        codec: `Codec`. Encodes labels.
        objective: `Objective`. Makes the loss of a phase.
        decoder: `Decoder`. Makes predictions from logits.
        scorer: `Scorer`. Counts predictions for reports.
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
MULTI_LABEL = Problem(
    "multi_label",
    MultiHotCodec(),
    MultiLabelObjective(),
    SigmoidDecoder(),
    LabelScorer(),
)


def problem_of(split) -> Problem:
    """Returns the problem type of a model, by its last layers.

    Args:
        split: `HeadSplit`, that `convert` returned.
    """
    if not getattr(split.head, "exclusive", True):
        return MULTI_LABEL
    is_map = len(split.features.output_shape) == 4
    return SEGMENTATION if is_map else SINGLE_LABEL
