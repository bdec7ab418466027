"""Learning rates by layer, and path integrals of weights."""

from keras_incremental.optimizers.learning_rate_multiplier import (
    LearningRateMultiplier as LearningRateMultiplier,
)
from keras_incremental.optimizers.learning_rate_multiplier import (
    paths_of as paths_of,
)
from keras_incremental.optimizers.path_integral import (
    PathIntegral as PathIntegral,
)
from keras_incremental.optimizers.path_integral import (
    path_integrals as path_integrals,
)
from keras_incremental.optimizers.riemannian_path_integral import (
    RiemannianPathIntegral as RiemannianPathIntegral,
)
