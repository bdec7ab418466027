"""Importance of weights, and penalties for changing them."""

from keras_incremental.regularizers.consolidation import (
    consolidate as consolidate,
)
from keras_incremental.regularizers.consolidation import (
    remove_penalties as remove_penalties,
)
from keras_incremental.regularizers.consolidation import (
    scale_importance as scale_importance,
)
from keras_incremental.regularizers.fisher import (
    fisher_importance as fisher_importance,
)
from keras_incremental.regularizers.output_sensitivity import (
    output_sensitivity as output_sensitivity,
)
from keras_incremental.regularizers.quadratic_penalty import (
    QuadraticPenalty as QuadraticPenalty,
)
