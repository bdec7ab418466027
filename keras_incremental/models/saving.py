import copy
import dataclasses
import io
import os
from collections.abc import Sequence
from typing import Self

import keras
import numpy as np

from keras_incremental.conversion.other_outputs import split_outputs
from keras_incremental.data.label_space import LabelSpace
from keras_incremental.memory.base_memory import checked_ids
from keras_incremental.models import editing
from keras_incremental.models import file_checks
from keras_incremental.models.editing import ErasureReport
from keras_incremental.models.exporting.export import ExportingMixin
from keras_incremental.models.exporting.plain import plain_model
from keras_incremental.models.exporting.plain import write_plain
from keras_incremental.models.file_checks import warn_of_lost_state
from keras_incremental.models.file_checks import warn_of_missing_code
from keras_incremental.models.inputs import checks
from keras_incremental.models.loading import keep_snapshot
from keras_incremental.models.transaction import changing
from keras_incremental.problems.objectives import label_loss
from keras_incremental.regularizers.quadratic_penalty import QuadraticPenalty
from keras_incremental.reporting.record import PhaseRecord
from keras_incremental.statistics import FeatureStatistics
from keras_incremental.statistics.low_rank import load_statistics
from keras_incremental.utils import files
from keras_incremental.utils import state
from keras_incremental.utils.graph import HeadSplit
from keras_incremental.utils.model_outputs import OutputLayout
from keras_incremental.utils.types import Config
from keras_incremental.utils.types import Store

MEMORY_FILE = "exemplars.npz"
# In the compile configuration: whether the optimizer has ever stepped.
TRAINED = "trained"


class _WeightsInMemory(io.BytesIO):
    """A file in memory, which Keras takes for one of weights."""

    def __str__(self):
        return "model.weights.h5"


class SavingMixin(ExportingMixin):
    """Methods that keep and edit what an `IncrementalClassifier` knows.

    In a `.keras` file, names and groups are in the configuration, feature
    statistics and penalties beside the weights, exemplars in an asset, with
    the place in the stream of a `Reservoir`. A plain file has none of that.
    """

    statistics: FeatureStatistics
    phases: tuple[PhaseRecord, ...]

    def save(
        self,
        filepath: str | os.PathLike,
        overwrite: bool = True,
        zipped: bool | None = None,
        *,
        keep_snapshots: int | None = None,
        **kwargs,
    ) -> None:
        """Saves the whole classifier to one `.keras` file.

        An existing file is replaced only when the new one is complete and
        synced to the disk. `keras.callbacks.ModelCheckpoint` uses this method;
        `keras.saving.save_model` does not, and writes in place. A warning
        lists layers whose code is not part of the file, and names the first
        one whose state is not.

        Args:
            filepath: String or path. An address such as `hf://...` is left
                to Keras.
            overwrite: Bool. Whether an old file is replaced without asking.
                Defaults to `True`.
            zipped: Bool. `False` writes a new folder. Defaults to `None`: a
                file.
            keep_snapshots: Int. How many old files stay beside the new one,
                one for each phase, for `models.rollback_file`: that of phase
                2 of `pets.keras` as `pets.phase-2.keras`. Defaults to `None`,
                none more.
            **kwargs: Arguments of `keras.Model.save`.

        Raises:
            ValueError: if the name does not end in `.keras`, or snapshots are
                asked for of something else than a file.
            FileExistsError: if `filepath` is a folder.
        """
        warn_of_missing_code(self)
        warn_of_lost_state(self.features)
        one_file = _is_local(filepath) and zipped is not False
        if keep_snapshots is not None and not one_file:
            raise ValueError(
                "Snapshots are kept of local files. Received: keep_snapshots="
                f"{keep_snapshots}, filepath={os.fspath(filepath)!r}, zipped="
                f"{zipped}. Leave out `keep_snapshots`."
            )
        if not _is_local(filepath):
            super().save(filepath, overwrite, zipped, **kwargs)
            return
        if zipped is not False and not _ends_in(filepath, ".keras"):
            raise ValueError(
                "`filepath` must end in `.keras`, the format that keeps "
                "exemplars and statistics too. Received: filepath="
                f"{os.fspath(filepath)!r}. Rename it, or call `to_keras()` "
                "for a model without them."
            )
        if overwrite or state.may_overwrite(filepath):
            keep_snapshot(filepath, self.num_phases, keep_snapshots)
            with files.replacing(filepath) as part:
                super().save(part, zipped=zipped, **kwargs)

    def save_weights(
        self,
        filepath: str | os.PathLike,
        overwrite: bool = True,
        max_shard_size: float | None = None,
    ) -> None:
        """Saves weights alone, see `keras.Model.save_weights`.

        An old file of that name stays until the new one is whole, unless
        the weights are divided among several files.

        Args:
            filepath: String or path that ends in `.weights.h5`.
            overwrite: Bool. Whether an old file is replaced without asking.
                Defaults to `True`.
            max_shard_size: Float, the most gigabytes of one file. Defaults
                to `None`, any.
        """
        if max_shard_size is not None or not _is_local(filepath):
            super().save_weights(filepath, overwrite, max_shard_size)
        elif not _ends_in(filepath, ".weights.h5"):
            raise ValueError(
                "`filepath` must end in `.weights.h5`. Received: filepath="
                f"{os.fspath(filepath)!r}. Rename it, or call `save` for a "
                "`.keras` file."
            )
        elif overwrite or state.may_overwrite(filepath):
            # HDF5 ends the process if it closes a file that has no room.
            file = _WeightsInMemory()
            super().save_weights(file)
            with files.replacing(filepath) as part:
                part.write_bytes(file.getbuffer())

    def load_weights(
        self, filepath: str | os.PathLike, skip_mismatch: bool = False, **kwargs
    ) -> None:
        if skip_mismatch:
            raise ValueError(
                "`skip_mismatch` would not load the columns of old classes. "
                "Received: "
                f"skip_mismatch={skip_mismatch}. Load the classifier by "
                "`keras.models.load_model`, and call `learn` to add classes."
            )
        super().load_weights(filepath, skip_mismatch, **kwargs)

    def to_keras(
        self, filepath: str | os.PathLike | None = None
    ) -> keras.Model:
        """Returns a plain Keras model, without anything of this package.

        Args:
            filepath: Where to save it as a `.keras` file, or `None`. The
                names of the classes are then in its `metadata.json`
                (`keras_incremental.models.read_class_names`).

        Returns:
            A `keras.Model` that ends in a `Dense` layer, with the weights
            copied and the names in `model.class_names`. It reads tokens
            where this classifier has a `preprocessor`:
            `model.predict(clf.preprocessor(texts))`.
        """
        model = plain_model(self)
        if filepath is not None:
            write_plain(model, filepath)
        return model

    def rename(self, names: dict[str, str]) -> None:
        """Changes the names of classes.

        Weights and the indices of outputs stay as they are.

        Args:
            names: Dict of names and new names.

        Raises:
            ValueError: if a name is not known, or a new one is taken.
        """
        label_space = editing.renamed(self.label_space, names)
        names = dict(zip(self.classes, label_space.classes, strict=True))
        with changing(self):
            self._class_weight = {
                names.get(name, name): weight
                for name, weight in self.class_weight.items()
            }
            self._edit(label_space)

    def merge(self, names: dict[str, str]) -> None:
        """Merges classes into others.

        The probability of the other is then the sum of both, exactly; the
        output of the merged class is 0. Its exemplars stay, and stand for
        either. Where classes do not exclude each other, the other is as
        probable as the more probable of the two.

        Args:
            names: Dict of names, and the name that each is merged into.

        Raises:
            ValueError: if a name is not known, or is merged already, or if
                the recipe has a loss that cannot learn from merged classes.
        """
        label_space = editing.merged(self.label_space, names)
        if self.problem.codec.exclusive:
            label_loss(self.recipe, label_space.meaning())
        self._edit(label_space)

    def remove(self, names: list[str] | tuple[str, ...]) -> ErasureReport:
        """Removes classes, and deletes their exemplars and statistics.

        Exemplars, mean features and what a head in closed form knows of them
        are deleted, the output is 0, and the other probabilities are as if
        the class had never been. The state to roll back to, cached features,
        the calibration for unknown samples and the momentum of the optimizer
        are deleted too. What trained weights learned of these samples stays
        in the weights: train anew without them where that is not allowed.

        Args:
            names: List of names.

        Returns:
            An `ErasureReport`: what was deleted, and what remains.

        Raises:
            ValueError: if a name is not known, or no class would be left.
        """
        return editing.remove(self, *editing.removed(self.label_space, names))

    def forget(self, ids: Sequence[int] | np.ndarray) -> ErasureReport:
        """Deletes exemplars, and takes them out of the statistics.

        A head in closed form is solved as if it had never seen them; what is
        deleted besides is what `remove` deletes. They must have been learned
        by this classifier; one that was shown to it twice counts twice in the
        statistics, and is taken out once.

        Args:
            ids: Ints, as in `memory.ids`. Those not stored are passed over.

        Returns:
            An `ErasureReport`: what was deleted, and what remains.

        Raises:
            ValueError: if there is no memory.
            TypeError: if `ids` are no integers.
        """
        if self.memory is None:
            raise ValueError(
                "`forget` deletes exemplars of a memory. Received: a "
                "classifier without a memory. `remove` a class, or train a "
                "new model."
            )
        return editing.forget(self, checked_ids(ids))

    def _edit(self, label_space):
        with changing(self):
            self.label_space = label_space
            # Predictions of classes are part of the compiled functions.
            state.forget_compiled(self)

    def _whole_features(self):
        """The model below the head, and of the other outputs."""
        if self.others is None:
            return self.features
        return self.others.joined_with(self.features)

    def get_config(self) -> Config:
        if state.writes_hdf5():
            raise ValueError(
                "An HDF5 file has no place for exemplars, statistics and "
                f"names. Received: the classifier '{self.name}', in "
                "`keras.saving.save_model`. Call `clf.save` with a path that "
                "ends in `.keras`, or save `clf.to_keras()`."
            )
        serialize = keras.saving.serialize_keras_object
        return {
            "format": file_checks.FORMAT,
            "name": self.name,
            "features": serialize(self._whole_features()),
            "outputs": self.others and dataclasses.asdict(self.others.layout),
            "preprocessor": self.preprocessor and serialize(self.preprocessor),
            "frozen": state.frozen_layers(self.features),
            "head": serialize(self.head),
            "activation": self.activation,
            "classes": list(self.classes),
            "label_space": self.label_space.get_config(),
            "recipe": serialize(self.recipe),
            "seed": self.seed,
            "train_batch_norm": self.train_batch_norm,
            "multi_label": self.multi_label,
            "backbone_learning_rate": self.backbone_learning_rate,
            # A folder is of this machine.
            "cache_features": bool(self.cache_features),
            "max_class_drop": self.max_class_drop,
            "class_weight": self.class_weight,
            "problem": self.problem.name,
            "phases": [record.get_config() for record in self.phases],
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Config | None = None
    ) -> Self:
        def deserialize(value):
            return keras.saving.deserialize_keras_object(value, custom_objects)

        config = dict(config)
        file_checks.check_format(config.pop("format", file_checks.FORMAT))
        features, others = deserialize(config.pop("features")), None
        preprocessor = config.pop("preprocessor", None)
        if preprocessor is not None:
            preprocessor = deserialize(preprocessor)
            file_checks.check_preprocessor(preprocessor)
        layout = config.pop("outputs", None)
        if layout is not None:
            layout["names"] = tuple(layout["names"])
            features, others = split_outputs(features, OutputLayout(**layout))
        state.freeze_layers(features, config.pop("frozen", ()))
        split = HeadSplit(
            features,
            deserialize(config.pop("head")),
            config.pop("activation"),
            others=others,
            preprocessor=preprocessor,
        )
        # Files of 0.1 have a memory in the place of a recipe.
        parts = {
            key: deserialize(value)
            for key in ("recipe", "memory")
            if (value := config.pop(key, None))
        }
        label_space = config.pop("label_space", None)
        phases = map(PhaseRecord.from_config, config.pop("phases", ()))
        classifier = cls(split, **parts, **config)
        classifier.phases = tuple(phases)
        if label_space is not None:
            label_space = LabelSpace.from_config(label_space)
            file_checks.check_label_space(label_space, classifier.classes)
            classifier.label_space = label_space
        return classifier

    def get_compile_config(self) -> Config:
        config = super().get_compile_config()
        if config:
            config[TRAINED] = bool(self.optimizer and self.optimizer.built)
        return config

    def compile_from_config(self, config: Config) -> None:
        config = dict(config)
        trained = config.pop(TRAINED, True)
        super().compile_from_config(copy.deepcopy(config))
        if not trained:
            # Keras built an optimizer that the file has no variables of.
            self.compile(**keras.saving.deserialize_keras_object(config))

    def save_own_variables(self, store: Store) -> None:
        store["phases"] = np.asarray(self.num_phases)
        self.statistics.save_to(store)
        for index, variable in enumerate(self.weights):
            penalty = variable.regularizer
            if isinstance(penalty, QuadraticPenalty):
                store[f"importance_{index}"] = penalty.importance
                store[f"reference_{index}"] = penalty.reference
                store[f"strength_{index}"] = np.asarray(penalty.strength)

    def load_own_variables(self, store: Store) -> None:
        names = set(store.keys())
        statistics = load_statistics(store, self.head.input_dim)
        file_checks.check_statistics(
            statistics, len(self.classes), self.head.input_dim
        )
        self.num_phases = file_checks.read_count("phases", store["phases"])
        self.statistics = statistics
        for index, variable in enumerate(self.weights):
            if f"importance_{index}" in names:
                variable.regularizer = QuadraticPenalty(
                    np.asarray(store[f"importance_{index}"]),
                    np.asarray(store[f"reference_{index}"]),
                    float(np.asarray(store[f"strength_{index}"])),
                    also=variable.regularizer,
                )

    def save_assets(self, dir_path: str) -> None:
        # The last bits of features depend on the batch that they were
        # computed in. So this process computes them anew, as one that loads
        # the file does, and both go on to the same weights.
        self.drop_cached_features()
        if self.memory is not None:
            # An empty one knows its place in a stream, and the next identity.
            self.memory.save(os.path.join(dir_path, MEMORY_FILE))

    def load_assets(self, dir_path: str) -> None:
        path = os.path.join(dir_path, MEMORY_FILE)
        if self.memory is not None and os.path.exists(path):
            self.memory.load(path)
            checks.check_memory(self)


def _is_local(filepath):
    """Returns whether it is a path, and not an address."""
    return "://" not in os.fspath(filepath)


def _ends_in(filepath, suffix):
    return os.fspath(filepath).endswith(suffix)
