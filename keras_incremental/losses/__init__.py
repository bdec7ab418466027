"""Losses for new, missing, rare and inexact labels."""

from keras_incremental.losses.asymmetric_crossentropy import (
    AsymmetricCrossentropy as AsymmetricCrossentropy,
)
from keras_incremental.losses.candidate_set_crossentropy import (
    CandidateSetCrossentropy as CandidateSetCrossentropy,
)
from keras_incremental.losses.candidate_set_crossentropy import (
    candidate_set_crossentropy as candidate_set_crossentropy,
)
from keras_incremental.losses.distillation_crossentropy import (
    DistillationCrossentropy as DistillationCrossentropy,
)
from keras_incremental.losses.distillation_crossentropy import (
    distillation_crossentropy as distillation_crossentropy,
)
from keras_incremental.losses.distillation_crossentropy import (
    merge_logits as merge_logits,
)
from keras_incremental.losses.emphasis import (
    effective_number_weights as effective_number_weights,
)
from keras_incremental.losses.ewc_loss import EWCLoss as EWCLoss
from keras_incremental.losses.incremental_sigmoid_crossentropy import (
    IncrementalSigmoidCrossentropy as IncrementalSigmoidCrossentropy,
)
from keras_incremental.losses.logit_adjusted_crossentropy import (
    LogitAdjustedCrossentropy as LogitAdjustedCrossentropy,
)
from keras_incremental.losses.loss_with_teacher import (
    LossWithTeacher as LossWithTeacher,
)
from keras_incremental.losses.nca_loss import NCALoss as NCALoss
from keras_incremental.losses.partial_binary_crossentropy import (
    PartialBinaryCrossentropy as PartialBinaryCrossentropy,
)
from keras_incremental.losses.positive_unlabeled import (
    PositiveUnlabeledLoss as PositiveUnlabeledLoss,
)
from keras_incremental.losses.separated_softmax import (
    SeparatedSoftmax as SeparatedSoftmax,
)
from keras_incremental.losses.shapes import logits_at as logits_at
