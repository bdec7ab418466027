import dataclasses

import keras

from keras_incremental.models.recipe import AUTO
from keras_incremental.models.recipe import Recipe
from keras_incremental.models.recipe import check_corrections
from keras_incremental.models.recipe import is_auto


@dataclasses.dataclass(frozen=True)
class Options:
    """How a phase trains: arguments of `learn`, under the same names."""

    epochs: int | None = None
    batch_size: int = 32
    optimizer: keras.optimizers.Optimizer | str | None = None
    loss: keras.losses.Loss | str | None = None
    distillation: object = AUTO
    bias_correction: object = AUTO
    tune: tuple[Recipe, ...] | None = None
    backbone_learning_rate: float | None = None
    callbacks: tuple = ()
    verbose: int = 0
    cache_features: bool = True

    def applied_to(self, recipe: Recipe) -> Recipe:
        """A recipe with the parts that `learn` was given in their places.

        Raises:
            ValueError: if two parts then correct the same bias.
        """
        given = {
            "loss": AUTO if self.loss is None else self.loss,
            "terms": self.distillation,
            "bias_correction": self.bias_correction,
        }
        changed = {k: v for k, v in given.items() if not is_auto(v)}
        recipe = dataclasses.replace(recipe, **changed)
        check_corrections(recipe, self.callbacks)
        return recipe
