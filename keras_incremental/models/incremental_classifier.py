import keras
from keras import ops

from keras_incremental.data import LabelSpace
from keras_incremental.data import check_class_names
from keras_incremental.models import session
from keras_incremental.models.conversion.backbone import Backbone
from keras_incremental.models.conversion.convert import awaits_imprinting
from keras_incremental.models.conversion.convert import convert
from keras_incremental.models.conversion.convert import readout_for
from keras_incremental.models.editing import Edits
from keras_incremental.models.guarded import Guarded
from keras_incremental.models.inputs import arguments
from keras_incremental.models.inputs import checks
from keras_incremental.models.inputs.image_size import to_input_size
from keras_incremental.models.inputs.samples import read_known
from keras_incremental.models.knowledge import Knowledge
from keras_incremental.models.learning import Learns
from keras_incremental.models.observing import Observes
from keras_incremental.models.predicting import Answers
from keras_incremental.models.problems.problem import SEGMENTATION
from keras_incremental.models.problems.problem import problem_of
from keras_incremental.models.saving import SavedInOneFile
from keras_incremental.models.student import scores_of
from keras_incremental.utils import state
from keras_incremental.utils.export import export
from keras_incremental.utils.feature_statistics import FeatureStatistics


@export
class IncrementalClassifier(
    Learns, Edits, Observes, Answers, Guarded, SavedInOneFile, keras.Model
):
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
            exactly) or `ExpandableDense`; or in `Dense(n)` of sigmoids,
            where several classes may apply to one picture.
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
        multi_label: Bool. Whether several classes may apply to one picture,
            or none. Defaults to `None`: where `model` ends in more than one
            sigmoid output. Say it for logits.
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
        multi_label=None,
        **kwargs,
    ):
        names = check_class_names(classes)
        recipe = arguments.recipe(recipe, memory)
        split = convert(model, recipe, multi_label)
        problem = problem_of(split)
        problem.objective.check_recipe(recipe)
        if split.head.units != len(names):
            raise ValueError(
                f"`classes` must name the {split.head.units} classes of the "
                f"model, in the order of its outputs. Received: classes="
                f"{list(names)}."
            )
        super().__init__(**kwargs)
        self.problem = problem
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
        self.set_knowledge(LabelSpace(names), 0, FeatureStatistics())
        self.build(self.features.input_shape)
        self.compile_like(model)

    @property
    def classes(self):
        """Names of all classes, in the order of the outputs."""
        return self._knowledge.label_space.classes

    @property
    def label_space(self):
        """`LabelSpace`: what labels meant when they were given."""
        return self._knowledge.label_space

    @property
    def classifies_pixels(self):
        """Bool. Whether labels are maps, with a class for each pixel."""
        return self.problem is SEGMENTATION

    @property
    def multi_label(self):
        """Bool. Whether several classes may apply to one picture."""
        return not self.problem.codec.exclusive

    @property
    def phases(self):
        """Int. How many times it has learned."""
        return self._knowledge.phases

    @property
    def statistics(self):
        """`FeatureStatistics` of the pictures learned so far."""
        return self._knowledge.statistics

    def evaluate_classes(self, x, y=None, classes=None, *, batch_size=32):
        """Accuracy of each class. The arguments are those of `remember`.

        Of pixels it is the intersection over union; where classes do not
        exclude each other, F1 at a probability of 0.5.

        Returns:
            Dict of names and scores from 0 to 1, of classes in the data.
        """
        samples = read_known(
            x,
            y,
            classes,
            self.classes,
            batch_size,
            problem=self.problem,
        )
        samples = checks.fitted(samples, self)
        return session.accuracy_by_class(self, samples, batch_size)

    def call(self, inputs, training=None):
        inputs = to_input_size(inputs, self.features)
        features = self.features(inputs, training=training)
        logits = scores_of(self.head, self.readout, features)
        logits = self.problem.decoder.remap(self.label_space, logits)
        if self.activation is None:
            return logits
        logits = ops.cast(logits, "float32")
        return self.problem.decoder.probabilities(
            logits, self.head.group_slices
        )

    def compute_output_shape(self, input_shape):
        if self.classifies_pixels:
            inner = self.features.compute_output_shape(input_shape)
            return (*inner[:-1], self.head.units)
        return (input_shape[0], self.head.units)

    def backbone(self, cache=True):
        """The frozen part of the network, with what is cached of it."""
        held = self._trunk and self._trunk.value
        if held is None or not held.still_fits(self.features, cache):
            held = Backbone(self.features, cache)
            self._trunk = state.Untracked(held)
        return held

    def set_knowledge(self, label_space, phases, statistics):
        """Says what it knows. For the parts of this package."""
        self._knowledge = Knowledge(label_space, phases, statistics)
