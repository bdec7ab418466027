"""Recipes for methods of the literature.

`recipes.bic(budget=2000)` returns a `Recipe` for `IncrementalClassifier`;
`recipes.names()` lists all methods, and `recipes.get("bic", budget=2000)`
returns one by its name. `recipes.bare` is the start for a method of your own.
Obsolete methods are in `keras_incremental.contrib`.
"""

from keras_incremental.recipes.balanced_stage import (
    BalancedStage as BalancedStage,
)
from keras_incremental.recipes.catalog import get as get
from keras_incremental.recipes.catalog import names as names
from keras_incremental.recipes.closed_form import fecam as fecam
from keras_incremental.recipes.closed_form import ncm as ncm
from keras_incremental.recipes.closed_form import ranpac as ranpac
from keras_incremental.recipes.closed_form import ridge as ridge
from keras_incremental.recipes.closed_form import slda as slda
from keras_incremental.recipes.distillation import bic as bic
from keras_incremental.recipes.distillation import eeil as eeil
from keras_incremental.recipes.distillation import icarl as icarl
from keras_incremental.recipes.distillation import lucir as lucir
from keras_incremental.recipes.distillation import lwf as lwf
from keras_incremental.recipes.distillation import podnet as podnet
from keras_incremental.recipes.distillation import wa as wa
from keras_incremental.recipes.parts import bare as bare
from keras_incremental.recipes.recipe import Recipe as Recipe
from keras_incremental.recipes.references import fine_tuning as fine_tuning
from keras_incremental.recipes.references import frozen as frozen
from keras_incremental.recipes.references import joint as joint
from keras_incremental.recipes.regularization import ewc as ewc
from keras_incremental.recipes.regularization import l2sp as l2sp
from keras_incremental.recipes.regularization import mas as mas
from keras_incremental.recipes.regularization import rwalk as rwalk
from keras_incremental.recipes.regularization import si as si
from keras_incremental.recipes.rehearsal import (
    balanced_replay as balanced_replay,
)
from keras_incremental.recipes.rehearsal import (
    balanced_softmax as balanced_softmax,
)
from keras_incremental.recipes.rehearsal import der_pp as der_pp
from keras_incremental.recipes.rehearsal import er as er
from keras_incremental.recipes.rehearsal import er_ace as er_ace
from keras_incremental.recipes.rehearsal import ssil as ssil
