from keras_incremental.losses.candidate_set_crossentropy import (
    CandidateSetCrossentropy as CandidateSetCrossentropy,
)
from keras_incremental.losses.candidate_set_crossentropy import (
    candidate_set_crossentropy as candidate_set_crossentropy,
)
from keras_incremental.losses.distillation_loss import (
    DistillationLoss as DistillationLoss,
)
from keras_incremental.losses.ewc_loss import EWCLoss as EWCLoss
from keras_incremental.losses.merged_distillation import (
    MergedDistillation as MergedDistillation,
)
