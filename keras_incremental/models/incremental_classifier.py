import keras
import numpy as np
from keras import ops

from keras_incremental.data import check_class_names
from keras_incremental.models import arguments
from keras_incremental.models import door
from keras_incremental.models import verbs
from keras_incremental.models.adopt import adopt
from keras_incremental.models.adopt import awaits_imprinting
from keras_incremental.models.adopt import readout_for
from keras_incremental.models.gate import Gate
from keras_incremental.models.guarded import Guarded
from keras_incremental.models.knowledge import Knowledge
from keras_incremental.models.lesson import read_known
from keras_incremental.models.lesson import read_lesson
from keras_incremental.models.lesson import read_unlabelled
from keras_incremental.models.lesson import read_validation
from keras_incremental.models.observing import Observes
from keras_incremental.models.persistence import SavedInOneFile
from keras_incremental.models.pictures import to_input_size
from keras_incremental.models.stream_checks import check_phases
from keras_incremental.models.student import scores_of
from keras_incremental.models.trunk import Trunk
from keras_incremental.models.tuning import check_candidates
from keras_incremental.utils import state
from keras_incremental.utils.export import export
from keras_incremental.utils.feature_statistics import FeatureStatistics


@export
class IncrementalClassifier(Observes, Guarded, SavedInOneFile, keras.Model):
    """A trained classifier that learns new classes and keeps the old ones.

    Takes over any Sequential or Functional Keras classifier, compiled or not.
    `fit`, `evaluate`, `predict` and `summary` are those of Keras; `learn` adds
    classes, and `observe` does so in a stream without phases. The layers below
    the head are shared with `model`, not copied. What it does can be written
    by hand, of public parts.

    BatchNormalization stays in inference mode, also where it is unfrozen,
    unless `train_batch_norm` says otherwise.

    Args:
        model: Built Keras classifier that ends in `Dense(n)` (logits or
            softmax), `Dense(1)` (logit or sigmoid, which become two logits
            exactly) or `ExpandableDense`.
        classes: List of strings, the names of its classes in the order of
            its outputs. Names are append-only: an index never moves.
        memory: `ExemplarMemory`, or `Reservoir` for streams. Defaults to
            `None`: that of the recipe, or no picture is kept.
        recipe: `Recipe`, the method it learns by, such as
            `keras_incremental.recipes.bic(budget=2000)`. Defaults to `None`:
            each phase chooses by what is left of the old data.
        seed: Int. Decides all that is random in `learn`. Defaults to `0`.
        train_batch_norm: Bool. Whether BatchNormalization that is trainable
            follows the batches of `learn`. For networks trained from
            scratch, with old classes replayed in every batch. Defaults to
            `False`.
        **kwargs: Arguments of `keras.Model`.

    Input shape:
        That of `model`; pictures of another height and width are resized.

    Output shape:
        `(batch_size, len(classes))`: logits where `model` gave logits, else
        probabilities.

    Raises:
        ValueError: if `model` is not a classifier of that many classes.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> clf = IncrementalClassifier(model, ["cat", "dog"])
    >>> birds = np.ones((8, 4), "float32")
    >>> report = clf.learn(birds, classes=["bird"], epochs=1, verbose=0)
    >>> clf.classes
    ('cat', 'dog', 'bird')
    """

    def __init__(
        self,
        model,
        classes,
        memory=None,
        recipe=None,
        seed=0,
        train_batch_norm=False,
        **kwargs,
    ):
        names = check_class_names(classes)
        recipe = arguments.recipe(recipe, memory)
        split = adopt(model, recipe)
        if split.head.units != len(names):
            raise ValueError(
                f"`classes` must name the {split.head.units} classes of the "
                f"model, in the order of its outputs. Received: classes="
                f"{list(names)}."
            )
        super().__init__(**kwargs)
        self.features = split.features
        self.head = split.head
        self.activation = split.activation
        self.seed = arguments.whole("seed", seed, least=0)
        self.train_batch_norm = bool(train_batch_norm)
        self.recipe = recipe
        self.memory = recipe.memory
        self.readout = readout_for(split, recipe)
        self.awaits_imprinting = awaits_imprinting(split, model)
        self.previous = None
        self._trunk = None
        self.set_knowledge(names, 0, FeatureStatistics())
        self.build(self.features.input_shape)
        self.compile_like(model)

    @property
    def classes(self):
        """Names of all classes, in the order of the outputs."""
        return self._knowledge.classes

    @property
    def phases(self):
        """Int. How many times it has learnt."""
        return self._knowledge.phases

    @property
    def statistics(self):
        """`FeatureStatistics` of the pictures learnt so far."""
        return self._knowledge.statistics

    def learn(
        self,
        x,
        y=None,
        classes=None,
        *,
        validation_data=None,
        epochs=None,
        batch_size=32,
        max_drop=None,
        max_class_drop=None,
        optimizer=None,
        loss=None,
        unlabelled=None,
        distillation="auto",
        correction="auto",
        tune=None,
        backbone_learning_rate=None,
        cache_features=True,
        callbacks=(),
        steps=None,
        verbose="auto",
    ):
        """Learns new classes, or more of known ones, and reports the change.

        It takes what `fit` takes, and reads a data set once. Layers that are
        frozen run once per picture; only what is above them is trained. Random
        augmentation belongs in the model, or in `augmentation` of the memory.

        An exception, Ctrl-C or a refusal leaves weights, classes, memory and
        compile state as they were.

        Args:
            x: Pictures, or a data set of `(pictures, labels)`: arrays,
                `tf.data`, `PyDataset`, a generator.
            y: Labels as names, as ints or one-hot that index `classes`;
                `None` if all pictures show the one class in `classes`.
            classes: Names of what the data shows, new or known. Defaults to
                the folder names of `image_dataset_from_directory`.
            validation_data: As of `fit`, of old and new classes. Its integer
                labels index `self.classes` with the new ones appended.
            epochs: Int. Defaults to 20 on cached features, else 5.
            batch_size: Int. Defaults to `32`.
            max_drop: Float from 0 to 1. Refuses an update that costs the old
                classes more accuracy. Defaults to `None`, any.
            max_class_drop: The same for each single old class.
            optimizer: Defaults to Adam, at a rate for the number of features.
            loss: Loss of integer labels and logits. Defaults to
                `CandidateSetCrossentropy`.
            unlabelled: Pictures without labels, or a data set of them, of
                anything: some recipes learn from them too.
            distillation: Loss of teacher and student logits, or `None`.
                `"auto"` takes `MergedDistillation`.
            correction: Callback against the bias to new classes, or `None`.
                `"auto"` takes `MarginCalibration` where no old class can be
                replayed.
            tune: List of recipes, or `None`. They are tried on a part of this
                data and of the memory, and measured on the rest of it; the
                phase is learnt by the best. Defaults to `None`.
            backbone_learning_rate: Float, for what is trainable below the
                head. Defaults to a hundredth of the head's.
            cache_features: Bool. `False` runs the whole network in every
                epoch, and draws no features. Defaults to `True`.
            callbacks: List of Keras callbacks. They see what trains.
            steps: Int. How many batches to read of data that never ends.
            verbose: As of `fit`. Defaults to `"auto"`.

        Returns:
            A `PhaseReport`.

        Raises:
            ValueError: if data or arguments do not fit. Nothing is changed.
        """
        check_phases(self.recipe)
        check_candidates(tune, self.recipe)
        gate = Gate(max_drop, max_class_drop)
        options = arguments.options(
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            loss=loss,
            distillation=distillation,
            correction=correction,
            tune=tune,
            backbone_learning_rate=backbone_learning_rate,
            cache_features=cache_features,
            callbacks=callbacks,
            verbose=verbose,
        )
        lesson = read_lesson(x, y, classes, self.classes, batch_size, steps)
        validation = read_validation(
            validation_data, lesson.names, batch_size, steps
        )
        unlabelled = read_unlabelled(unlabelled, batch_size, steps)
        door.check_gate(gate, lesson, validation)
        door.check_unlabelled(self.recipe, unlabelled)
        return verbs.learn(
            self,
            door.taught(lesson, self),
            door.fitted(validation, self),
            door.fitted(unlabelled, self),
            gate,
            options,
        )

    def remember(self, x, y=None, classes=None, *, batch_size=32, steps=None):
        """Gives it old data: exemplars, and statistics of the features.

        Nothing is trained. Without a memory no picture is kept, only the mean
        feature of each class and one covariance, which are replayed instead.

        Args:
            x: Pictures of known classes, or a data set, as of `learn`.
            y: Labels as names, or as indices of `classes`.
            classes: Names that integer labels index. Defaults to the folder
                names of the data set, else to `self.classes`.
            batch_size: Int. Defaults to `32`.
            steps: Int. As of `learn`.
        """
        lesson = read_known(x, y, classes, self.classes, batch_size, steps)
        verbs.remember(self, door.taught(lesson, self), batch_size)

    def rollback(self):
        """Goes back to before the last accepted `learn`, one phase at most.

        Raises:
            ValueError: if there is no phase to go back to.
        """
        verbs.rollback(self)

    def evaluate_classes(self, x, y=None, classes=None, *, batch_size=32):
        """Accuracy of each class. The arguments are those of `remember`.

        Returns:
            Dict of names and accuracies from 0 to 1, of classes in the data.
        """
        lesson = read_known(x, y, classes, self.classes, batch_size)
        lesson = door.fitted(lesson, self)
        return verbs.accuracy_by_class(self, lesson, batch_size)

    def predict_names(self, x, batch_size=None, verbose=0, steps=None):
        """Names of the predicted classes, an array of strings."""
        outputs = self.predict(x, batch_size, verbose, steps)
        return np.asarray(self.classes)[outputs.argmax(-1)]

    def call(self, inputs, training=None):
        inputs = to_input_size(inputs, self.features)
        features = self.features(inputs, training=training)
        logits = scores_of(self.head, self.readout, features)
        if self.activation is None:
            return logits
        return ops.softmax(ops.cast(logits, "float32"))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.head.units)

    def trunk(self, cache=True):
        """The frozen part of the network, with what is cached of it."""
        held = self._trunk and self._trunk.value
        if held is None or not held.still_fits(self.features, cache):
            held = Trunk(self.features, cache)
            self._trunk = state.Untracked(held)
        return held

    def set_knowledge(self, classes, phases, statistics):
        """Says what it knows. For the parts of this package."""
        self._knowledge = Knowledge(tuple(classes), phases, statistics)
