from keras_incremental.optimizers.learning_rate_multiplier import (
    LearningRateMultiplier as LearningRateMultiplier,
)
from keras_incremental.optimizers.learning_rate_multiplier import (
    paths_of as paths_of,
)
