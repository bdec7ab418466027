"""Heads that grow by groups of classes, trained or solved."""

from keras_incremental.layers.analytic_dense import (
    AnalyticDense as AnalyticDense,
)
from keras_incremental.layers.closed_form_head import (
    ClosedFormHead as ClosedFormHead,
)
from keras_incremental.layers.column_initializers import (
    ColumnInitializer as ColumnInitializer,
)
from keras_incremental.layers.column_initializers import CopyOf as CopyOf
from keras_incremental.layers.column_initializers import (
    Imprinting as Imprinting,
)
from keras_incremental.layers.column_initializers import (
    MatchOldScale as MatchOldScale,
)
from keras_incremental.layers.column_initializers import MeanOfOld as MeanOfOld
from keras_incremental.layers.column_initializers import Zeros as Zeros
from keras_incremental.layers.expandable_cosine import (
    ExpandableCosine as ExpandableCosine,
)
from keras_incremental.layers.expandable_dense import (
    ExpandableDense as ExpandableDense,
)
from keras_incremental.layers.expandable_head import (
    ExpandableHead as ExpandableHead,
)
from keras_incremental.layers.fecam import FeCAM as FeCAM
from keras_incremental.layers.growth import expand as expand
from keras_incremental.layers.growth import find_head as find_head
from keras_incremental.layers.hierarchical import (
    hierarchical_argmax as hierarchical_argmax,
)
from keras_incremental.layers.low_rank import enable_lora as enable_lora
from keras_incremental.layers.nearest_class_mean import (
    NearestClassMean as NearestClassMean,
)
from keras_incremental.layers.proxy_imprinting import (
    ProxyImprinting as ProxyImprinting,
)
from keras_incremental.layers.split_share import SplitShare as SplitShare
from keras_incremental.layers.streaming_lda import StreamingLDA as StreamingLDA
