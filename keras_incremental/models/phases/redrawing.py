"""New samples that a data set gives anew in each epoch of a phase."""

import copy
import dataclasses
import functools

import numpy as np

from keras_incremental.callbacks.phase_callback import HELD_OUT
from keras_incremental.callbacks.phase_callback import PhaseCallback
from keras_incremental.data import arrays
from keras_incremental.data.class_sample import short_keys_of
from keras_incremental.data.passes import Passes
from keras_incremental.models.inputs import checks
from keras_incremental.utils import large_arrays
from keras_incremental.utils import records
from keras_incremental.utils.user_warnings import warn

# Batches of a second reading that tell whether the first comes again.
COMPARED = 32


class RedrawnInputs:
    """What the student reads of new samples, from each reading of their data.

    Args:
        samples: `Samples` with a `rereading`.
        classifier: `IncrementalClassifier`.
        batch_size: Int, how many run through frozen layers at a time.
            Defaults to `32`.

    Attributes:
        count: Int. How many samples a reading gives.
        num_kept: Int. How many of them are kept.
    """

    def __init__(self, samples, classifier, batch_size=32):
        self.count = len(samples.all_labels)
        self.num_kept = len(samples.labels)
        self._first, self._classifier = samples, classifier
        self._backbone, self._batch_size = classifier.backbone, batch_size
        self._source = samples.rereading.source
        self._passes = Passes(self._source)
        self._stay = np.ones(self.count, bool)
        self._resolved = None

    def take(self, count):
        """Returns the next samples as the student reads them, and labels."""
        given, y = self._passes.take(count)
        samples = self._like_first(given, y)
        x = samples.x
        self._check_shape(x)
        if self._backbone.frozen is None:
            # One dtype, though the values of some passes are pixels.
            one = records.cast(given[:1], self._source.dtype)
            one = dataclasses.replace(
                self._first, x=one, labels=None, read_labels=None
            )
            form = checks.compatible(one, self._classifier)
            x = records.cast(x, form.x.dtype)
        x = self._backbone.passing_inputs(x, self._batch_size)
        return x, self._resolved_labels(samples.labels)

    def _check_shape(self, x):
        known, given = self._first.x.shape[1:], x.shape[1:]
        if self._backbone.frozen is None and given != known:
            raise ValueError(
                "Each reading of the samples to train on must give the same "
                f"shape. Received: `{self._first.argument}` with samples of "
                f"shape {known} first, and of {given} later. Pad or resize "
                "them to one shape."
            )

    def resolved(self, labels):
        """Returns the same, whose labels say what each sample may be.

        Args:
            labels: Labels of the first reading, by candidate sets.
        """
        given = self._first.labels
        if np.array_equal(given, labels):
            return self
        values, places = np.unique(given, return_index=True)
        other = copy.copy(self)
        other._resolved = dict(
            zip(values.tolist(), labels.ravel()[places].tolist(), strict=True)
        )
        return other

    def window(self, inputs):
        """Returns how many samples may be held at a time.

        Args:
            inputs: Array, what the student reads of the first reading.
        """
        full = np.prod(self._first.x.shape[1:]) * self._source.dtype.itemsize
        row = max(int(full), inputs[:1].nbytes, 1)
        return max(large_arrays.LIMIT // row, 1)

    @functools.cached_property
    def repeats(self):
        """Whether a second reading gives the samples of the first.

        That is asked of some batches, whatever their order.
        """
        return all(
            np.isin(self._keys(x, y), self._known).all()
            for x, y in self._source.second_pass(COMPARED)
        )

    def without(self, rows):
        """Leaves out samples of data that repeats, and all that equal them.

        A class whose samples are all equal keeps them.

        Args:
            rows: Ints, among the samples that are kept.

        Returns:
            `RedrawnInputs`, and bools: which of the kept samples stay.
        """
        places = self._first.rereading.rows
        kept = self._known if places is None else self._known[places]
        gone, labels = np.unique(kept[rows]), self._first.all_labels
        lost = np.setdiff1d(labels, labels[~np.isin(self._known, gone)])
        gone = np.setdiff1d(gone, self._known[np.isin(labels, lost)])
        stay = ~np.isin(kept, gone)
        other = copy.copy(self)
        other._stay = ~np.isin(self._known, gone)
        other.count, other.num_kept = int(other._stay.sum()), int(stay.sum())
        other._passes = Passes(
            self._source, lambda x, y: ~np.isin(self._keys(x, y), gone)
        )
        return other, stay

    @functools.cached_property
    def _known(self):
        """Keys of all samples of the first reading."""
        keys = self._first.rereading.keys
        return short_keys_of(self._first.x) if keys is None else keys

    def _keys(self, x, y):
        """Returns keys of a batch, as those of the first reading are made."""
        if self._first.rereading.keys is not None:
            return short_keys_of(x)
        x = self._like_first(arrays.compact(x), y).x
        found = _cast(x, self._first.x.dtype)
        return short_keys_of(x if found is None else found)

    @property
    def labels(self):
        """Labels of all samples of the first reading that stay."""
        return self._by_candidates(self._first.all_labels[self._stay])

    @property
    def is_partial(self):
        """Whether the first reading kept a part of its samples."""
        return self.num_kept < self.count

    def whole(self, verbose=0):
        """Returns `Samples` of all that one more reading gives.

        Args:
            verbose: Same as for `fit`. Defaults to `0`.
        """
        first = self._first
        x, y = self._source.collect(verbose=verbose)
        rereading = dataclasses.replace(first.rereading, keys=None)
        labels = rereading.encode(y, len(x))
        samples = dataclasses.replace(
            first, x=x, labels=labels, read_labels=None, rereading=rereading
        )
        return checks.compatible(samples, self._classifier)

    def _like_first(self, x, y):
        labels = self._first.rereading.encode(y, len(x))
        samples = dataclasses.replace(
            self._first, x=x, labels=labels, read_labels=None
        )
        return checks.compatible(samples, self._classifier)

    @property
    def needs_first_labels(self):
        """Whether labels of the first reading do not tell those of later."""
        first = self._first
        if first.codec.exclusive:
            return self._is_open(first.labels)
        parents = first.label_space(self._classifier).parents
        return any(parent >= 0 for parent in parents)

    def warn_if_random(self, parts):
        """Warns that random samples stay as they were drawn first.

        Args:
            parts: String, what the reason is.
        """
        if self.repeats:
            return
        argument = self._first.argument
        warn(
            f"`{argument}` gives other samples each time that it is read, but "
            f"{parts} must know them in advance. Received: a "
            f"{self._source.kind}. It is read only once, so that random "
            "augmentation is the same in each epoch. Put the augmentation "
            "into the model, or leave out that part."
        )

    def _resolved_labels(self, labels):
        if self._is_open(labels):
            raise ValueError(
                f"Some labels of `{self._first.argument}` are missing that "
                f"its first reading had. Received: a {self._source.kind} that "
                "gives other labels each time. Give it all labels, or pass "
                "arrays."
            )
        return self._by_candidates(labels)

    def _by_candidates(self, labels):
        if self._resolved is None:
            return labels
        values, places = np.unique(labels, return_inverse=True)
        ids = [self._resolved.get(value, value) for value in values.tolist()]
        return np.array(ids)[places].reshape(labels.shape)

    def _is_open(self, labels):
        """Returns whether the network fills in a label that is missing."""
        first = self._first
        fills = first.codec.exclusive and first.partial_labels.meaning
        return bool(fills) and bool((labels < 0).any())


def with_labels(inputs):
    """Returns inputs whose new samples get labels as theirs are by now.

    Args:
        inputs: `Inputs` with resolved labels, which are redrawn.
    """
    labels = inputs.new_labels[: inputs.redrawn.num_kept]
    ready = inputs.redrawn.resolved(labels)
    return dataclasses.replace(inputs, redrawn=ready)


def parts_by_sample(inputs, plan, batch_size, varies=False):
    """Returns what tells the samples of an epoch from each other, in words.

    It needs the first reading. If a second one gives the same samples, nothing
    is lost by that.

    Args:
        inputs: `Inputs`.
        plan: `Plan`.
        batch_size: Int.
        varies: Bool. Whether samples differed in shape before they were
            padded. Defaults to `False`.
    """
    return " and ".join(_parts_by_sample(inputs, plan, batch_size, varies))


def _parts_by_sample(inputs, plan, batch_size, varies):
    if varies:
        yield "the padding to one shape"
    if inputs.redrawn.needs_first_labels:
        yield "`partial_labels`"
    for callback in plan.phase_callbacks:
        if _reads_samples(callback, inputs.redrawn):
            yield f"`{type(callback).__name__}`"
    if plan.recipe.stage is not None:
        yield f"the balanced stage of recipe '{plan.recipe.name}'"
    if _chooses(plan.policy, inputs, batch_size):
        yield f"`{type(plan.policy).__name__}`"


def _reads_samples(callback, data):
    """Returns whether a callback trains on samples of its choice.

    What it holds out of a reading must not be in the next one.
    """
    selects = type(callback).select_samples is not PhaseCallback.select_samples
    holds_out = callback.required_data == HELD_OUT and callback.data is None
    return (
        selects
        or callback.trains_on_samples
        or (holds_out and not data.repeats)
    )


def _chooses(policy, inputs, batch_size):
    """Returns whether a policy tells new samples apart by more than labels."""
    labels, num_new = inputs.epoch_labels
    if _weighs_samples(policy, *inputs.known_labels):
        return True
    batches = policy.indices(
        labels, num_new, batch_size, np.random.default_rng(0)
    )
    shown = np.bincount(np.concatenate([*batches]), minlength=len(labels))
    return bool((shown[: inputs.redrawn.count] != 1).any())


def _weighs_samples(policy, labels, num_new):
    """Returns whether new samples of one label differ in weight."""
    weights = policy.weights(labels) if len(labels) else None
    if weights is None:
        return False
    pairs = np.stack([labels[:num_new], weights[:num_new]], axis=1)
    return len(np.unique(pairs, axis=0)) > len(np.unique(labels[:num_new]))


def _cast(x, dtype):
    """Returns an array in the dtype of another, or `None` if it does not fit.

    Args:
        x: Array, of records or not.
        dtype: dtype of the same fields.
    """
    if not records.is_records(x):
        return x.astype(dtype) if np.can_cast(x.dtype, dtype) else None
    fields = {
        name: _cast(field, dtype[name].base)
        for name, field in records.fields_of(x).items()
    }
    if any(field is None for field in fields.values()):
        return None
    return records.of_fields(fields, fields.values())
