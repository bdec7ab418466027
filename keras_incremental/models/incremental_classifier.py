from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_incremental.conversion.backbone import Backbone
from keras_incremental.conversion.convert import awaits_imprinting
from keras_incremental.conversion.convert import convert
from keras_incremental.conversion.convert import readout_for
from keras_incremental.conversion.loss_outputs import asks_each_output
from keras_incremental.conversion.loss_outputs import check_exclusive
from keras_incremental.conversion.loss_outputs import check_loss
from keras_incremental.conversion.loss_outputs import check_weighted_loss
from keras_incremental.conversion.scope_names import check_scope_names
from keras_incremental.data import FeatureFolder
from keras_incremental.data import LabelSpace
from keras_incremental.data import check_class_names
from keras_incremental.losses.function_loss import compiled_loss
from keras_incremental.memory.base_memory import BaseMemory
from keras_incremental.models import session
from keras_incremental.models.inputs import arguments
from keras_incremental.models.inputs import checks
from keras_incremental.models.inputs.arguments import checked_verbose
from keras_incremental.models.inputs.checks import to_input_size
from keras_incremental.models.inputs.pipelines import check_steps
from keras_incremental.models.inputs.pipelines import named_arguments
from keras_incremental.models.inputs.reading import Reader
from keras_incremental.models.learning import LearningMixin
from keras_incremental.models.outputs import AllOutputs
from keras_incremental.models.phases.reused_callbacks import begin_fit
from keras_incremental.models.predicting import PredictingMixin
from keras_incremental.models.saving import SavingMixin
from keras_incremental.models.student import scores_of
from keras_incremental.models.transaction import Gate
from keras_incremental.models.transaction import Guard
from keras_incremental.models.transaction import reads
from keras_incremental.models.weighing import check_class_weight
from keras_incremental.models.weighing import weighed_by_index
from keras_incremental.problems.problem import Problem
from keras_incremental.problems.problem import problem_of
from keras_incremental.recipes.recipe import Recipe
from keras_incremental.reporting.record import PhaseRecord
from keras_incremental.statistics.deviations import Deviations
from keras_incremental.statistics.low_rank import empty_statistics
from keras_incremental.utils import devices
from keras_incremental.utils import state
from keras_incremental.utils.compilation import as_new
from keras_incremental.utils.compilation import exclude
from keras_incremental.utils.compilation import excludes
from keras_incremental.utils.compilation import running_arguments
from keras_incremental.utils.compilation import warn_of_lowered_rate
from keras_incremental.utils.export import export
from keras_incremental.utils.graph import HeadSplit
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Shape
from keras_incremental.utils.types import Tensor


@export
class IncrementalClassifier(
    LearningMixin, PredictingMixin, SavingMixin, keras.Model
):
    """A trained classifier that learns new classes and keeps the old ones.

    Wraps any Sequential or Functional Keras classifier, compiled or not.
    `fit`, `evaluate`, `predict` and `summary` work as in Keras; `learn` adds
    classes, and `observe` adds them from a stream without phases. The layers
    below the head are shared with `model`, not copied. Everything it does can
    also be written by hand with the public parts of this package.

    BatchNormalization layers stay in inference mode, even if they are
    trainable, unless `train_batch_norm=True`.

    Args:
        model: Built Keras classifier that ends in `Dense(n)` (logits or
            softmax), `Dense(1)` (logit or sigmoid, which become two logits
            exactly) or `ExpandableDense`; or in `Dense(n)` of sigmoids,
            where several classes may apply to one sample. A 1x1 convolution
            with averaging or flattening after it is taken for a `Dense`. On
            maps or on `(batch_size, time, features)` there is a class for
            each pixel or token. A task of KerasHub keeps its preprocessor:
            pictures are converted in the graph, texts where data is read.
        classes: List of strings, the names of its classes in the order of
            its outputs. Names are append-only: an index never moves.
        memory: `ExemplarMemory`, or `Reservoir` for streams. Defaults to
            `None`: the memory of the recipe, if it has one.
        recipe: `Recipe`, the method of `learn`, such as
            `keras_incremental.recipes.bic(budget=2000)`. Defaults to `None`:
            each phase chooses by the old data that is available, see `learn`.
        seed: Int. Seeds all random draws of `learn`. Defaults to `0`.
        train_batch_norm: Bool. Whether trainable BatchNormalization layers
            update their statistics in `learn`. Use it for networks trained
            from scratch, with old classes replayed in every batch. Defaults to
            `False`.
        multi_label: Bool. Whether several classes may apply to one sample,
            or none. Defaults to `None`: `True` if `model` ends in more than
            one sigmoid output. Set it if `model` returns logits.
        backbone_learning_rate: Float, 0 or more, for the trainable layers
            below the head. Defaults to `None`, a hundredth of the head's.
        cache_features: Bool, or a `data.FeatureFolder`. Whether layers that
            are frozen run once per sample. `False` runs the whole network in
            every epoch of training, and draws no features. A folder keeps
            features for other processes; a saved file knows nothing of it,
            so set `clf.cache_features` after loading. Defaults to `True`.
        max_class_drop: Float from 0 to 1. `learn` and `observe` refuse an
            update that costs any single old class more accuracy. Defaults to
            `None`, any.
        problem: Custom `Problem`, or its name, registered by
            `register_problem`. Defaults to `None`: single-label, multi-label
            or segmentation, inferred from the outputs of `model`.
        output: String. The output of `model` that gives the scores of the
            classes, where it has several, by its name or key. Only this one
            is learned and evaluated; `predict` and `to_keras` return the
            others beside it, as they were. So layers that these read too are
            frozen. Defaults to `None`: `model` has one output.
        class_weight: Dict of names of classes and floats above 0: how much a
            sample of a class counts, beside a sample of another one. Classes
            that are not listed count 1, those that are not known yet from
            when they arrive. A head that `learn` solves decides by the product
            of weight and probability, and gives the probabilities where
            classes are so much more frequent. One that is trained has the
            weights in the loss of each sample, new or replayed. `fit` has an
            argument of its own. Defaults to `None`: all count the same.
        **kwargs: Arguments of `keras.Model`.

    Attributes:
        phases: Tuple of `PhaseRecord`, one for each phase. It is saved with
            the classifier.
        preprocessor: Layer that makes tokens of texts, that of a text task of
            KerasHub, or `None`. Exemplars are kept as tokens, which all
            methods take in place of texts.

    Input shape:
        That of `model`; images of another height and width are resized. With
        a `preprocessor` a list or an array of texts, a tuple of two such
        lists for pairs, or a data set of batches of them.

    Output shape:
        `(batch_size, len(classes))`: logits where `model` gave logits, else
        probabilities. Of pixels and tokens `(batch_size, ..., len(classes))`.

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
        model: keras.Model,
        classes: list[str] | tuple[str, ...],
        memory: BaseMemory | None = None,
        recipe: Recipe | None = None,
        seed: int = 0,
        train_batch_norm: bool = False,
        multi_label: bool | None = None,
        backbone_learning_rate: float | None = None,
        cache_features: bool | FeatureFolder = True,
        max_class_drop: float | None = None,
        problem: Problem | str | None = None,
        output: str | None = None,
        class_weight: dict[str, float] | None = None,
        **kwargs,
    ):
        names = check_class_names(classes)
        recipe = arguments.recipe(recipe, memory)
        with devices.scope_of(getattr(model, "variables", ())):
            split = convert(model, recipe, multi_label, output)
            problem = problem_of(split, problem)
            problem.objective.check_recipe(recipe)
            if split.head.units != len(names):
                raise ValueError(
                    f"`classes` must name the {split.head.units} classes of "
                    "the model, in the order of its outputs. Received: "
                    f"classes={list(names)}."
                )
            super().__init__(**kwargs)
            self.problem = problem
            self.features = split.features
            self.others = split.others
            state.set_saved_only(self, "preprocessor", split.preprocessor)
            self.head = split.head
            self.activation = split.activation
            self.seed = arguments.whole("seed", seed, least=0)
            self.train_batch_norm = bool(train_batch_norm)
            self.backbone_learning_rate = arguments.learning_rate(
                backbone_learning_rate
            )
            self.cache_features = arguments.feature_cache(cache_features)
            self.max_class_drop = max_class_drop
            Gate(max_class_drop=max_class_drop)
            self._class_weight = arguments.class_weight(class_weight)
            self.recipe = recipe
            self.memory = recipe.memory
            self.readout = readout_for(split, recipe)
            check_class_weight(self)
            self.awaits_imprinting = awaits_imprinting(split, model)
            self.previous = None
            self.guard = state.Untracked(Guard())
            self.label_space = LabelSpace(names)
            self.num_phases = 0
            self.phases: tuple[PhaseRecord, ...] = ()
            self.statistics = empty_statistics(self.head.input_dim)
            self.deviations = Deviations.empty(self.head.input_dim)
            self._backbone: Any = None
            self._all_outputs: Any = None
            check_scope_names(self)
            self.build(self.features.input_shape)
            self.compile_like(model)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of all classes, in the order of the outputs."""
        return self.label_space.classes

    @property
    def class_weight(self) -> dict[str, float]:
        """Dict of names of classes and their weights; others have 1."""
        return dict(self._class_weight)

    @class_weight.setter
    def class_weight(self, value: dict[str, float] | None) -> None:
        before = self.class_weight
        self._class_weight = arguments.class_weight(value)
        try:
            check_class_weight(self)
        except ValueError:
            self._class_weight = before
            raise

    @property
    def classifies_pixels(self) -> bool:
        """Whether labels are maps, with a class for each pixel."""
        return len(self.features.output_shape) == 4

    @property
    def classifies_positions(self) -> bool:
        """Whether there is a class for each pixel or token of a sample."""
        return len(self.features.output_shape) > 2

    @property
    def gives_logits(self) -> bool:
        """Whether outputs are logits, and no probabilities."""
        return self.head_split.gives_logits

    @property
    def multi_label(self) -> bool:
        """Whether several classes may apply to one sample."""
        return not self.problem.codec.exclusive

    @reads
    def evaluate_classes(
        self,
        x: Data,
        y: Tensor | None = None,
        classes: Sequence[str] | None = None,
        *,
        batch_size: int = 32,
        steps: int | None = None,
        verbose: int | str = "auto",
    ) -> dict[str, float]:
        """Returns the accuracy of each class, see `remember` for the
        arguments.

        For pixels it is the intersection over union, for tokens F1, and for a
        multi-label classifier F1 at a probability of 0.5.

        Returns:
            Dict of names and scores from 0 to 1, of classes in the data.
        """
        verbose = checked_verbose(verbose)
        samples = Reader(self, batch_size, steps, verbose).old(x, y, classes)
        samples = checks.compatible(samples, self)
        return session.accuracy_by_class(self, samples, batch_size, verbose)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        inputs = to_input_size(inputs, self.features)
        return self.outputs_from(self.features(inputs, training=training))

    def outputs_from(self, features: Tensor) -> Tensor:
        """Returns the outputs for features, which the head reads."""
        logits = scores_of(self.head, self.readout, features)
        logits = self.problem.decoder.remap(self.label_space, logits)
        return self.outputs_of(logits)

    def outputs_of(self, logits: Tensor) -> Tensor:
        """Returns the outputs for logits of all classes, or the first ones.

        Args:
            logits: Tensor of shape `(batch_size, ..., classes)`.
        """
        if self.activation is None:
            return logits
        logits = ops.cast(logits, "float32")
        if self.gives_logits:
            return ops.log_softmax(logits)
        count = logits.shape[-1]
        groups = [
            slice(group.start, min(group.stop, count))
            for group in self.head.group_slices
            if group.start < count
        ]
        return self.problem.decoder.probabilities(logits, groups)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.classifies_positions:
            inner = self.features.compute_output_shape(input_shape)
            return (*inner[:-1], self.head.units)
        return (None, self.head.units)

    def fit(
        self, x: Data = None, y: Tensor | None = None, *args, **kwargs
    ) -> keras.callbacks.History:
        self._check_loss()
        given = named_arguments(super().fit, (x, y, *args), kwargs)
        check_weighted_loss(compiled_loss(self), given)
        given = weighed_by_index(given, self.classes)
        steps = given.get("steps_per_epoch")
        check_steps(x, steps, "steps_per_epoch", "x")
        given = checks.checked_validation(self, given)
        given["x"], given["y"] = checks.checked_data(self, x, y)
        session.make_ready_to_fit(self)
        self._check_optimizer()
        begin_fit(self, given.get("callbacks"))
        return super().fit(**given)

    def evaluate(
        self, x: Data = None, y: Tensor | None = None, *args, **kwargs
    ) -> Any:
        self._check_loss()
        given = named_arguments(super().evaluate, (x, y, *args), kwargs)
        check_steps(x, given.get("steps"), "steps", "x")
        given["x"], given["y"] = checks.checked_data(self, x, y)
        return super().evaluate(**given)

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor | None:
        if asks_each_output(compiled_loss(self)):
            # TensorFlow keeps logits with what `softmax` gives, and Keras
            # takes these for the logits of a sigmoid.
            y_pred = y_pred * 1
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(
        self,
        x: Tensor,
        y: Tensor,
        y_pred: Tensor,
        sample_weight: Tensor | None = None,
    ) -> dict:
        # As in `compute_loss`, where a metric asks for a yes or a no.
        return super().compute_metrics(x, y, y_pred * 1, sample_weight)

    def _check_loss(self):
        # Not in `compile`, which Keras calls anew only if it is its own.
        loss, gives_logits = compiled_loss(self), self.gives_logits
        outputs = f"the head '{self.head.name}'"
        check_loss(loss, gives_logits, outputs)
        if self.problem.codec.exclusive:
            check_exclusive(loss, gives_logits, self.head.units, outputs)

    def _check_optimizer(self):
        optimizer = getattr(self, "optimizer", None)
        known = {id(v) for v in state.variables_built_for(optimizer)}
        strange = [v for v in self.trainable_variables if id(v) not in known]
        if known and strange:
            raise ValueError(
                "The optimizer was built before the classifier got all of "
                f"its weights. Received: optimizer={optimizer!r}, without "
                f"{[v.path for v in strange[:3]]}. Compile with a new one, "
                f"such as `keras.optimizers.{type(optimizer).__name__}()`."
            )

    @property
    def head_split(self) -> HeadSplit:
        """Its parts, of which the scores of labels are computed."""
        return HeadSplit(
            self.features, self.head, self.activation, others=self.others
        )

    @property
    def backbone(self) -> Backbone:
        """The frozen part of the network, and its cached features."""
        memory = self.memory
        # Augmented exemplars differ in each epoch.
        augments = memory is not None and memory.augmentation is not None
        cache = False if augments else self.cache_features
        held = self._backbone and self._backbone.value
        if held is None or not held.still_fits(self.features, cache):
            held = Backbone(self.features, cache)
            self._backbone = state.Untracked(held)
        return held

    def all_outputs(self) -> keras.Model:
        """Returns the model of these outputs, and of the others."""
        held = self._all_outputs and self._all_outputs.value
        if held is None or not held.is_current():
            held = AllOutputs(self)
            self._all_outputs = state.Untracked(held)
        return held

    def drop_cached_features(self, erase: bool = False) -> None:
        """Deletes the cached features of all samples.

        Args:
            erase: Bool. Whether those in a `FeatureFolder` are deleted too.
                Defaults to `False`.
        """
        if self._backbone is not None:
            emptied = self._backbone.value.emptied(erase)
            self._backbone = state.Untracked(emptied)
        elif erase and isinstance(self.cache_features, FeatureFolder):
            self.cache_features.erase()

    def _keep_from_decay(self, model, optimizer):
        """Keeps from weight decay what takes the place of what was kept."""
        for name, columns in self.head.column_variables.items():
            place = f"{self.head.name}/{name}"
            old = [v for v in model.variables if v.path.endswith(place)]
            if old and excludes(model.optimizer, old):
                exclude(optimizer, columns)

    def compile_like(self, model: keras.Model) -> None:
        """Compiles with the optimizer of a model, as new."""
        warn_of_lowered_rate(model)
        optimizer = as_new(getattr(model, "optimizer", None))
        if optimizer is not None:
            self._keep_from_decay(model, optimizer)
        loss, metrics = self.problem.objective.compile_defaults(
            self.gives_logits
        )
        self.compile(
            optimizer or "adam",
            loss=loss,
            metrics=metrics,
            **running_arguments(model),
        )
