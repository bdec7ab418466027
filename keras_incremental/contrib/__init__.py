"""Obsolete methods, for comparison, and their parts.

Names here are tested like all others, but may change or go in any release:
what the rest of the package promises does not hold for them. The methods are
`gd`, `dmc`, `lwm`, `il2m` and `gdumb`; `contrib.names()` lists them, and
`contrib.get("gdumb", budget=500)` returns a `Recipe`.
"""

from keras_incremental.contrib.attention_distillation import (
    AttentionDistillation as AttentionDistillation,
)
from keras_incremental.contrib.catalog import get as get
from keras_incremental.contrib.catalog import names as names
from keras_incremental.contrib.chosen_samples import (
    TrainOnAuxiliary as TrainOnAuxiliary,
)
from keras_incremental.contrib.chosen_samples import (
    TrainOnExemplars as TrainOnExemplars,
)
from keras_incremental.contrib.confidence_loss import (
    ConfidenceLoss as ConfidenceLoss,
)
from keras_incremental.contrib.double_distillation import (
    DoubleDistillation as DoubleDistillation,
)
from keras_incremental.contrib.dual_memory_rectification import (
    DualMemoryRectification as DualMemoryRectification,
)
from keras_incremental.contrib.expert_teacher import (
    ExpertTeacher as ExpertTeacher,
)
from keras_incremental.contrib.global_distillation import (
    GlobalDistillation as GlobalDistillation,
)
from keras_incremental.contrib.obsolete import dmc as dmc
from keras_incremental.contrib.obsolete import gd as gd
from keras_incremental.contrib.obsolete import gdumb as gdumb
from keras_incremental.contrib.obsolete import il2m as il2m
from keras_incremental.contrib.obsolete import lwm as lwm
