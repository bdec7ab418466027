import copy
import functools
import hashlib
import json
import math

import keras
import numpy as np

from keras_incremental.conversion.padding import masked_value
from keras_incremental.data.feature_cache import FeatureCache
from keras_incremental.data.feature_cache import keys_of
from keras_incremental.data.feature_folder import FeatureFolder
from keras_incremental.utils import devices
from keras_incremental.utils import graph
from keras_incremental.utils import large_arrays
from keras_incremental.utils import records
from keras_incremental.utils import state
from keras_incremental.utils import varying
from keras_incremental.utils import weight_values
from keras_incremental.utils.long_progress import LongProgress
from keras_incremental.utils.probes import probe_of

# Floats a sample: 256 KiB.
MAX_CACHED = 2**16
# What names layers in a configuration.
NAMED = ("name", "keras_history", "input_layers", "output_layers")


class Backbone:
    """The part of a network that no phase changes, run once per sample.

    Args:
        features: Model from samples to what the head reads.
        cache: Bool, or `FeatureFolder` to cache in. `False` runs everything
            end to end. Defaults to `True`.

    Attributes:
        frozen: Model from samples to what is cached, or `None` where
            nothing below the head is frozen and deterministic.
        upper: Model from there to the head, or `None`.
        cached: `FeatureCache` of what `frozen` gave.
        trains: Bool. Whether anything below the head trains.
    """

    def __init__(self, features, cache=True):
        self.frozen, self.upper = graph.split_frozen(features)
        if not cache or _is_large(self.frozen, self.upper):
            self.frozen, self.upper = None, features
        self.is_trainable = bool(features.trainable_variables)
        self._key = _key(features, cache)
        self._fingerprint = self._hash()
        self._folder = cache if isinstance(cache, FeatureFolder) else None
        self.cached = self._new_cache()
        self._features = features
        self._probe = None

    def still_fits(self, features, cache=True):
        """Whether trainability and frozen weights are as they were."""
        return (
            _key(features, cache) == self._key
            and self._hash() == self._fingerprint
        )

    def emptied(self, erase=False):
        """Returns the same, traced as it is, with nothing cached in memory.

        Args:
            erase: Bool. Whether a folder loses its features too. Defaults to
                `False`: what waits is written to it.
        """
        other = copy.copy(self)
        if self._folder is not None:
            self.cached.forget_waiting() if erase else self.cached.flush()
            if erase:
                self._folder.erase()
        other.cached = self._new_cache()
        return other

    def _new_cache(self):
        if self._folder is None or self.frozen is None:
            return FeatureCache()
        return self._folder.of(_kind(self.frozen, self._fingerprint))

    def features_of(self, inputs, verbose=0):
        """What the head reads, of what `inputs_for` gave."""
        if self.upper is None:
            return inputs
        return _run(self.upper, inputs, verbose=verbose)

    @functools.cached_property
    def masked_value(self):
        """Number that sequences may be padded by, `None` if there is none."""
        return masked_value(self._features)

    @property
    def caches_head_inputs(self):
        """Whether the cached features are the inputs of the head."""
        return self.frozen is not None and (
            self.upper is None or not self.upper.weights
        )

    def probe(self):
        """Returns features of made-up samples, that tell the backbone."""
        if not self.caches_head_inputs:
            return probe_of(self._features)[1]
        # Else a change of weights would make another backbone.
        if self._probe is None:
            self._probe = probe_of(self._features)[1]
        return self._probe

    def valid_statistics(self, statistics):
        """Statistics that will hold in the next phase: none, if it moves."""
        return type(statistics)() if self.is_trainable else statistics

    def student_inputs(self, samples, batch_size=32, verbose=0):
        """What the student reads: the samples, or features cached of them.

        The same sample, in any call, runs through the frozen part once.
        """
        if self.frozen is None or not len(samples):
            # Those of a memory in a file are read here.
            differ = varying.varies(samples)
            return samples[:] if differ else np.asarray(samples)
        return _in_batches(self._cached, samples, batch_size, verbose)

    def passing_inputs(self, samples, batch_size=32):
        """What the student reads, of samples that may never come again.

        What is computed is not cached; what is cached already is used.
        """
        if self.frozen is None:
            return np.asarray(samples)
        keys = keys_of(samples)
        missing = self.cached.missing(keys)
        found = [key for key in dict.fromkeys(keys) if key not in missing]
        rows = {}
        if found:
            rows = dict(zip(found, self.cached.rows(found, {}), strict=True))
        places = list(missing.values())
        for start in range(0, len(places), batch_size):
            part = samples[places[start : start + batch_size]]
            # `predict` has no place in a thread that reads batches.
            features = _run(self.frozen, part, batch_size)
            arriving = list(missing)[start : start + batch_size]
            rows.update(zip(arriving, features, strict=True))
        return np.stack([rows[key] for key in keys])

    def _cached(self, samples, batch_size, verbose):
        keys = keys_of(samples)
        missing, computed = self.cached.missing(keys), {}
        if missing:
            arriving = samples[list(missing.values())]
            rows = _run(self.frozen, arriving, batch_size, verbose)
            computed = dict(zip(missing, rows, strict=True))
        return self.cached.rows(keys, computed)

    def _hash(self):
        weights = self.frozen.weights if self.frozen else ()
        return weight_values.digest_of(weights)


def _run(model, inputs, batch_size=32, verbose=0):
    """Returns outputs of a model, which reads large arrays by batches."""
    if varying.is_varying(inputs):
        return _run_by_shape(model, inputs, batch_size, verbose)
    predict = functools.partial(_predict, model)
    return _in_batches(predict, inputs, batch_size, verbose)


def _run_by_shape(model, inputs, batch_size, verbose):
    progress = LongProgress("predicting", len(inputs), verbose, "sample")

    def run(part):
        outputs = _run(model, part, batch_size)
        progress.add(len(part))
        return outputs

    return varying.by_shape(run, inputs)


def _predict(model, inputs, batch_size, verbose):
    """Returns outputs, however many inputs there are, by one function.

    `predict` takes long to begin, in a stream often, and TensorFlow traces a
    model for it anew.
    """
    if len(inputs) > batch_size and not devices.is_one(model):
        return devices.predict(model, inputs, batch_size, verbose)
    chunks = np.split(inputs, range(batch_size, len(inputs), batch_size))
    progress = LongProgress("predicting", len(chunks), verbose)
    outputs = []
    for chunk in chunks:
        batch = records.readable(chunk)
        outputs.append(devices.predict_on_batch(model, batch))
        progress.add()
    return np.concatenate(outputs) if len(chunks) > 1 else outputs[0]


def _in_batches(function, x, batch_size, verbose):
    """Returns what a function gives for an array, by batches if it is large.

    `predict` would copy all of it into the memory of the backend.
    """
    if not large_arrays.is_large(x.nbytes):
        return function(x[:], batch_size, verbose)
    progress = LongProgress("predicting", len(x), verbose, "sample")
    outputs = None
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        part = function(x[rows], batch_size, 0)
        if outputs is None:
            shape = (len(x), *part.shape[1:])
            outputs = large_arrays.empty(shape, part.dtype)
        outputs[rows] = part
        progress.add(len(part))
        large_arrays.release(x)
        large_arrays.release(outputs)
    return outputs


def _key(model, cache):
    return cache, tuple(variable.trainable for variable in model.variables)


def _kind(frozen, fingerprint):
    """Returns what tells frozen layers from all others, in any process."""
    try:
        config = json.loads(frozen.to_json())
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(
            "Features are kept in a folder where the layers can be told by "
            f"their configuration. Received: {error}. Give the layers of your "
            "own a `get_config`, or pass `cache_features=True`."
        ) from error
    # Keras numbers what has no name, so that each process has others.
    layers = [frozen, *state.flatten_layers(frozen)]
    names = {layer.name: k for k, layer in reversed([*enumerate(layers)])}
    config = _numbered(config, names)
    parts = (config, fingerprint, keras.backend.backend(), keras.__version__)
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _numbered(config, names, is_name=False):
    """Returns a configuration with the numbers of layers for their names."""
    if isinstance(config, dict):
        return {
            key: _numbered(value, names, key in NAMED)
            for key, value in config.items()
        }
    if isinstance(config, list):
        return [_numbered(value, names, is_name) for value in config]
    known = is_name and isinstance(config, str)
    return names.get(config, config) if known else config


def _is_large(frozen, upper):
    """Whether keeping feature maps would cost more than it saves.

    Those of an open size might.
    """
    if frozen is None or upper is None:
        return False
    shape = frozen.output_shape[1:]
    return None in shape or math.prod(shape) > MAX_CACHED
