import threading

import keras
import numpy as np

from keras_incremental.utils import graph

# Every int up to here is a float32.
MOST_LABELS = 2**24


def with_teacher(
    data,
    teacher: keras.Model,
    y=None,
    sample_weight=None,
    batch_size: int = 32,
    from_logits: bool | None = None,
    verbose: int | str = 0,
):
    """Adds the outputs of a teacher to labels, for `LossWithTeacher`.

    The teacher runs in inference mode, on exactly what the student will see.
    Arrays pass through it once. A `tf.data.Dataset` or a `PyDataset` may
    shuffle and augment anew in each epoch, so the teacher sees each batch
    when it is drawn; where nothing is random, append `.cache()` to the
    resulting `tf.data.Dataset`, and the teacher runs once.

    Args:
        data: Array of inputs (or a structure of arrays), a tuple `(x, y)` or
            `(x, y, sample_weight)` of arrays, or a `tf.data.Dataset` or
            `keras.utils.PyDataset` of batches of such tuples.
        teacher: `keras.Model`, as it was before the new classes came. It
            must not share weights with the model in training.
        y: Array of labels, if `data` is only the inputs: ints, or one-hot.
            Defaults to `None`.
        sample_weight: Array or `None`, passed on. Defaults to `None`.
        batch_size: Int, for arrays. A larger value is faster and takes more
            memory. Defaults to `32`.
        from_logits: Boolean. Whether the teacher gives logits, not
            probabilities. Defaults to what its last layer says.
        verbose: As in `keras.Model.predict`. Defaults to `0`.

    Returns:
        What `fit` takes, of the kind of `data`: `(x, y)` or `(x, y,
        sample_weight)`, where `y` has shape `(batch_size, ..., labels +
        num_old)`, dtype float32, the logits of the teacher last.

    Raises:
        ValueError: if there are no labels, if labels or teacher outputs are
            not finite numbers, or if their shapes do not fit.
    """
    teacher = _Teacher(teacher, from_logits)
    if isinstance(data, keras.utils.PyDataset):
        return _TaughtPyDataset(data, teacher)
    if hasattr(data, "element_spec") and hasattr(data, "map"):
        return _taught_dataset(data, teacher)
    if hasattr(data, "__next__") or hasattr(data, "dataset"):
        raise TypeError(
            "`data` of `with_teacher` must be arrays, a `tf.data.Dataset` or "
            f"a `keras.utils.PyDataset`. Received: {type(data).__name__}."
        )
    x, y, *weights = _as_tuple(data, y, sample_weight)
    logits = teacher.predict(x, batch_size, verbose)
    return (x, join(y, logits), *weights)


def join(labels, logits) -> np.ndarray:
    """Labels and logits of a teacher in one array, along the last axis.

    Args:
        labels: Array of ints `(batch_size, ...)` or `(batch_size, ..., 1)`,
            or of one-hot labels `(batch_size, ..., num_classes)`.
        logits: Array `(batch_size, ..., num_old)`.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "biuf":
        raise ValueError(
            "Labels must be numbers. Received: y.dtype="
            f"{labels.dtype}. Give the index of each class."
        )
    if labels.ndim == logits.ndim - 1:
        labels = labels[..., None]
    if labels.shape[:-1] != logits.shape[:-1]:
        raise ValueError(
            "Labels must have one value, or one-hot values, for each output "
            f"of the teacher. Received: y.shape={labels.shape}, teacher "
            f"outputs of shape {logits.shape}."
        )
    if not np.all(np.abs(labels) < MOST_LABELS):
        raise ValueError(
            f"Labels must be finite and below {MOST_LABELS}, to be exact in "
            f"float32. Received: y from {labels.min()} to {labels.max()}."
        )
    return np.concatenate([labels, logits], -1).astype("float32")


class _Teacher:
    def __init__(self, model, from_logits):
        if from_logits is None:
            from_logits = _gives_logits(model)
        self.model = model
        self.from_logits = from_logits
        # Data is also drawn by the threads of a PyDataset.
        self._lock = threading.Lock()

    def predict(self, x, batch_size, verbose):
        outputs = self.model.predict(x, batch_size=batch_size, verbose=verbose)
        return self._logits(outputs)

    def predict_on_batch(self, x):
        with self._lock:
            return self._logits(self.model.predict_on_batch(x))

    def output_shape(self, spec):
        tensors = keras.tree.map_structure(
            lambda s: keras.KerasTensor(s.shape, s.dtype.name), spec
        )
        return self.model.compute_output_spec(tensors).shape

    def _logits(self, outputs):
        outputs = np.asarray(outputs, "float32")
        if not np.isfinite(outputs).all():
            raise ValueError(
                f"Teacher '{self.model.name}' gives outputs that are not "
                "finite. Check its weights and its inputs."
            )
        if self.from_logits:
            return outputs
        return np.log(np.maximum(outputs, keras.config.epsilon()))


class _TaughtPyDataset(keras.utils.PyDataset):
    def __init__(self, inner, teacher):
        if inner.use_multiprocessing:
            raise ValueError(
                "A PyDataset with a teacher cannot use processes, which have "
                "no copy of the teacher. Received: use_multiprocessing=True. "
                "Use threads, by `workers` alone."
            )
        super().__init__(
            workers=inner.workers, max_queue_size=inner.max_queue_size
        )
        self._inner = inner
        self._teacher = teacher

    @property
    def num_batches(self):
        return self._inner.num_batches

    def __len__(self):
        return len(self._inner)

    def __getitem__(self, index):
        x, y, *weights = _as_tuple(self._inner[index])
        return (x, join(y, self._teacher.predict_on_batch(x)), *weights)

    def on_epoch_begin(self):
        self._inner.on_epoch_begin()

    def on_epoch_end(self):
        self._inner.on_epoch_end()


def _taught_dataset(dataset, teacher):
    import tensorflow as tf

    x_spec, y_spec, *_ = _as_tuple(dataset.element_spec)
    shape = _joined_shape(y_spec.shape, teacher.output_shape(x_spec))

    def joined(y, *flat):
        x = keras.tree.pack_sequence_as(x_spec, flat)
        return join(y, teacher.predict_on_batch(x))

    def teach(x, y, *weights):
        inputs = [y, *keras.tree.flatten(x)]
        taught = tf.numpy_function(joined, inputs, tf.float32)
        taught.set_shape(shape)
        return (x, taught, *weights)

    return dataset.map(teach)


def _joined_shape(labels, logits):
    if len(labels) == len(logits) - 1:
        labels = (*labels, 1)
    batched = len(logits) > 1
    if not batched or len(labels) != len(logits) or labels[-1] is None:
        raise ValueError(
            "Labels must have one value, or one-hot values, for each output "
            f"of the teacher. Received: y.shape={tuple(labels)}, teacher "
            f"outputs of shape {tuple(logits)}. Batch the data set first."
        )
    return (*labels[:-1], labels[-1] + logits[-1])


def _as_tuple(data, y=None, sample_weight=None):
    if y is not None:
        weights = () if sample_weight is None else (sample_weight,)
        return (data, y, *weights)
    if isinstance(data, tuple) and len(data) in (2, 3):
        return data
    raise ValueError(
        "`with_teacher` needs labels beside the inputs. Received: "
        f"{type(data).__name__} and y=None. Give `(x, y)`, or data that "
        "yields it."
    )


def _gives_logits(model):
    try:
        activation = graph.split_head(model).activation
    except ValueError as error:
        raise ValueError(
            f"What teacher '{getattr(model, 'name', model)}' gives is "
            f"unknown ({error}) Say `from_logits=True`, or `False` for "
            "probabilities."
        ) from error
    if activation == "sigmoid":
        raise ValueError(
            f"Teacher '{model.name}' ends in a sigmoid. Its classes do not "
            "compete, so their softmax means nothing. Give a teacher that "
            "ends in logits or in a softmax."
        )
    return activation is None
