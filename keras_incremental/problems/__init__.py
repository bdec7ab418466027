"""Problem types: single-label, multi-label, segmentation, and tokens.

A `Problem` is made of a codec (labels in), an objective (the loss of a
phase), a decoder (logits out) and a scorer (counts of a report).
"""

from keras_incremental.problems.candidate_sets import (
    PartialLabelWarning as PartialLabelWarning,
)
from keras_incremental.problems.codecs import Codec as Codec
from keras_incremental.problems.codecs import IndexCodec as IndexCodec
from keras_incremental.problems.codecs import MapCodec as MapCodec
from keras_incremental.problems.codecs import MultiHotCodec as MultiHotCodec
from keras_incremental.problems.codecs import TokenCodec as TokenCodec
from keras_incremental.problems.decoders import Decoder as Decoder
from keras_incremental.problems.decoders import MapDecoder as MapDecoder
from keras_incremental.problems.decoders import SigmoidDecoder as SigmoidDecoder
from keras_incremental.problems.decoders import SoftmaxDecoder as SoftmaxDecoder
from keras_incremental.problems.decoders import TokenDecoder as TokenDecoder
from keras_incremental.problems.multi_label_objectives import (
    MultiLabelObjective as MultiLabelObjective,
)
from keras_incremental.problems.objectives import Objective as Objective
from keras_incremental.problems.objectives import (
    SegmentationObjective as SegmentationObjective,
)
from keras_incremental.problems.objectives import (
    SingleLabelObjective as SingleLabelObjective,
)
from keras_incremental.problems.partial_labels import (
    PartialLabels as PartialLabels,
)
from keras_incremental.problems.problem import MULTI_LABEL as MULTI_LABEL
from keras_incremental.problems.problem import SEGMENTATION as SEGMENTATION
from keras_incremental.problems.problem import SINGLE_LABEL as SINGLE_LABEL
from keras_incremental.problems.problem import TOKENS as TOKENS
from keras_incremental.problems.problem import Problem as Problem
from keras_incremental.problems.problem import (
    register_problem as register_problem,
)
from keras_incremental.problems.review_formats import (
    ReviewFormat as ReviewFormat,
)
from keras_incremental.problems.scorers import LabelScorer as LabelScorer
from keras_incremental.problems.scorers import PixelScorer as PixelScorer
from keras_incremental.problems.scorers import SampleScorer as SampleScorer
from keras_incremental.problems.scorers import Scorer as Scorer
from keras_incremental.problems.scorers import TokenScorer as TokenScorer
