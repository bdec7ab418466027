"""Terms that keep the outputs of a teacher for old classes."""

from keras_incremental.distillation.dark_replay import DarkReplay as DarkReplay
from keras_incremental.distillation.feature_matching import (
    FeatureMatching as FeatureMatching,
)
from keras_incremental.distillation.less_forget import LessForget as LessForget
from keras_incremental.distillation.margin_ranking import (
    MarginRanking as MarginRanking,
)
from keras_incremental.distillation.pooled_outputs import (
    PooledOutputs as PooledOutputs,
)
from keras_incremental.distillation.sigmoid_distillation import (
    SigmoidDistillation as SigmoidDistillation,
)
from keras_incremental.distillation.softmax_distillation import (
    GroupDistillation as GroupDistillation,
)
from keras_incremental.distillation.softmax_distillation import (
    MergedDistillation as MergedDistillation,
)
from keras_incremental.distillation.softmax_distillation import (
    SoftmaxDistillation as SoftmaxDistillation,
)
from keras_incremental.distillation.split_risk import SplitRisk as SplitRisk
from keras_incremental.distillation.term import Term as Term
