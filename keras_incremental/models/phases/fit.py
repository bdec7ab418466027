"""One `fit` of a student on the inputs of a phase."""

import dataclasses

import keras
import numpy as np

from keras_incremental.losses.joined_labels import join
from keras_incremental.models.phases.batches import Batches


@dataclasses.dataclass(frozen=True)
class Fit:
    """How to fit.

    Attributes:
        optimizer: A fresh one.
        loss: Loss of the labels.
        label_weight: Float, what it is multiplied by.
        policy: Decides which samples are in which batch.
        epochs: Int.
        batch_size: Int.
        seed: Int.
        augmentation: Function of a batch of inputs, or `None`.
        callbacks: Tuple of callbacks.
        verbose: As of `fit`.
    """

    optimizer: keras.optimizers.Optimizer
    loss: keras.losses.Loss
    label_weight: float
    policy: object
    epochs: int
    batch_size: int
    seed: int
    augmentation: object = None
    callbacks: tuple = ()
    verbose: int = 0

    def run(self, student, inputs, name=None):
        """Fits a `Student` to `Inputs`.

        Args:
            student: `Student`.
            inputs: `Inputs`.
            name: What it is called where it shows its progress. Defaults to
                `None`, nothing.

        Returns:
            Dict of lists, the history.
        """
        if name and self.verbose:
            print(name, flush=True)
        student.compile(
            optimizer=self.optimizer,
            loss=self.loss,
            loss_weights=[self.label_weight],
            metrics=inputs.problem.objective.metrics(
                student.head.units - inputs.new_classes
            ),
        )
        student.rows_are_labels = inputs.problem.codec.is_multi_hot
        features, labels = inputs.all
        arrays = [features, _with_stored(labels, inputs)]
        weights = _weights(self.policy, labels, inputs.is_exact(labels))
        if weights is not None:
            arrays.append(weights)
        student.make_variables(*(array[:1] for array in arrays))
        batches = Batches(
            arrays,
            self.batch_size,
            self.seed,
            self.augmentation,
            self.policy,
            len(inputs.new_labels),
            labels,
        )
        validation = inputs.validation
        history = student.fit(
            batches,
            epochs=self.epochs,
            validation_data=None
            if validation is None
            else (validation, inputs.validation_labels),
            callbacks=list(self.callbacks),
            verbose=self.verbose,
            # Keras would shuffle the batches by a seed of its own.
            shuffle=False,
        )
        return history.history


def _with_stored(labels, inputs):
    """Labels, with logits that were stored with exemplars beside them."""
    if inputs.stored is None:
        return labels
    stored = np.full((len(labels), inputs.stored.shape[-1]), np.nan, "float32")
    stored[len(inputs.new_labels) :][: len(inputs.stored)] = inputs.stored
    return join(labels, stored)


def _weights(policy, labels, known):
    """Weights of the policy; 1, their mean, where the class is not known."""
    weights = policy.weights(labels[known]) if known.any() else None
    if weights is None or known.all():
        return weights
    spread = np.ones(len(labels), "float32")
    spread[known] = weights
    return spread
