import keras

NEW, ALL, HELD_OUT = "new", "all", "held_out"


class PhaseCallback(keras.callbacks.Callback):
    """Callback that takes part in a phase of learning.

    A phase is one `fit`. What starts with it starts in `on_train_begin`, what
    follows it happens in `on_train_end`, with the final weights. No callback
    changes the structure of the model.

    `IncrementalClassifier.learn` calls these hooks beside those of Keras. In
    a plain `fit` they are not called: set `data` and wrap the optimizer
    yourself.

    - `on_phase_begin(run)`, before anything is read;
    - `on_phase_train_begin(run)`, when samples and method are known;
    - `select_samples(inputs)`, the samples that the phase trains on;
    - `teacher_outputs(inputs)`, what further teachers give;
    - `wrap_optimizer(optimizer)`, the optimizer that trains;
    - `on_phase_end(report)`, with the `PhaseReport`. An exception undoes the
      phase.

    Attributes:
        data: Tuple `(x, y)` of the data of a phase, or `None`. Where
            `required_data` is not `None`, `learn` sets it, if it is `None`.
        required_data: String, the data that the callback needs: `"new"`, `"all"`
            (new and replayed), `"held_out"` (kept out of training, as many
            samples of each class), or `None`.
        validation_share: Float, the part of the samples to hold out for
            `required_data = "held_out"`.
        protects_weights: Bool. Whether it sets penalties that refer to the
            present values of the weights.
        corrects_bias: Bool. Whether it corrects the bias to new classes.
            Only one part does in a phase.

    Example:

    >>> class PrintDrop(PhaseCallback):
    ...     def on_phase_end(self, report):
    ...         print(report.drop)
    """

    data = None
    required_data = None
    validation_share = 0.0
    protects_weights = False
    corrects_bias = False

    def on_phase_begin(self, run):
        """Called before a phase is read.

        Args:
            run: `models.Run`, the phase that begins.
        """

    def on_phase_train_begin(self, run):
        """Called when the samples of a phase are read, before it trains.

        Args:
            run: `models.Run`, with `inputs` and `plan` of the phase.
        """

    def select_samples(self, inputs):
        """Returns the samples that the phase trains on.

        Args:
            inputs: `Inputs`, new samples and those of old classes.
        """
        return inputs

    def teacher_outputs(self, inputs) -> dict:
        """Returns outputs of further teachers, by name, for the terms.

        Args:
            inputs: Tensor, a batch of what the student reads.
        """
        return {}

    def wrap_optimizer(self, optimizer: keras.optimizers.Optimizer):
        """Returns the optimizer of the phase.

        Args:
            optimizer: `keras.optimizers.Optimizer`, not built yet.
        """
        return optimizer

    def on_phase_end(self, report):
        """Called when a phase has ended, accepted or refused.

        Args:
            report: `PhaseReport`.
        """

    @property
    def verbose(self) -> int:
        """`1` where the `fit` that runs shows its progress, else `0`."""
        return int(bool((self.params or {}).get("verbose")))

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
