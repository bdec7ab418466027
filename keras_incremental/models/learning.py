import os
from collections.abc import Sequence
from typing import Self

import keras

from keras_incremental.conversion.loss_outputs import check_weighted_loss
from keras_incremental.losses.function_loss import compiled_loss
from keras_incremental.models import session
from keras_incremental.models import tuning
from keras_incremental.models.inputs import arguments
from keras_incremental.models.inputs import checks
from keras_incremental.models.inputs.fit_arguments import refuses_fit_arguments
from keras_incremental.models.inputs.reading import OldData
from keras_incremental.models.inputs.reading import Reader
from keras_incremental.models.inputs.reading import checked_version
from keras_incremental.models.inputs.samples import Samples
from keras_incremental.models.inputs.texts import with_tokens
from keras_incremental.models.phases.phase import NewData
from keras_incremental.models.phases.phase import PhaseRun
from keras_incremental.models.sites import SitesMixin
from keras_incremental.models.sites import is_statistics
from keras_incremental.models.sites import remember_statistics
from keras_incremental.models.streams.stream import StreamReader
from keras_incremental.models.streams.stream import StreamRun
from keras_incremental.models.transaction import Gate
from keras_incremental.models.weighing import check_class_weight
from keras_incremental.models.weighing import weighed_by_index
from keras_incremental.problems.partial_labels import PartialLabels
from keras_incremental.recipes.recipe import Recipe
from keras_incremental.recipes.recipe import check_corrections
from keras_incremental.recipes.recipe import check_phases
from keras_incremental.recipes.recipe import check_stream
from keras_incremental.reporting.report import PhaseReport
from keras_incremental.statistics import SiteStatistics
from keras_incremental.utils.types import Data
from keras_incremental.utils.types import Structure
from keras_incremental.utils.types import Tensor


class LearningMixin(SitesMixin):
    """Methods of an `IncrementalClassifier` that learn."""

    @refuses_fit_arguments
    def learn(
        self,
        x: Data,
        y: Tensor | None = None,
        classes: Sequence[str] | None = None,
        *,
        validation_data: Data | None = None,
        epochs: int | None = None,
        batch_size: int = 32,
        optimizer: keras.optimizers.Optimizer | str | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        max_drop: float | None = None,
        partial_labels: PartialLabels | None = None,
        old_data: OldData | Data | None = None,
        auxiliary: Data | None = None,
        steps: int | None = None,
        verbose: int | str = "auto",
    ) -> PhaseReport:
        """Learns new classes, or new samples of known classes.

        The arguments are those of `fit`. Frozen layers run once per sample,
        and only the layers above them are trained, by the method of the
        recipe.

        If only the head is trained, a data set is read once, and its features
        are cached. If layers below the head are trained too, it is read once
        to find its classes, and once more in each epoch, as in `fit`, so that
        random augmentation stays random. Exemplars and statistics come from
        the first reading; of large data it keeps 64 MiB with the same number
        of samples per class, or as many as the memory may hold. Callbacks that
        must know the samples of an epoch in advance, such as `BiasCorrection`,
        train on the first reading, and warn if the next one differs. An
        iterator is always read once.

        Samples of different shapes run through frozen layers in batches of one
        shape; JAX compiles the layers once per shape. For layers that are
        trained, samples are padded to the longest one. The network must mask
        the padding, or an error is raised.

        Without a recipe, if all layers below the head are frozen and data of
        the old classes was seen (by `remember`, `old_data` or in earlier
        phases), the head is not trained but solved in closed form. It is the
        ridge regression of all samples seen so far, with a penalty and a
        temperature that are estimated from the data, or linear discriminants
        with the same penalty where these are expected to be right more often,
        as for classes that lie between others. It does not depend on the
        order of the classes or on random numbers. The head is trained instead
        if you pass `epochs`, `optimizer` or a callback, or if the old head is
        better on validation data or on new samples of old classes; the report
        says so.

        Classes count as much as `class_weight` of the classifier says, beside
        what the method does: a solved head makes all classes equally frequent,
        and so does the default where exemplars or statistics are replayed.

        After an exception, Ctrl-C or a refused update, weights, classes,
        memory and compile state are the same as before the call.

        Args:
            x: Samples, or a data set of `(samples, labels)`, or of dicts with
                a key `"label"`: arrays, `tf.data`, `PyDataset`, torch
                `DataLoader`, Grain, a list of batches, a generator, or a
                function that returns one. If the input shape of the model is
                open, samples may differ in shape, in a list or between
                batches.
            y: Labels as names, as ints or one-hot that index `classes`;
                `None` if all samples are of the one class in `classes`. A
                missing label is `None`, -1 or 255. For a multi-label
                classifier: for each sample a list of names, or a row with 1,
                0, or -1, 255 or NaN (unknown) for each of `classes`.
            classes: Names of the classes in the data, new or known. Defaults
                to the folder names of `image_dataset_from_directory`.
            validation_data: Same as for `fit`, of old and new classes. Its
                integer labels index `self.classes` with the new ones
                appended.
            epochs: Int. Defaults to `None`: no training if the head can be
                solved, else 20 if only the head is trained. If layers below it
                are trained too, some exemplars and new samples are held out,
                and `callbacks.HeldOutStopping` ends the training; 5 if a class
                has fewer than 10 samples, no old class is replayed, a recipe
                is given, or `x` yields different samples in each epoch, so
                that none can be held out.
            batch_size: Int. Defaults to `32`.
            optimizer: Optimizer, or its name. Defaults to `None`: no training
                if the head can be solved, else Adam with a learning rate that
                suits the number of features.
            callbacks: List of Keras callbacks. If there is one, the head is
                trained, not solved. Their `model` is the part that is trained,
                on the outputs of the frozen layers. To get the whole
                classifier at that step, use `with self.model.classifier() as
                clf`; a `ModelCheckpoint` saves that one, with
                `save_best_only=True` at the best epoch of each phase. A
                `callbacks.PhaseCallback` has more hooks.
            max_drop: Float from 0 to 1, the largest drop in accuracy of the
                old classes on `validation_data`. An update that costs more is
                refused. `compare` also tests if there are enough samples to
                decide. Defaults to `None`, any drop.
            partial_labels: `PartialLabels`, the meaning of missing labels,
                and where new classes were before. Defaults to `None`: no
                label is missing, and no new class was part of an old one.
            old_data: Old data of known classes that is still available, as
                `(x, y)`, a data set, or `OldData`. It is read once, and
                replayed together with exemplars. Defaults to `None`.
            auxiliary: Unlabeled samples of any classes, or a data set of them.
                If no data of old classes was seen, they show where a new class
                ends, and the report lists those that look like it. If the
                network is trained, recipes with distillation learn from them.
                If nothing uses them, for example if the head is solved, an
                error is raised. Defaults to `None`.
            steps: Int. Number of batches to read from an endless data set.
            verbose: Same as for `fit`. Defaults to `"auto"`.

        Returns:
            A `PhaseReport`.

        Raises:
            ValueError: if data or arguments do not fit. Nothing is changed.
        """
        check_phases(self.recipe)
        gate = Gate(max_drop, self.max_class_drop)
        options = arguments.fit_options(
            epochs, batch_size, optimizer, callbacks, verbose
        )
        check_corrections(self.recipe, options.callbacks)
        check_class_weight(self, options.callbacks)
        self.problem.objective.check_recipe(self.recipe, options.callbacks)
        reader = Reader(self, batch_size, steps, options.verbose, trains=True)
        samples = reader.new(x, y, classes, partial_labels, old_data)
        data = NewData(
            samples,
            reader.validation(validation_data, samples.classes),
            reader.auxiliary(auxiliary),
        )
        checks.check_gate(gate, data.samples, data.validation)
        return session.run_if_accepted(
            PhaseRun(self, data.compatible(self), options, gate)
        )

    @refuses_fit_arguments
    def observe(
        self,
        x: Data,
        y: Tensor | None = None,
        classes: Sequence[str] | None = None,
        *,
        validation_data: Data | None = None,
        batch_size: int = 32,
        optimizer: keras.optimizers.Optimizer | str | None = None,
        max_drop: float | None = None,
        steps: int | None = None,
        verbose: int | str = "auto",
    ) -> PhaseReport:
        """Learns from a stream of batches, whose labels are mixed.

        Each batch is seen once, in order, and may contain new classes. A
        trained head takes one gradient step per batch, with exemplars of a
        `Reservoir` added (`recipes.er(memory=Reservoir(500))`, and `er_ace`,
        `der_pp`). A head in closed form updates its statistics, and is solved
        at the end (`slda`, `ridge`, `ncm`).

        Pass a long stream to a single call: each call, and each new class in
        it, compiles the model again, with a new optimizer. The memory and its
        position in the stream are saved with the classifier, so that another
        process can continue.

        During the call the head is trained on centered features, so do not
        predict in the code that yields the batches.

        After an exception, Ctrl-C or a refused update, weights, classes,
        memory and compile state are the same as before the call.

        Args:
            x: Batches of `(samples, names)`: a generator, `tf.data`,
                `PyDataset`; or arrays, which are split into batches in the
                given order.
            y: Names of the samples, if `x` is an array; or ints that index
                `classes`.
            classes: Names that integer labels index. Defaults to the folder
                names of the data set, else to those known at the time.
            validation_data: Same as for `fit`. Samples of classes that do not
                occur in the stream are ignored; integer labels index the
                classes known before the call.
            batch_size: Int, for arrays. Defaults to `32`.
            optimizer: Optimizer, or its name. Defaults to Adam, with a
                learning rate that suits the number of features.
            max_drop: Float from 0 to 1. Refuses an update that costs the old
                classes more accuracy. Defaults to `None`, any.
            steps: Int. How many batches to read. Defaults to `None`, all.
            verbose: Same as for `fit`. Defaults to `"auto"`.

        Returns:
            A `PhaseReport`; old classes are those known before the call.

        Raises:
            ValueError: if data, arguments or the recipe do not fit. Nothing
                is changed.

        Example:

        >>> import keras
        >>> import numpy as np
        >>> from keras_incremental import recipes
        >>> from keras_incremental.memory import Reservoir
        >>> from keras_incremental.models import IncrementalClassifier
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> recipe = recipes.er(memory=Reservoir(100))
        >>> clf = IncrementalClassifier(model, ["cat", "dog"], recipe=recipe)
        >>> samples, names = np.eye(4), ["dog", "bird", "cat", "fish"]
        >>> report = clf.observe(samples, names, verbose=0)
        >>> clf.classes
        ('cat', 'dog', 'bird', 'fish')
        """
        gate = Gate(max_drop, self.max_class_drop)
        options = arguments.fit_options(
            None, batch_size, optimizer, (), verbose
        )
        self.problem.objective.check_method("observe")
        check_stream(self.recipe)
        checks.check_memory(self)
        reader = StreamReader(self, batch_size, steps, options.verbose)
        validation = reader.validation(validation_data)
        checks.check_gate(gate, Samples(None, None, self.classes), validation)
        run = StreamRun(
            self,
            reader.batches(x, y, classes),
            checks.compatible(validation, self),
            options,
            gate,
            reader.num_batches,
        )
        return session.run_if_accepted(run)

    @refuses_fit_arguments
    def remember(
        self,
        x: Data | SiteStatistics | str | os.PathLike,
        y: Tensor | None = None,
        classes: Sequence[str] | None = None,
        *,
        batch_size: int = 32,
        steps: int | None = None,
        label_version: int | None = None,
        verbose: int | str = "auto",
    ) -> None:
        """Stores exemplars of old data, and statistics of its features.

        Nothing is trained. Without a memory no sample is kept, only the mean
        feature of each class, one covariance matrix and, for up to 512
        classes, a few mixtures and quantiles of the deviations of their
        samples. Features are computed in inference mode, so random layers
        below the head have no effect.

        Args:
            x: Samples of known classes, or a data set, same as for `learn`.
                In their place, statistics of such samples or the path of
                their file, by `callbacks.KeepStatistics` or
                `compute_statistics`, without any other argument.
            y: Labels as names, or as indices of `classes`.
            classes: Names that integer labels index. Defaults to the folder
                names of the data set, else to `self.classes`.
            batch_size: Int. Defaults to `32`.
            steps: Int. Same as for `learn`.
            label_version: Int, the `label_space.version` at which the data
                was labeled. Defaults to `None`, the present one.
            verbose: Same as for `fit`; progress is shown where it takes long.
                Defaults to `"auto"`.

        Raises:
            ValueError: if data or arguments do not fit, or if nothing would
                be kept: without a recipe and a memory, where layers below the
                head train.
        """
        self.problem.objective.check_method("remember")
        if is_statistics(x):
            return remember_statistics(
                self,
                x,
                {
                    "y": y,
                    "classes": classes,
                    "steps": steps,
                    "label_version": label_version,
                },
            )
        version = checked_version(label_version, self.label_space)
        verbose = arguments.checked_verbose(verbose)
        samples = Reader(self, batch_size, steps, verbose).old(x, y, classes)
        samples = checks.learnable(samples.at_version(version), self)
        session.remember(self, samples, batch_size, verbose)

    @refuses_fit_arguments
    def tune(
        self,
        recipes: Sequence[Recipe],
        x: Data,
        y: Tensor | None = None,
        classes: Sequence[str] | None = None,
        *,
        epochs: int | None = None,
        batch_size: int = 32,
        optimizer: keras.optimizers.Optimizer | str | None = None,
        auxiliary: Data | None = None,
        steps: int | None = None,
        verbose: int | str = "auto",
    ) -> Recipe:
        """Returns the recipe that scores best on a held-out part of new data.

        A fifth of the new samples and of the exemplars is held out, balanced
        by class. Each recipe learns the rest, and is scored by the mean
        per-class accuracy on the held-out samples. The classifier is not
        changed. To use the result, call
        `clf.with_recipe(recipe).learn(x, y, classes)`.

        Args:
            recipes: List of `Recipe`. Their heads and readouts must be of the
                classes of those of this classifier; options may differ.
            x: Samples, same as for `learn`, and so are the next three.
            y: Labels.
            classes: Names.
            epochs: Int.
            batch_size: Int. Defaults to `32`.
            optimizer: Optimizer, or its name.
            auxiliary: Samples without labels.
            steps: Int.
            verbose: Same as for `fit`. Prints the scores, unless `0`.

        Returns:
            The best of `recipes`.

        Raises:
            ValueError: if a recipe cannot be tried. Nothing is changed.

        Example:

        >>> import keras
        >>> import numpy as np
        >>> from keras_incremental import recipes
        >>> from keras_incremental.models import IncrementalClassifier
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> clf = IncrementalClassifier(
        ...     model, ["cat", "dog"], recipe=recipes.er(budget=20)
        ... )
        >>> clf.remember(np.eye(4)[[0, 0, 1, 1]], ["cat", "cat", "dog", "dog"])
        >>> candidates = [recipes.er(20), recipes.er_ace(20)]
        >>> best = clf.tune(
        ...     candidates, np.ones((5, 4)), classes=["bird"], verbose=0
        ... )
        >>> best in candidates
        True
        """
        self.problem.objective.check_method("tune")
        tuning.check_candidates(recipes, self.recipe)
        for recipe in recipes:
            check_phases(recipe)
            self.problem.objective.check_recipe(recipe)
        options = arguments.fit_options(
            epochs, batch_size, optimizer, (), verbose
        )
        reader = Reader(self, batch_size, steps, options.verbose)
        samples = reader.new(x, y, classes)
        data = NewData(samples, auxiliary=reader.auxiliary(auxiliary))
        scores = tuning.scores_of(self, recipes, data.compatible(self), options)
        return tuning.best(recipes, scores, options.verbose)

    def with_recipe(self, recipe: Recipe) -> Self:
        """Returns a classifier of the same classes that learns by a recipe.

        Both share the layers below the head, so use only one of them.

        Args:
            recipe: `Recipe`. Its head and readout must be of the classes of
                those of this classifier; their options may differ. Its
                memory takes over the exemplars, as many as it may keep;
                without one, the memory of this classifier is copied.

        Returns:
            An `IncrementalClassifier`.
        """
        return tuning.with_recipe(self, recipe)

    def rollback(self) -> None:
        """Restores the state before the last accepted `learn`.

        One phase is kept, in memory. To go back further, save by `save(path,
        keep_snapshots=3)`, and call `models.rollback_file(path)`.

        Raises:
            ValueError: if there is no phase to go back to.
        """
        session.rollback(self)

    def train_on_batch(
        self,
        x: Structure,
        y: Tensor | None = None,
        sample_weight: Tensor | None = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Structure:
        given = {"class_weight": class_weight}
        check_weighted_loss(compiled_loss(self), given)
        class_weight = weighed_by_index(given, self.classes)["class_weight"]
        x = with_tokens(self, x)
        return super().train_on_batch(
            x, y, sample_weight, class_weight, return_dict
        )
