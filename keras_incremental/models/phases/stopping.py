"""How long a phase trains, and when it ends before."""

import math

import keras
import numpy as np
from keras import ops

from keras_incremental.callbacks.held_out_stopping import HeldOutStopping
from keras_incremental.models.phases.phase_data import EXEMPLARS
from keras_incremental.models.phases.phase_data import OLD_DATA
from keras_incremental.models.weighing import weights_of
from keras_incremental.recipes.recipe import AUTOMATIC

HEAD_EPOCHS = 20
NETWORK_EPOCHS = 5
# Held-out samples stop the training before, where there are such.
MOST_EPOCHS = 100
# Fewer held-out samples say little, and are missed in training.
LEAST_SAMPLES = 10


def epochs_of(recipe, options, backbone, stops):
    """Returns how many epochs a phase trains, at most where it stops.

    Args:
        recipe: `Recipe`.
        options: `FitOptions`.
        backbone: `Backbone`.
        stops: Bool. Whether held-out samples stop the training.
    """
    default = NETWORK_EPOCHS if backbone.is_trainable else HEAD_EPOCHS
    default = MOST_EPOCHS if stops else default
    return options.epochs or recipe.epochs or default


def stopping_of(classifier, samples, backbone, inputs, options):
    """Returns callbacks that end the training of a phase, a tuple.

    There is one where the layers below the head train, nobody names a recipe
    or a number of epochs, each class has enough samples to hold some out, and
    no reading of the data brings others.
    A frozen backbone trains a convex problem, for which time is enough.

    Args:
        classifier: `IncrementalClassifier`.
        samples: `Samples` to learn.
        backbone: `Backbone`.
        inputs: `Inputs`.
        options: `FitOptions`.
    """
    recipe = classifier.recipe
    is_open = (
        backbone.is_trainable
        and recipe.name == AUTOMATIC
        and not (options.epochs or recipe.epochs)
        and classifier.problem.objective.balances_classes
        and {EXEMPLARS, OLD_DATA} & set(inputs.sources)
    )
    if not is_open:
        return ()
    labels, _ = inputs.known_labels
    counts = np.bincount(labels, minlength=len(samples.classes))
    if counts.min() < LEAST_SAMPLES:
        return ()
    # What is held out of one reading may be in the next, drawn otherwise.
    stays = inputs.redrawn is None or inputs.redrawn.repeats
    if not stays:
        return ()
    weights = weights_of(classifier, samples.classes)
    given = None if weights is None else dict(enumerate(weights.tolist()))
    return (HeldOutStopping(class_weight=given),)


class DivergenceCheck(keras.callbacks.Callback):
    """Ends a training at the first epoch whose loss is not finite."""

    def on_epoch_end(self, epoch, logs=None):
        check_loss(self.model, (logs or {}).get("loss", 0.0), "epoch", epoch)


def check_loss(model, loss, unit, index):
    """Raises if a loss is not finite.

    Args:
        model: `keras.Model` that trains.
        loss: Float.
        unit: String, what the loss is of.
        index: Int, which of these, from 0.
    """
    if math.isfinite(loss):
        return
    optimizer = model.optimizer
    rate = float(np.asarray(ops.convert_to_numpy(optimizer.learning_rate)))
    raise RuntimeError(
        f"Training diverged: the loss is {loss} in {unit} {index + 1}, at the "
        f"learning rate {rate:.3g} of {type(optimizer).__name__}, so nothing "
        "has been changed. Pass an `optimizer` with a lower learning rate, or "
        "look for extreme values in `x`."
    )
