import dataclasses

from keras_incremental.models import session
from keras_incremental.models.gate import Gate
from keras_incremental.models.inputs import arguments
from keras_incremental.models.inputs import checks
from keras_incremental.models.inputs.samples import checked_version
from keras_incremental.models.inputs.samples import read_auxiliary
from keras_incremental.models.inputs.samples import read_known
from keras_incremental.models.inputs.samples import read_old
from keras_incremental.models.inputs.samples import read_samples
from keras_incremental.models.inputs.samples import read_validation
from keras_incremental.models.phases.tuning import check_candidates
from keras_incremental.models.problems.partial_labels import PartialLabels
from keras_incremental.models.streams.stream_checks import check_phases


class Learns:
    """How an `IncrementalClassifier` learns in phases."""

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
        unlabeled=None,
        parents=None,
        shares=None,
        old_data=None,
        old_version=None,
        auxiliary=None,
        distillation="auto",
        bias_correction="auto",
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
                `None` if all pictures show the one class in `classes`. Some
                may be missing: `None`, -1 or 255. For a multi-label
                classifier: for each picture a list of names, or a row with a
                1, a 0, or -1, 255 or NaN (not looked at) for each of
                `classes`; of other classes it says nothing.
            classes: Names of what the data shows, new or known. Defaults to
                the folder names of `image_dataset_from_directory`.
            validation_data: As of `fit`, of old and new classes. Its integer
                labels index `self.classes` with the new ones appended.
            epochs: Int. Defaults to 20 where only the head trains, else 5.
            batch_size: Int. Defaults to `32`.
            max_drop: Float from 0 to 1. Refuses an update that costs the old
                classes more accuracy. Defaults to `None`, any.
            max_class_drop: The same for each single old class.
            optimizer: Defaults to Adam, at a rate for the number of features.
            loss: Loss of integer labels and logits. Defaults to
                `CandidateSetCrossentropy`, and to
                `PartialBinaryCrossentropy` of a multi-label classifier.
            unlabeled: What a sample whose label is missing may be:
                `"unknown"`, anything; `"not_new"`, any class but the new
                ones, because all of those were labeled; `"background"`,
                the class of that name. Defaults to `None`, none is missing.
                In a multi-label classifier, what a new class is that is not
                named, absent for `"not_new"`; old ones are unknown.
            parents: Dict of names of new classes: the old class that each
                was counted as, or `None` if it was never in old data. Old
                labels of that class may then be either. Defaults to `None`,
                never, if no label is missing. In a multi-label classifier
                what shows the new class shows the parent too, and classes
                that are not in the dict were not looked for in old data.
            shares: Dict of names of new classes: which part of the old class
                each was, from 0 to 1; in a multi-label classifier, of the
                pictures that were not looked at for it (of those that show
                the parent, if it has one). Defaults to `None`, not known.
            old_data: Data of known classes that is at hand, as `(x, y)` or a
                data set, replayed as it is beside exemplars. Defaults to
                `None`.
            old_version: Int, the `label_space.version` at which it was
                labeled. Defaults to `None`, that before this phase.
            auxiliary: Pictures without labels, or a data set of them, of
                anything: some recipes learn from them too.
            distillation: Loss of teacher and student logits, or `None`.
                `"auto"` takes `DistillationCrossentropy`.
            bias_correction: Callback against the bias to new classes, or
                `None`.
                `"auto"` takes `MarginCalibration` where no old class can be
                replayed.
            tune: List of recipes, or `None`. They are tried on a part of this
                data and of the memory, and measured on the rest of it; the
                phase is learned by the best. Defaults to `None`.
            backbone_learning_rate: Float, for what is trainable below the
                head. Defaults to a hundredth of the head's.
            cache_features: Bool. `False` runs the whole network in every
                epoch, and draws no features. Defaults to `True`.
            callbacks: List of Keras callbacks. They see what trains; one with
                a method `on_phase_end` is given the report at the end.
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
            bias_correction=bias_correction,
            tune=tune,
            backbone_learning_rate=backbone_learning_rate,
            cache_features=cache_features,
            callbacks=callbacks,
            verbose=verbose,
        )
        applied = options.applied_to(self.recipe)
        self.problem.objective.check_recipe(applied, options.callbacks)
        if tune is not None:
            self.problem.objective.check_method("tune")
        for candidate in tune or ():
            self.problem.objective.check_recipe(candidate)
        partial_labels = PartialLabels(unlabeled, parents, shares)
        exclusive = self.problem.codec.exclusive
        partial_labels.check(self.classes, exclusive)
        samples = read_samples(
            x,
            y,
            classes,
            self.classes,
            batch_size,
            steps,
            meaning=unlabeled,
            problem=self.problem,
        )
        samples = dataclasses.replace(
            samples,
            partial_labels=partial_labels.resolve(
                samples.labels, samples.new_classes, self.classes, exclusive
            ),
        )
        old = read_old(self, old_data, old_version, batch_size, steps)
        samples = dataclasses.replace(samples, old=checks.fitted(old, self))
        validation = read_validation(
            validation_data,
            samples.names,
            batch_size,
            steps,
            self.problem,
        )
        auxiliary = read_auxiliary(auxiliary, batch_size, steps)
        checks.check_gate(gate, samples, validation)
        checks.check_auxiliary(self.recipe, auxiliary)
        return session.learn(
            self,
            checks.phase_classes(samples, self),
            checks.fitted(validation, self),
            checks.fitted(auxiliary, self),
            gate,
            options,
        )

    def remember(
        self,
        x,
        y=None,
        classes=None,
        *,
        batch_size=32,
        steps=None,
        version=None,
    ):
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
            version: Int, the `label_space.version` at which it was labeled.
                Defaults to `None`, the present one.
        """
        self.problem.objective.check_method("remember")
        version = checked_version(version, self.label_space)
        samples = read_known(
            x,
            y,
            classes,
            self.classes,
            batch_size,
            steps,
            self.problem,
        )
        samples = dataclasses.replace(samples, version=version)
        session.remember(self, checks.phase_classes(samples, self), batch_size)

    def rollback(self):
        """Goes back to before the last accepted `learn`, one phase at most.

        Raises:
            ValueError: if there is no phase to go back to.
        """
        session.rollback(self)
