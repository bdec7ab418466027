from keras_incremental.models import session
from keras_incremental.models.gate import Gate
from keras_incremental.models.inputs import arguments
from keras_incremental.models.inputs import checks
from keras_incremental.models.inputs.samples import Samples
from keras_incremental.models.streams.stream_checks import check_stream
from keras_incremental.models.streams.stream_samples import read_judges
from keras_incremental.models.streams.stream_samples import read_stream


class Observes:
    """The verb of an `IncrementalClassifier` for streams without phases."""

    def observe(
        self,
        x,
        y=None,
        classes=None,
        *,
        validation_data=None,
        batch_size=32,
        max_drop=None,
        max_class_drop=None,
        optimizer=None,
        backbone_learning_rate=None,
        steps=None,
        verbose="auto",
    ):
        """Learns a stream of mixed labels, one batch after the other.

        Each batch is seen once, in the order in which it comes, and may bring
        names that were never heard before. A head that trains takes one step
        on it, together with samples from a `Reservoir` (recipes `stream_er`,
        `stream_der`, `stream_der_pp`); a head in closed form counts it, and
        solves at the end (`slda`, `ridge`, `ncm` and the like).

        Give a long stream to one call: each call, and each new name within
        it, compiles anew and begins with a fresh optimizer. The memory and
        its place in the stream are saved with the classifier, so that
        another process can go on.

        While it runs, weights lie in other coordinates: what yields the
        batches must not predict.

        An exception, Ctrl-C or a refusal leaves weights, classes, memory and
        compile state as they were before the call.

        Args:
            x: What yields batches of `(pictures, names)`: a generator,
                `tf.data`, `PyDataset`; or arrays, which are cut into batches
                in the given order.
            y: Names of the pictures, if `x` is an array; or ints that index
                `classes`.
            classes: Names that integer labels index. Defaults to the folder
                names of the data set, else to those known at the time.
            validation_data: As of `fit`. Pictures of names that do not arrive
                are left out; integer labels index the classes known before.
            batch_size: Int, for arrays. Defaults to `32`.
            max_drop: Float from 0 to 1, as of `learn`. Defaults to `None`.
            max_class_drop: The same for each single old class.
            optimizer: Defaults to Adam, at a rate for the number of features.
            backbone_learning_rate: Float, for what is trainable below the
                head. Defaults to a hundredth of the head's.
            steps: Int. How many batches to read. Defaults to `None`, all.
            verbose: As of `fit`. Defaults to `"auto"`.

        Returns:
            A `PhaseReport`; old classes are those known before the call.

        Raises:
            ValueError: if data, arguments or the recipe do not fit. Nothing
                is changed.

        Example:

        >>> import keras
        >>> import numpy as np
        >>> from keras_incremental import recipes
        >>> from keras_incremental.models import IncrementalClassifier
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> recipe = recipes.stream_er(budget=100)
        >>> clf = IncrementalClassifier(model, ["cat", "dog"], recipe=recipe)
        >>> pictures, names = np.eye(4), ["dog", "bird", "cat", "fish"]
        >>> report = clf.observe(pictures, names, verbose=0)
        >>> clf.classes
        ('cat', 'dog', 'bird', 'fish')
        """
        gate = Gate(max_drop, max_class_drop)
        options = arguments.options(
            epochs=None,
            batch_size=batch_size,
            optimizer=optimizer,
            loss=None,
            distillation="auto",
            bias_correction="auto",
            tune=None,
            backbone_learning_rate=backbone_learning_rate,
            cache_features=True,
            callbacks=(),
            verbose=verbose,
        )
        self.problem.objective.check_method("observe")
        check_stream(self.recipe)
        checks.check_memory(self)
        judges = read_judges(validation_data, self.classes, batch_size)
        checks.check_gate(gate, Samples(None, None, self.classes), judges)
        batches = read_stream(x, y, classes, self.classes, batch_size, steps)
        judges = checks.fitted(judges, self)
        return session.observe(self, batches, judges, gate, options)
